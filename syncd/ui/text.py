"""Names, sizes and times as people read them.

Nothing that came from a file system or a container reaches a terminal as it is: a
name may hold a newline, a colour or a command for the terminal.
"""


def safe(text: bytes | str) -> str:
    r"""Return `text` on one line, with all that is not printable as `\\xNN`."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def size(count: int) -> str:
    """Return a number of bytes: `812 B`, `2.1 KiB`, `340 MiB`."""
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):  # noqa: B007  # named after the loop
        amount /= 1024
        if amount < 1000:
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"


def number(milliseconds: float) -> str:
    """Return milliseconds without their unit: `0.4`, `3.1`, `15`, `1,204`."""
    shown = f"{milliseconds:.1f}"
    return shown if float(shown) < 10 else f"{milliseconds:,.0f}"


def took(milliseconds: float) -> str:
    """Return a duration: `3.1 ms`, `15 ms`, `1.2 s`, `3 min 5 s`."""
    if milliseconds < 999.5:
        return f"{number(milliseconds)} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def count(amount: int, noun: str) -> str:
    """Return `1 file`, `1,204 files`, `2 batches`."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{amount:,} {noun if amount == 1 else plural}"


def some(names: tuple[bytes, ...] | tuple[str, ...], total: int, *, most: int) -> str:
    """Return the first names, and how many more there are of `total`."""
    first = ", ".join(safe(name) for name in names[:most])
    more = total - min(len(names), most)
    return f"{first} +{more:,}" if more > 0 and first else first
