"""What a program may do with its sockets, and with what it says of them."""

from pathlib import Path

from tests.reloader.running import SCRIPT, plain, start


RESERVES = """
import socket
reserved = socket.socket()
reserved.bind(("127.0.0.1", 0))

class ANSWER:
    def __str__(self):
        listens = reserved.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return f"it listens: {listens}"

ANSWER = ANSWER()
"""


def test_an_address_may_be_given_as_bytes(reloader: Path, folder: Path) -> None:
    texts = [plain(f"ANSWER = {i}").replace('("127', '(b"127') for i in (1, 2)]
    (folder / "main.py").write_text(texts[0])
    with start(reloader, folder, SCRIPT) as running:
        port = running.serves().port()

        assert running.edit("main.py", texts[1])["op"] == "serving"
        assert running.get() == "2"
        assert running.port() == port


def test_a_port_that_is_only_bound_is_not_listened_on(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain(RESERVES))
    with start(reloader, folder, SCRIPT) as running:
        assert running.serves().get() == "it listens: 0"


def test_a_failure_of_any_length_and_language_is_told(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()

        failed = running.edit("main.py", "raise ValueError('\U0001f631\x01' * 40_000)")

        assert failed["op"] == "failed"
        assert failed["line"] == 1
        assert failed["traceback"].endswith("\U0001f631\x01" * 1000 + "\n")
