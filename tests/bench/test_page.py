"""The page: whole in itself, and drawn by a real browser."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from syncd.bench.page import page
from syncd.bench.samples import Result
from tests.bench.results import result, rich_result


VOID = {"meta", "link", "br", "img"}


class Nesting(HTMLParser):
    """Whether every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.stack.append(tag)
        self.links += [v or "" for k, v in attrs if k in {"href", "src", "xlink:href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


@pytest.mark.parametrize("made", [rich_result(), result(syncd=[None]), result()])
def test_the_page_is_well_formed_and_asks_for_nothing(made: Result) -> None:
    text = page(made)

    nesting = Nesting()
    nesting.feed(text)
    assert nesting.stack == []
    assert nesting.links == ["data:,"]
    assert "@import" not in text
    assert "url(" not in text


def test_what_was_measured_cannot_become_markup() -> None:
    text = page(rich_result())

    assert "<script" not in text
    assert "&lt;b&gt;&amp;&#x27;" in text


def test_the_page_has_colours_for_light_and_for_dark() -> None:
    light, dark = page(rich_result()).split("prefers-color-scheme: dark", 1)

    colours = re.findall(r"(--[\w]+):", light[light.index(":root") :])
    assert set(colours) == set(re.findall(r"(--[\w]+):", dark.split("} }", 1)[0]))


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: nothing here draws a page")
    return found


def opened(
    browser: str, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    file = folder / "page.html"
    file.write_text(page(rich_result()))
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    quiet = "--disable-background-networking --disable-component-update --disable-sync"
    return subprocess.run(
        [
            *(browser, *flags.split(), *quiet.split()),
            "--enable-logging=stderr",
            f"--user-data-dir={folder}/profile",
            *options,
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )


def test_a_browser_draws_every_edit_and_has_nothing_to_complain_of(
    browser: str, tmp_path: Path
) -> None:
    done = opened(browser, tmp_path, "--dump-dom")

    assert done.stdout.count('class="dot"') == 11
    assert done.stdout.count('class="failed"') == 2
    assert "CONSOLE" not in done.stderr


def screenshot(browser: str, folder: Path, *options: str) -> bytes:
    """Return a picture of the page."""
    picture = folder / "page.png"
    folder.mkdir()
    opened(
        browser, folder, "--window-size=1000,900", f"--screenshot={picture}", *options
    )
    return picture.read_bytes()


def test_a_browser_shows_it_dark_where_dark_is_preferred(
    browser: str, tmp_path: Path
) -> None:
    light = screenshot(browser, tmp_path / "light")
    dark = screenshot(browser, tmp_path / "dark", "--force-dark-mode")

    assert first_pixel(light) == (255, 255, 255)
    assert first_pixel(dark) == (13, 17, 23)


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Return the colour in the top left corner of a PNG."""
    import zlib  # noqa: PLC0415  # only here

    data, place = b"", 8
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + size]
        place += size + 12
    # The first pixel of the first row is as it is under every filter.
    row = zlib.decompress(data)[1:4]
    return row[0], row[1], row[2]
