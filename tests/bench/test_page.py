"""The page: whole in itself, and drawn by a real browser."""

import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from syncd.bench.page import COLOURS, page
from syncd.bench.samples import STEPS, Result
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


def test_every_step_has_a_colour_of_its_own() -> None:
    assert len(COLOURS) == len(STEPS)
    assert len({light for light, _ in COLOURS}) == len(STEPS)
    assert len({dark for _, dark in COLOURS}) == len(STEPS)


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: nothing here draws a page")
    return found


# Writes what is seen into the page itself, for `--dump-dom`.
COLOURS_SEEN = """
const of = (chosen, what) =>
    [...document.querySelectorAll(chosen)].map(e => getComputedStyle(e)[what]);
document.body.dataset.seen = JSON.stringify({
    paper: getComputedStyle(document.body).backgroundColor,
    bars: of("svg rect", "fill"), key: of(".key i", "backgroundColor"),
    dots: of("svg circle", "fill"), text: [...of("td, th, p, h1", "color"),
    ...of("svg text", "fill")] });
"""


def opened(
    browser: str, folder: Path, *options: str, script: str = ""
) -> subprocess.CompletedProcess[str]:
    file = folder / "page.html"
    file.write_text(f"{page(rich_result())}<script>{script}</script>")
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


def shade(colour: str) -> float:
    """Return how bright a computed colour is, from 0 to 1, as WCAG has it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((shade(one), shade(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("options", "paper"), [((), 1.0), (("--force-dark-mode",), 0.0)]
)
def test_every_step_and_all_text_stand_out_in_light_and_in_dark(
    browser: str, tmp_path: Path, options: tuple[str, ...], paper: float
) -> None:
    done = opened(browser, tmp_path, "--dump-dom", *options, script=COLOURS_SEEN)

    (said,) = re.findall(r'data-seen="([^"]*)"', done.stdout)
    seen = json.loads(unescape(said))
    assert shade(seen["paper"]) == pytest.approx(paper, abs=0.01)
    assert len(set(seen["bars"])) == len(STEPS)
    assert len(set(seen["key"])) == len(STEPS)
    for colour in (*seen["bars"], *seen["key"], *seen["dots"]):
        assert contrast(colour, seen["paper"]) >= 3
    for colour in seen["text"]:
        assert contrast(colour, seen["paper"]) >= 4.5
