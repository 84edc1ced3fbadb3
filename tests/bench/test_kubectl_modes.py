"""The modes that run kubectl, by a real one against the embedded cluster."""

import os
import shutil
from pathlib import Path

import pytest

from syncd.bench.choosing import check
from syncd.bench.edits import Edit
from syncd.bench.modes.kubectl import copied, unpacked
from syncd.cluster import Replica
from syncd.errors import ConfigError
from tests.bench.test_bench import contents, ground, measured


# By path, what each is called here: that on PATH, and an older one if it is named.
BINARIES = {
    path: name
    for path, name in (
        (shutil.which("kubectl") or "", "kubectl"),
        (os.environ.get("SYNCD_TEST_OLD_KUBECTL", ""), "kubectl-1.20"),
    )
    if os.access(path, os.X_OK)
}


@pytest.mark.skipif(not BINARIES, reason="no kubectl on this machine")
@pytest.mark.parametrize("binary", BINARIES, ids=list(BINARIES.values()))
async def test_edits_are_brought_by_kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binary: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(binary)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))  # kubectl caches discovery there
    async with ground(tmp_path) as place:
        result = await measured(
            place, modes=("kubectl-exec", "kubectl-cp"), pattern="delete"
        )
        there = contents(place.there())

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert all(sample.applied_ms for sample in result.samples)
    assert "syncd-bench-" in there["main.py"].decode()


REPLICA = Replica(
    namespace="shop",
    pod="web-0",
    uid="u",
    container="app",
    container_id="c",
    image="web:1",
    ready=True,
    restarts=0,
    node="n",
)


def an_edit(*changed: str, deleted: tuple[str, ...] = ()) -> Edit:
    return Edit(
        *(Path(), "mark", 0.0, 0.0),
        changed=tuple(map(Path, changed)),
        deleted=tuple(map(Path, deleted)),
    )


def test_what_was_written_and_deleted_goes_through_one_exec() -> None:
    edit = an_edit("main.py", "a b/-c.py", deleted=("old's.py",))

    (argv,) = unpacked(["kubectl", "--context", "k"], REPLICA, "/my app", edit)

    assert argv[:2] == ["sh", "-c"]
    inside = """tar xf - -C '"'"'/my app'"'"' && rm -rf """
    assert argv[2].startswith(
        "tar cf - ./main.py './a b/-c.py' | kubectl --context k exec -i"
        f" -n shop web-0 -c app -- sh -c '{inside}"
    )


def test_where_nothing_is_deleted_tar_alone_runs_in_the_container() -> None:
    (argv,) = unpacked(["kubectl"], REPLICA, "/app", an_edit("main.py"))

    assert argv[2] == (
        "tar cf - ./main.py | kubectl exec -i -n shop web-0 -c app -- tar xf - -C /app"
    )


def test_each_file_is_a_copy_of_its_own() -> None:
    commands = copied(["kubectl"], REPLICA, "/app", an_edit("main.py", "b.py"))

    assert commands == [
        ["kubectl", "cp", "-c", "app", name, f"shop/web-0:/app/{name}"]
        for name in ("main.py", "b.py")
    ]


@pytest.mark.parametrize("mode", ["kubectl-exec", "kubectl-cp"])
def test_where_there_is_no_kubectl_that_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ConfigError, match="there is no kubectl here"):
        check(mode)
