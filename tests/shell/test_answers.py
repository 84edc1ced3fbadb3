"""Answers that are none."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from syncd.errors import ProtocolError, TargetError
from syncd.shell import (
    Batch,
    parse_ack,
    parse_hashes,
    parse_list,
    parse_probe,
)
from tests.agent_driver import everything


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"fail\0busy\0./a\0", id="no end"),
        pytest.param(b"ok 8 1\n", id="another batch"),
        pytest.param(b"ok 7\n", id="no count"),
        pytest.param(b"ok 7 x\n", id="no number"),
        pytest.param(b"sh: not found\n", id="an error"),
    ],
)
def test_what_is_no_acknowledgement_is_refused(output: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_ack(output, 7)


@given(st.binary())
def test_no_answer_raises_anything_but_our_own_errors(output: bytes) -> None:
    for parse in (parse_list, parse_hashes, parse_probe, lambda o: parse_ack(o, 7)):
        for text in (output, output + b"\nend\n", b"e " + output + b"\nend\n"):
            try:
                parse(text)
            except (ProtocolError, TargetError):
                continue


def test_an_answer_that_is_cut_short_is_refused() -> None:
    for parse in (parse_list, parse_hashes, parse_probe):
        with pytest.raises(ProtocolError):
            parse(b"e 81a4 1 ./a.py\ne 81a4 1 ./b.p")


def test_hashes_of_names_that_could_mislead_are_read() -> None:
    digest = hashlib.sha256(b"").hexdigest().encode()
    output = digest + b"  ./ a  b\n" + digest + b"  ./\xff\n\\odd\nend\n"

    assert set(parse_hashes(output)) == {b" a  b", b"\xff"}


def test_no_name_is_ever_part_of_a_command(local: Path) -> None:
    (local / "$(touch evil)`;'\"").write_text("x")

    with Batch(local, everything(local)) as batch:
        argv = batch.command("/app", 1)

    assert not any("evil" in word for word in argv)
    assert sum(map(len, argv)) < 2000
