"""A program under `uvicorn --reload` whose reloads fail in the three ways there are."""

PORT = 8080

# `/stream` answers without end: uvicorn waits for it before it reloads.
MAIN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = scope["path"] == "/stream"
    await send({"type": "http.response.body", "body": b"hello", "more_body": more})
    while more:
        more = (await receive())["type"] != "http.disconnect"
"""
BROKEN = MAIN + "import no_such_module\n"
STREAM = b"GET /stream HTTP/1.1\r\nHost: app\r\n\r\n"

# In the folder it stands before the real one: uvicorn falls back to StatReload then,
# which does not notice a module that is new.
NO_WATCHFILES = 'raise ImportError("not here")\n'
FILES = {"main.py": MAIN.encode(), "watchfiles.py": NO_WATCHFILES.encode()}


def command(host: str) -> tuple[str, ...]:
    """Return what serves the program, in its folder."""
    said = f"python3 -m uvicorn main:app --host {host} --port {PORT} --reload"
    return tuple(said.split())


PROBE = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
