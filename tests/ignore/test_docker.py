from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.ignore import Ignore
from tests.ignore.repository import plant


def load(root: Path, rules: str, *extra: str) -> Ignore:
    (root / ".dockerignore").write_text(rules)
    return Ignore.load(root, extra)


def excluded(ignore: Ignore, path: str) -> bool:
    return ignore.ignored(path.encode(), is_dir=False)


def test_a_dockerignore_that_is_a_link_is_followed_within_the_context(
    tmp_path: Path,
) -> None:
    context = tmp_path / "context"
    (context / "docker").mkdir(parents=True)
    (context / "docker" / "rules").write_text("a\n")
    (context / ".gitignore").write_text("b\n")
    plant(context, {}, ())
    (tmp_path / "rules").write_text("c\n")
    link = context / ".dockerignore"

    link.symlink_to("docker/rules")
    inside = Ignore.load(context)
    link.unlink()
    link.symlink_to("../rules")
    outside = Ignore.load(context)

    assert [excluded(inside, path) for path in "abc"] == [True, False, False]
    assert inside.explain(b"a", is_dir=False).source == ".dockerignore:1"
    assert inside.reads(b"docker/rules")
    assert [excluded(outside, path) for path in "abc"] == [False, True, False]


def test_the_file_that_a_dockerignore_above_the_root_leads_to_holds_rules(
    tmp_path: Path,
) -> None:
    plant(tmp_path, {b"docker/rules": b"app/a\n"}, [b"app"])
    (tmp_path / ".dockerignore").symlink_to("docker/rules")

    ignore = Ignore.load(tmp_path / "app")

    assert excluded(ignore, "a")
    assert (tmp_path / "docker", frozenset({b"rules"})) in ignore.outside


# What moby's own tests say of patterns, where a path is met by itself or by a folder.
@pytest.mark.parametrize(
    ("pattern", "path", "met"),
    [
        ("**", "file", True),
        ("**/", "dir/file", True),
        ("**/**", "dir/file", True),
        ("dir/**", "dir/dir2/file", True),
        ("dir/**", "dir", False),
        ("**/dir", "dir", True),
        ("**/dir", "dir/file", True),
        ("**/dir2/*", "dir/dir2/file", True),
        ("**/dir2/**", "dir/dir2/dir3/file", True),
        ("**file", "dir/file", True),
        ("**/file*txt", "dir/dir/file.txt", True),
        ("**/**/*.txt2", "dir/dir/file.txt", False),
        ("**/*.txt", "file.txt", True),
        ("a**/*.txt", "a/dir/dir/file.txt", True),
        ("a/*.txt", "a/dir/file.txt", False),
        ("a/*.txt**", "a/file.txt", True),
        ("a[b-d]e", "ae", False),
        ("a[b-d]e", "ace", True),
        ("a[^b-d]e", "aze", True),
        (".*", ".foo", True),
        (".*", "foo", False),
        ("abc.def", "abcZdef", False),
        ("abc?def", "abcZdef", True),
        ("**/foo/bar", "dir/dir2/foo/bar", True),
        ("**/.foo", "bar.foo", False),
        ("a(b)c/def", "a(b)c/def", True),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
        ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9.whl", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a*/b", "a/c/b", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a?b", "a☺b", True),
        ("[a-ζ]*", "β", True),
        ("[\\]a]", "]", True),
        ("[x\\-]", "-", True),
        # From the root of the context, unlike git's.
        ("temp?", "sub/temp1", False),
        ("*/temp*", "sub/temporary.txt", True),
        ("*/*/temp*", "sub/temporary.txt", False),
        ("/foo/bar", "foo/bar", True),
        ("foo//bar/../baz/", "foo/baz/x", True),
        ("  spaced  ", "spaced", True),
        ("# a comment", "# a comment", False),
        (" # no comment", "# no comment", True),
    ],
)
def test_a_pattern_meets_what_it_meets_for_docker(
    tmp_path: Path, pattern: str, path: str, met: bool
) -> None:
    assert excluded(load(tmp_path, pattern), path) is met


@pytest.mark.parametrize(
    ("rules", "path", "met"),
    [
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
        ("!file.go\n*.go", "file.go", True),
        ("docs\n!docs/README.md", "docs/README.md", False),
        ("docs/*\n!docs/README.md", "docs/other.md", True),
        ("**\n!util/docker/web", "util/docker/web/foo", False),
        ("**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", True),
        ("a/b\n!a", "a/b/c", True),
    ],
)
def test_the_last_pattern_that_meets_a_path_decides(
    tmp_path: Path, rules: str, path: str, met: bool
) -> None:
    assert excluded(load(tmp_path, rules), path) is met


@pytest.mark.parametrize("pattern", ["[", "a[", "[^bc", "[]a]", "[-x]", "\\", "!"])
def test_a_pattern_that_docker_refuses_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.dockerignore:2: ") as caught:
        load(tmp_path, f"fine\n{pattern}\n")

    assert caught.value.hint


def test_rules_that_became_bad_leave_the_old_ones_standing(tmp_path: Path) -> None:
    ignore = load(tmp_path, "a")
    (tmp_path / ".dockerignore").write_text("[")

    with pytest.raises(ConfigError):
        ignore.reload()

    assert excluded(ignore, "a")


def test_gitignore_does_not_count_beside_dockerignore(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("")
    (tmp_path / ".gitignore").write_text("by-git\n")

    ignore = load(tmp_path, "by-docker\n")

    assert excluded(ignore, "by-docker")
    assert not excluded(ignore, "by-git")
    assert not ignore.reads(b".gitignore")


@pytest.mark.parametrize(
    ("rules", "walked", "pruned"),
    [
        pytest.param("*\n!app", ["app"], ["data"], id="a list of what is wanted"),
        pytest.param("*\n!app/src/x.py", ["app"], ["data", "app/docs"], id="deep"),
        pytest.param("*\n!*.md", [], ["data"], id="at the root only"),
        pytest.param("*\n!*/keep.md", ["data"], ["data/sub"], id="one folder deep"),
        pytest.param("data\n!**/*.md", ["data", "data/sub"], [], id="at any depth"),
        pytest.param("data\n!src/**/*.md", ["src"], ["data"], id="elsewhere"),
    ],
)
def test_an_excluded_folder_is_looked_into_only_for_an_exception(
    tmp_path: Path, rules: str, walked: list[str], pruned: list[str]
) -> None:
    ignore = load(tmp_path, rules)

    assert [f for f in walked if not ignore.walks(f.encode())] == []
    assert [f for f in pruned if ignore.walks(f.encode())] == []


def test_no_exception_reaches_into_what_is_built_in(tmp_path: Path) -> None:
    ignore = load(tmp_path, "*\n!**/*.py\n")

    for folder in (b".git", b".venv", b"node_modules", b"src/__pycache__", b".aws"):
        assert not ignore.walks(folder)


def test_the_context_may_lie_above_the_root(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("app/cache\n*\n!app\n**/*.md\n")
    root = tmp_path / "app"
    root.mkdir()

    ignore = Ignore.load(root, project=tmp_path)

    assert not excluded(ignore, "main.py")
    assert excluded(ignore, "docs/x.md")
    decision = ignore.explain(b"sub", is_dir=True)
    assert (decision.rule, decision.source) == ("!app", "../.dockerignore:3")


def test_a_context_that_excludes_the_root_says_nothing_of_its_content(
    tmp_path: Path,
) -> None:
    (tmp_path / ".dockerignore").write_text("*\napp/cache\n")
    root = tmp_path / "app"
    root.mkdir()

    ignore = Ignore.load(root, project=tmp_path)

    assert not excluded(ignore, "main.py")
    assert excluded(ignore, "cache")


def test_the_settings_take_back_a_folder_with_what_is_in_it(tmp_path: Path) -> None:
    ignore = load(tmp_path, "tools\nnotes/*.md\n", "!tools/", "!notes/kept.md")

    assert not ignore.ignored(b"tools", is_dir=True)
    assert not excluded(ignore, "tools/sub/x.py")
    assert not excluded(ignore, "notes/kept.md")
    assert excluded(ignore, "notes/other.md")
