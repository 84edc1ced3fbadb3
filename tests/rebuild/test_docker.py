import re

import pytest
from hypothesis import given, strategies as st

from syncd.rebuild.docker import copied, dockerfile, dockerignore


BASE = """\
# syntax=docker/dockerfile:1
ARG BASE=python:3.12-slim
FROM ${BASE} AS base
RUN apt-get update \\
 && apt-get install -y libpq5
COPY requirements.txt /tmp/
RUN pip install -r /tmp/requirements.txt
CMD ["uvicorn", "main:app"]
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BASE.replace("RUN pip", "# the list\nRUN pip"), id="a comment"),
        pytest.param(BASE.replace("\nRUN", "\n\n\nRUN"), id="blank lines"),
        pytest.param(BASE.replace(" && apt", "     && apt"), id="indentation"),
        pytest.param(BASE.replace(" \\\n", " \\\n   # why\n\n"), id="a comment inside"),
        pytest.param(BASE.replace(" \\\n &&", " &&"), id="a line that is not joined"),
        pytest.param(
            BASE.replace("FROM", "from").replace("CMD", "cmd"), id="lower case"
        ),
        pytest.param(BASE.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(
            BASE.replace("# syntax=", "#syntax = "), id="spacing of a directive"
        ),
        pytest.param(BASE.rstrip(), id="no newline at the end"),
    ],
)
def test_what_does_not_count(text: str) -> None:
    assert dockerfile(text) == dockerfile(BASE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BASE.replace("3.12", "3.13"), id="another base"),
        pytest.param(BASE.replace("libpq5", "libpq5 curl"), id="another package"),
        pytest.param(BASE.replace("CMD", "EXPOSE 8080\nCMD"), id="another instruction"),
        pytest.param(
            BASE.replace("# syntax=docker/dockerfile:1\n", ""), id="a directive"
        ),
        pytest.param(BASE.replace("RUN pip", "# RUN pip"), id="commented out"),
        pytest.param(BASE.replace("AS base", "AS Base"), id="case of a name"),
    ],
)
def test_what_counts(text: str) -> None:
    assert dockerfile(text) != dockerfile(BASE)


def test_the_order_of_instructions_counts() -> None:
    assert dockerfile("ENV A=1\nENV B=2") != dockerfile("ENV B=2\nENV A=1")


def test_white_space_in_quotes_counts() -> None:
    assert dockerfile('RUN echo "a  b"') != dockerfile('RUN echo "a b"')
    assert dockerfile("RUN echo 'a  b'") != dockerfile("RUN echo 'a b'")
    assert dockerfile("RUN  echo   a") == dockerfile("RUN echo a")


def test_a_heredoc_counts_to_the_letter() -> None:
    text = "RUN <<EOF\n# a line of the script\necho\nEOF\n"

    assert dockerfile(text) != dockerfile(text.replace("# a line of the script\n", ""))


def test_the_escape_directive_is_obeyed() -> None:
    windows = "# escape=`\nRUN dir `\n  c:\\\nCMD x\n"

    assert dockerfile(windows) == ("# escape=`", "RUN dir c:\\", "CMD x")


def test_an_instruction_that_never_ends_is_one_too() -> None:
    assert dockerfile("RUN a \\\n") == ("RUN a",)


def test_the_order_of_ignore_patterns_counts_and_comments_do_not() -> None:
    assert dockerignore("# x\n*.md\n\n!README.md\n") == ("*.md", "!README.md")
    assert dockerignore("!README.md\n*.md") != dockerignore("*.md\n!README.md")


@given(st.lists(st.sampled_from(["", "  # note", "#", "\t"]), max_size=4), st.data())
def test_comments_and_blank_lines_never_count(
    noise: list[str], data: st.DataObject
) -> None:
    lines = BASE.splitlines()
    for line in noise:
        # Not above the directive: it is one only at the top.
        lines.insert(data.draw(st.integers(1, len(lines))), line)

    assert dockerfile("\n".join(lines)) == dockerfile(BASE)


@given(st.integers(1, 7), st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_a_changed_word_always_counts(number: int, word: str) -> None:
    lines = BASE.splitlines()
    # Behind a backslash nothing may stand.
    changed = re.sub(r"( \\)?$", rf" x{word}\1", lines[number], count=1)

    assert dockerfile("\n".join([*lines[:number], changed, *lines[number + 1 :]])) != (
        dockerfile(BASE)
    )


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("COPY requirements.txt /tmp/", ("requirements.txt",)),
        ("COPY --chown=1:1 --link a b /app/", ("a", "b")),
        ('COPY ["a b.txt", "/app/"]', ("a b.txt",)),
        ("COPY [a, /app/", ("[a,",)),
        ('ADD "a.txt" /app/', ("a.txt",)),
        ("ADD https://x.example/a.tar /tmp/", ()),
        ("COPY --from=base /opt /opt", ()),
        ("COPY ./deploy/myapp/ /app", ("deploy/myapp",)),
        ("COPY . .", (".",)),
        ("COPY / /app", (".",)),
        ("COPY package*.json ./", ("package*.json",)),
        ("COPY <<EOF /x\na\nEOF", ()),
        ("ARG DIR=src\nCOPY ${DIR}/pyproject.toml .", ("src/pyproject.toml",)),
        ("COPY ${DIR:-lib}/x .", ("lib/x",)),
        ("RUN --mount=type=bind,source=uv.lock,target=uv.lock uv sync", ("uv.lock",)),
        ("RUN --mount=type=bind,target=/src make", (".",)),
        ("RUN --mount=type=cache,target=/root/.cache uv sync", ()),
        ("RUN --mount=type=bind,from=base,source=/x uv sync", ()),
        ("FROM scratch", ()),
    ],
)
def test_what_a_dockerfile_copies(text: str, sources: tuple[str, ...]) -> None:
    assert copied(text, {}) == sources


def test_a_build_argument_outranks_its_default() -> None:
    text = "ARG DIR=src\nCOPY $DIR/x ."

    assert copied(text, {"DIR": "lib"}) == ("lib/x",)


def test_a_variable_without_a_value_leaves_it_open_what_is_copied() -> None:
    assert copied("ARG DIR\nCOPY $DIR/x .", {}) is None
