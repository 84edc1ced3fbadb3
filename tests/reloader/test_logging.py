"""What a program logs while it starts."""

import subprocess
from pathlib import Path

from tests.reloader.running import PATIENCE_S, SCRIPT, plain, start


ONE_LINE = """
import logging, sys

class OneLine(logging.Formatter):
    def formatException(self, info):
        return f"caught {info[1]}"

handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(OneLine("%(message)s"))
logging.getLogger().addHandler(handler)
try:
    raise ValueError("no")
except ValueError:
    logging.exception("one line")
"""


def test_an_exception_is_logged_as_the_programs_own_formatter_writes_it(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(ONE_LINE)
    alone = subprocess.run(
        SCRIPT, cwd=folder, capture_output=True, check=True, text=True
    )
    with start(reloader, folder, SCRIPT) as running:
        running.process.wait(PATIENCE_S)
        text = running.log.close()

    assert text == alone.stdout.strip() == "one line\ncaught no"


def test_a_line_that_cannot_be_rendered_does_not_keep_a_program_from_starting(
    reloader: Path, folder: Path
) -> None:
    wrong = "import logging\nlogging.error('no place for', 1)\n"
    (folder / "main.py").write_text(wrong + plain("ANSWER = 'served'"))
    with start(reloader, folder, SCRIPT) as running:
        running.log.wait_for("--- Logging error ---")
        running.serves()

        assert running.get() == "served"
