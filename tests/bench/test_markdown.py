"""The section of a page of text."""

import shlex
from dataclasses import replace

import pytest

from syncd.bench.figures import COLUMNS
from syncd.bench.markdown import page
from tests.bench.results import result, rich_result


COMMAND = (
    "syncd bench deploy/myapp deployment/myapp:/app -n bench --mode syncd --mode local"
    " --local-command 'uvicorn main:app --port {port} --reload' --iterations 30"
    " --markdown bench.md"
)
MACHINE = {
    "command": COMMAND,
    "cores": "2",
    "processor": "AMD EPYC",
    "load before": "0.90 0.80 0.70",
    "load after": "1.60 1.00 0.80",
    "syncd": "0.1.0",
    "python": "3.11.7",
    "cluster": "v1.20.2",
    "runtime": "containerd://1.6.20",
    "image": "myapp:dev",
    "container runs": "/opt/venv/bin/python3 /opt/venv/bin/uvicorn main:app",
}


def test_every_mode_has_a_line_with_a_cell_for_each_column() -> None:
    table = [line for line in page(rich_result()).splitlines() if line[:1] == "|"]

    assert {line.count("|") for line in table} == {len(COLUMNS) + 1}
    modes = [line.split("|")[1].strip() for line in table[2:]]
    assert modes == ["`syncd`", "`local`", "`<b>&'`"]


def test_both_ratios_have_their_intervals() -> None:
    (line,) = [x for x in page(rich_result()).splitlines() if x.startswith("| `syncd`")]

    p50, p95 = line.strip("| ").split(" | ")[-2:]
    assert p50 == "1.03 [1.02, 1.03]"
    assert p95 == "1.03 [1.02, 1.03]"


def test_the_command_can_be_run_as_it_stands_there() -> None:
    text = page(replace(rich_result(), environment=MACHINE))

    block = text.split("```")[1].removeprefix("sh\n")
    assert block == (
        "syncd bench deploy/myapp deployment/myapp:/app -n bench --mode syncd"
        " --mode local \\\n"
        "    --local-command 'uvicorn main:app --port {port} --reload'"
        " --iterations 30 \\\n"
        "    --markdown bench.md\n"
    )
    assert shlex.split(block.replace("\\\n", "")) == shlex.split(COMMAND)


def test_steps_costs_and_the_machine_stand_beside_it() -> None:
    text = page(replace(rich_result(), environment=MACHINE))

    assert max(map(len, text.split("\n\n")[1].splitlines())) <= 88
    assert (
        " On 2 cores (AMD EPYC), load 0.90 0.80 0.70 and then 1.60 1.00 0.80,"
        " syncd 0.1.0, Python 3.11.7, Kubernetes v1.20.2, containerd://1.6.20,"
        " image `myapp:dev`, which runs `python3 /opt/venv/bin/uvicorn main:app`."
        " Edits by `save`;"
    ) in " ".join(text.split())
    assert "- `syncd`, the mean of each step in ms: detected 2.0 · settled 2.0" in text
    assert "- the daemon: 10.0 ms of processor per edit, 0.11 % of one core" in text
    assert "- the agents: 4.0 ms of processor per edit, 0.00 % of one core" in text


@pytest.mark.parametrize("pattern", ["burst", "--edit 'sed -i `x` main.py'"])
def test_what_an_edit_is_stands_there(pattern: str) -> None:
    text = page(replace(result(syncd=[1.0]), pattern=pattern))

    assert ("Edits by a command;" in text) == (pattern != "burst")
    assert ("Edits by `burst`;" in text) == (pattern == "burst")
