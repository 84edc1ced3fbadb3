import pytest
from hypothesis import given, strategies as st

from syncd.ui.text import count, number, safe, size, some, took


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(b"main.py", "main.py", id="plain"),
        pytest.param("größe ✓.py", "größe ✓.py", id="letters of any script"),
        pytest.param(b"a\xff\xfeb", r"a\xff\xfeb", id="not UTF-8"),
        pytest.param(b"a\nb\tc", r"a\nb\tc", id="newline and tab"),
        pytest.param("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m", id="colour"),
        pytest.param("\x9b31m\x7f", r"\x9b31m\x7f", id="C1 and delete"),
        pytest.param("a\u202egnp.exe", r"a\u202egnp.exe", id="direction turned round"),
        pytest.param("\udcff", r"\udcff", id="lone surrogate"),
    ],
)
def test_nothing_of_a_name_reaches_the_terminal_but_text(
    text: bytes | str, shown: str
) -> None:
    assert safe(text) == shown


@given(st.one_of(st.binary(), st.text()))
def test_safe_text_is_one_printable_line(text: bytes | str) -> None:
    shown = safe(text)

    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert safe(shown) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (2150, "2.1 KiB"),
        (350_000, "342 KiB"),
        (1_040_000, "1.0 MiB"),
        (12_345_678, "12 MiB"),
        (2 * 1024**3, "2.0 GiB"),
        (5000 * 1024**4, "5,000 TiB"),
    ],
)
def test_sizes_are_short(amount: int, shown: str) -> None:
    assert size(amount) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0.0, "0.0 ms"),
        (0.44, "0.4 ms"),
        (9.94, "9.9 ms"),
        (9.97, "10 ms"),
        (15.4, "15 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59_900.0, "59.9 s"),
        (59_990.0, "1 min 0 s"),
        (185_000.0, "3 min 5 s"),
    ],
)
def test_durations_are_short(milliseconds: float, shown: str) -> None:
    assert took(milliseconds) == shown


def test_numbers_have_one_decimal_below_ten() -> None:
    assert [number(value) for value in (0.44, 9.96, 1204.4)] == ["0.4", "10", "1,204"]


def test_nouns_agree_with_their_number() -> None:
    assert [count(amount, "file") for amount in (0, 1, 1204)] == [
        "0 files",
        "1 file",
        "1,204 files",
    ]


@pytest.mark.parametrize(
    ("names", "total", "shown"),
    [
        pytest.param((b"a",), 1, "a", id="one"),
        pytest.param((b"a", b"b"), 2, "a, b", id="all"),
        pytest.param((b"a", b"b", b"c"), 3, "a, b +1", id="one more"),
        pytest.param((b"a",), 5000, "a +4,999", id="more than are named"),
        pytest.param((), 3, "", id="none named"),
    ],
)
def test_some_names_stand_for_all(
    names: tuple[bytes, ...], total: int, shown: str
) -> None:
    assert some(names, total, most=2) == shown
