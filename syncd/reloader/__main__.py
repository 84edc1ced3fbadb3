"""Print the one file: `python -m syncd.reloader > reloader.py`."""

import sys

from syncd.reloader import source


sys.stdout.write(source())
