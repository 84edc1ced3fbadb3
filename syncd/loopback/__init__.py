"""The embedded cluster: a Kubernetes API on 127.0.0.1 whose Pods are local processes.

    async with Loopback(images=[Image("web:1", files=folder, command=("./run",))]) as c:
        await c.apply(manifest)
        await c.ready("deployment/web")

It answers as Kubernetes 1.20 and 1.36 were recorded to answer, and is never kinder.
"""
