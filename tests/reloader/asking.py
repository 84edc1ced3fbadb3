"""A program that answers with its version, and somebody who asks without a pause."""

import http.client
import threading

from tests.reloader.running import Running


PROGRAM = """\
import asyncio, os, time
VERSION = {version}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({{"type": "websocket.accept"}})
        await send({{"type": "websocket.send", "text": str(VERSION)}})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    if scope["path"] == "/stream":
        while True:
            await send({{"type": "http.response.body", "body": b"data: x\\n\\n",
                       "more_body": True}})
            await asyncio.sleep(0.05)
    if scope["path"] == "/block":
        open("blocked", "w").close()
        while os.path.exists("blocked"):
            time.sleep(0.01)
    if scope["path"] == "/held":
        await send({{"type": "http.response.body", "body": b"held ",
                   "more_body": True}})
        while os.path.exists("held"):
            await asyncio.sleep(0.01)
    if scope["path"] == "/slow":
        await send({{"type": "http.response.body", "body": b"slow ",
                   "more_body": True}})
        await asyncio.sleep(0.3)
    body = b""
    while scope["method"] == "POST":
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    body += str(VERSION).encode()
    await send({{"type": "http.response.body", "body": body}})
"""


def serve(running: Running, version: int) -> None:
    answer = running.edit("main.py", PROGRAM.format(version=version))
    assert answer["op"] == "serving"


class Asker(threading.Thread):
    """Asks, again and again: on one connection, or on a new one each time."""

    def __init__(self, port: int, oldest: list[int], *, keep: bool) -> None:
        super().__init__()
        self.port = port
        self.oldest = oldest
        self.keep = keep
        self.stop = threading.Event()
        self.answers = 0
        self.stale: list[tuple[int, int]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            while not self.stop.is_set():
                oldest = self.oldest[0]
                connection.request("GET", "/")
                response = connection.getresponse()
                version = int(response.read())
                self.answers += 1
                if version < oldest:
                    self.stale.append((version, oldest))
                if not self.keep:
                    connection.close()
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        finally:
            connection.close()
