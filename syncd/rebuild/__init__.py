"""From a changed dependency to Pods that run it: decide, build, deliver, roll out.

Most changes need none of it: what counts is the normal form of the inputs, and an image
whose inputs have the same one is the same image.
"""
