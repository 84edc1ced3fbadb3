import os
from pathlib import Path

import pytest

from syncd.ignore import Decision, Ignore
from tests.ignore.repository import plant


def ignored(ignore: Ignore, path: str) -> bool:
    return ignore.ignored(path.rstrip("/").encode(), is_dir=path.endswith("/"))


ALWAYS = [
    *(".git/", ".git", "sub/.git", ".hg/", ".svn/", ".syncd-4f2a.tmp"),
    *("__pycache__/", "a/__pycache__/x.cpython-312.pyc", "m.pyc", "m.pyo"),
    *(".venv/", ".venv/bin/python", "venv/", "node_modules/", "web/node_modules/x"),
    *(".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".tox/", ".hypothesis/"),
    *("4913", "src/.main.py.swp", ".main.py.swx", "main.py~"),
    *(".#main.py", "#main.py#", "main.py___jb_tmp___", "main.py___jb_old___"),
    *(".idea/", ".goutputstream-X4KZ12", "src/.DS_Store"),
]
SECRET = [
    *(".env", "config/.env.production", ".envrc", "id_rsa", ".ssh/", "server.pem"),
    *("tls.key", "store.p12", ".aws/", ".aws/credentials", ".kube/", "kubeconfig"),
    *(".config/gcloud/", "service-account-prod.json", ".docker/config.json", ".netrc"),
    *("application_default_credentials.json", ".pypirc", ".git-credentials"),
]
FREE = [
    *("main.py", ".env.example", ".env.sample", ".env.template", "environment.py"),
    *(".github/workflows/ci.yml", "gitignore", "id_rsa.pub", "keys.py", ".config/app"),
    *("venv.py", "docs/venv", "pycache/", "swp", ".dockerignore", ".gitignore", "a#b"),
]


@pytest.mark.parametrize("path", [*ALWAYS, *SECRET])
def test_what_nobody_means_to_send_is_ignored_at_any_depth(
    tmp_path: Path, path: str
) -> None:
    ignore = Ignore.load(tmp_path)

    assert ignored(ignore, path)
    assert ignored(ignore, f"deep/down/{path}")
    assert ignore.explain(path.rstrip("/").encode(), is_dir=True).source == "built-in"


@pytest.mark.parametrize("path", FREE)
def test_names_that_look_alike_are_free(tmp_path: Path, path: str) -> None:
    assert not ignored(Ignore.load(tmp_path), path)


def test_an_environment_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "other").mkdir()

    ignore = Ignore.load(tmp_path)

    assert ignored(ignore, "env/")
    assert ignored(ignore, "env/bin/python")
    assert not ignored(ignore, "other/")
    assert ignore.reads(b"other/pyvenv.cfg")


@pytest.mark.parametrize(
    ("rule", "path", "free"),
    [
        pytest.param("!.env", ".env", True, id="by name"),
        pytest.param("!.env.*", ".env.local", True, id="by pattern"),
        pytest.param("!/config/dev.key", "config/dev.key", True, id="by path"),
        pytest.param("!.aws/", ".aws/config", True, id="a folder"),
        pytest.param("!*", ".env", False, id="not by a star"),
        pytest.param("!config/**", "config/dev.key", False, id="not by two"),
        pytest.param("!config/", "config/dev.key", False, id="not by its folder"),
        pytest.param("!.env.local", ".env", False, id="not by another name"),
    ],
)
@pytest.mark.parametrize("place", [".gitignore", ".syncdignore", "settings"])
def test_a_secret_is_sent_when_somebody_lists_it(
    tmp_path: Path, place: str, rule: str, path: str, free: bool
) -> None:
    plant(tmp_path, {}, [])
    if place != "settings":
        (tmp_path / place).write_text(f"{rule}\n")

    ignore = Ignore.load(tmp_path, [rule] if place == "settings" else [])

    assert ignored(ignore, path) is not free


def test_docker_lists_a_secret_by_name_and_not_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*\n!app\n!.env\n")

    ignore = Ignore.load(tmp_path)

    assert not ignored(ignore, ".env")
    assert ignored(ignore, "app/.env")
    assert not ignored(ignore, "app/main.py")


def test_what_was_withheld_is_known_once_it_was_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, {b".gitignore": b"*.key\n"}, [])
    ignore = Ignore.load(tmp_path)

    for path in ("b/.env", ".aws/", "a.key", ".env.example", "main.py", ".git/"):
        ignored(ignore, path)

    assert ignore.withheld == (b".aws", b"b/.env")


@pytest.mark.parametrize(
    ("place", "free"),
    [(".gitignore", False), (".syncdignore", True), ("settings", True)],
)
def test_only_syncds_own_rules_free_what_is_usually_ignored(
    tmp_path: Path, place: str, free: bool
) -> None:
    plant(tmp_path, {}, [])
    rules = ["!node_modules", "!.git"]
    if place != "settings":
        (tmp_path / place).write_text("\n".join(rules))

    ignore = Ignore.load(tmp_path, rules if place == "settings" else [])

    assert ignored(ignore, "web/node_modules/x.js") is not free
    assert ignored(ignore, ".git/")


def test_the_last_layer_has_the_last_word(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            b".gitignore": b"git\ngit-own\ngit-set\n",
            b".syncdignore": b"own\n!git-own\nown-set\n",
        },
        [],
    )

    ignore = Ignore.load(tmp_path, ["set", "!git-set", "!own-set"])

    found = {
        name: ignored(ignore, name)
        for name in ("git", "git-own", "git-set", "own", "own-set", "set", "none")
    }
    assert found == {
        "git": True,
        "git-own": False,
        "git-set": False,
        "own": True,
        "own-set": False,
        "set": True,
        "none": False,
    }


def test_a_nested_syncdignore_counts_below_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".syncdignore").write_text("/x\n*.md\n")

    ignore = Ignore.load(tmp_path)

    assert ignored(ignore, "sub/x")
    assert ignored(ignore, "sub/deep/y.md")
    assert not ignored(ignore, "sub/deep/x")
    assert not ignored(ignore, "y.md")


@pytest.mark.parametrize(
    ("path", "decision"),
    [
        pytest.param(
            "log/x.txt", Decision(True, "log/", ".gitignore:3", b"log"), id="above"
        ),
        pytest.param(
            "sub/a.tmp", Decision(True, "*.tmp", "sub/.gitignore:1", b"sub/a.tmp")
        ),
        pytest.param(
            "keep.log", Decision(False, "!keep.log", ".gitignore:2", b"keep.log")
        ),
        pytest.param("c.md", Decision(True, "*.md", "settings[1]", b"c.md")),
        pytest.param("x/.git", Decision(True, ".git", "built-in", b"x/.git")),
        pytest.param("main.py", Decision(False, "", "", b"main.py")),
    ],
)
def test_the_rule_that_decides_is_named_with_its_place(
    tmp_path: Path, path: str, decision: Decision
) -> None:
    plant(
        tmp_path,
        {b".gitignore": b"*.log\n!keep.log\nlog/\n", b"sub/.gitignore": b"*.tmp\n"},
        [],
    )

    ignore = Ignore.load(tmp_path, ["nothing", "*.md"], origin="settings")

    assert ignore.explain(path.encode(), is_dir=False) == decision


def test_rules_are_read_again_when_asked(tmp_path: Path) -> None:
    plant(tmp_path, {b".gitignore": b"a\n", b"sub/x": b""}, [])
    ignore = Ignore.load(tmp_path)
    assert not ignored(ignore, "sub/b")
    (tmp_path / ".gitignore").write_text("b\n")
    (tmp_path / "sub" / ".gitignore").write_text("c\n")

    ignore.forget(b"sub")
    after_forgetting = [ignored(ignore, f"sub/{name}") for name in "abc"]
    ignore.reload()

    assert after_forgetting == [True, False, True]
    assert [ignored(ignore, f"sub/{name}") for name in "abc"] == [False, True, True]


@pytest.mark.parametrize(
    ("path", "reads"),
    [
        (b".gitignore", True),
        (b"sub/.gitignore", True),
        (b".syncdignore", True),
        (b"sub/.syncdignore", True),
        (b".dockerignore", True),
        (b"sub/.dockerignore", False),
        (b"main.py", False),
    ],
)
def test_rule_files_are_known_even_before_they_are_there(
    tmp_path: Path, path: bytes, reads: bool
) -> None:
    assert Ignore.load(tmp_path).reads(path) is reads


def test_folders_outside_that_hold_rules_are_named(tmp_path: Path) -> None:
    plant(tmp_path, {b"apps/web/x": b""}, [])

    outside = dict(Ignore.load(tmp_path / "apps" / "web").outside)

    assert set(outside) == {
        tmp_path / "apps",
        tmp_path,
        tmp_path / ".git" / "info",
    }
    assert b".gitignore" in outside[tmp_path]
    assert outside[tmp_path / ".git" / "info"] == {b"exclude"}


def test_all_files_of_a_folder_are_decided_as_each_is(tmp_path: Path) -> None:
    plant(tmp_path, {b".gitignore": b"*.log\n!keep.log\n/sub/*.md\n"}, [])
    ignore = Ignore.load(tmp_path)
    names = [b"x.log", b"keep.log", b"x.md", b".env", b"\xff", b"m.pyc"]

    decide = ignore.within(b"sub")

    paths = [b"sub/" + name for name in names]
    assert [decide(n, p) for n, p in zip(names, paths, strict=True)] == [
        ignore.ignored(path, is_dir=False) for path in paths
    ]


def test_nothing_in_an_ignored_folder_is_free(tmp_path: Path) -> None:
    ignore = Ignore.load(tmp_path)

    assert not ignore.walks(b".git")
    assert not ignore.walks(b".git/objects/ab")
    assert ignore.within(b".git/objects")(b"x", b".git/objects/x")
    assert ignore.walks(b"")
    assert not ignore.ignored(b"", is_dir=True)


def test_a_rule_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    plant(tmp_path, {}, [])
    os.mkfifo(tmp_path / ".syncdignore")
    (tmp_path / ".gitignore").mkdir()

    assert not ignored(Ignore.load(tmp_path), "main.py")
