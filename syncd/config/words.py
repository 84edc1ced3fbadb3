"""The small grammars inside the settings: workloads, names, selectors, paths.

Each function takes what a person wrote and returns it in its one normal form, or
raises `Wrong` with what is wrong and what to write instead.
"""

import difflib
import json
import posixpath
import re
from collections.abc import Iterable


_KINDS = {
    "deployment": ("deployment", "deployments", "deploy"),
    "statefulset": ("statefulset", "statefulsets", "sts"),
    "pod": ("pod", "pods", "po"),
}
_KIND_OF = {
    written + group: kind
    for kind, names in _KINDS.items()
    for written in names
    for group in ("", "" if kind == "pod" else ".apps")
}
_OTHER_KINDS = re.compile(r"(cronjob|daemonset|job|replicaset|service)s?|cj|ds|rs|svc")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL.pattern}(\.{_LABEL.pattern})*")
_LABEL_KEY = r"([-.\w]+/)?[-.\w]+"
_LABEL_VALUE = r"[-.\w]*"
_REQUIREMENT = re.compile(
    rf"!?{_LABEL_KEY}"
    rf"|{_LABEL_KEY}\s*(=|==|!=)\s*{_LABEL_VALUE}"
    rf"|{_LABEL_KEY}\s+(in|notin)\s*\(\s*{_LABEL_VALUE}(\s*,\s*{_LABEL_VALUE})*\s*\)"
)
_HOST = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*(:\d{1,5})?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"({_HOST}/)?{_PART}(/{_PART})*")


class Wrong(ValueError):
    """A value that means nothing here.

    Attributes:
        what: What is wrong with it, to follow the name of the key.
        remedy: What to write instead.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def quote(text: object) -> str:
    """Return `text` in double quotes, safe to print whatever it holds."""
    return json.dumps(str(text), ensure_ascii=not str(text).isprintable())


def any_of(words: Iterable[str]) -> str:
    """Return `words` as an English list that ends in "or"."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """Return the known word nearest to what was written, or ""."""
    near = difflib.get_close_matches(written, list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def kind_of(written: str) -> str | None:
    """Return the kind that a word such as `deploy` or `sts` stands for."""
    return _KIND_OF.get(written.lower())


def is_foreign_kind(written: str) -> bool:
    """Tell whether the word is a kind of Kubernetes that syncd does not follow."""
    return _OTHER_KINDS.fullmatch(written.lower()) is not None


def text(written: str) -> str:
    """Return what may be an argument of a command, a path or a name."""
    if "\0" in written:
        raise Wrong(f"{quote(written)} holds a NUL", "write it without")
    return written


def module(written: str) -> str:
    """Return the name of a Python module."""
    if not all(part.isidentifier() for part in written.split(".")):
        raise Wrong(
            f"{quote(written)} cannot be the name of a Python module",
            'write it as it is imported, such as "acme.client"',
        )
    return written


def workload(written: str) -> str:
    """Return `kind/name` with the kind spelled in full."""
    kind, slash, name = written.partition("/")
    if not slash or not name:
        raise Wrong(
            f"{quote(written)} is not of the form kind/name",
            f'write "deployment/{name or kind or "NAME"}"',
        )
    known = kind_of(kind)
    if known is None:
        near = kind_of(did_you_mean(kind.lower(), _KIND_OF))
        guess = f'; did you mean "{near}/{name}"?' if near else ""
        raise Wrong(
            f"{quote(kind)} is not a kind that syncd follows",
            "write deployment/NAME, statefulset/NAME or pod/NAME,"
            f' or use selector = "app=NAME"{guess}',
        )
    if not _NAME.fullmatch(name):
        raise Wrong(
            f"{quote(name)} cannot be the name of a {known}",
            'use lower-case letters, digits, "-" and "."',
        )
    return f"{known}/{name}"


def label(written: str) -> str:
    """Return the name of a namespace or container."""
    if not _LABEL.fullmatch(written):
        raise Wrong(
            f"{quote(written)} cannot be the name of a namespace or container",
            'use at most 63 lower-case letters, digits and "-"',
        )
    return written


def selector(written: str) -> str:
    """Return a label selector without needless spaces."""
    requirements = re.split(r",(?![^(]*\))", written)
    if all(_REQUIREMENT.fullmatch(each.strip()) for each in requirements):
        return ",".join(each.strip() for each in requirements)
    raise Wrong(
        f"{quote(written)} is not a label selector",
        'write one as for `kubectl get pods -l`, such as "app=myapp,tier!=db"',
    )


def repository(written: str) -> str:
    """Return the name of an image without a tag."""
    path = written.rpartition("/")[2]
    if ":" in path or "@" in written:
        name = written.partition("@")[0]
        bare = name[: len(name) - len(path)] + path.partition(":")[0].partition("@")[0]
        raise Wrong(
            f"{quote(written)} names a tag or digest",
            f"write {quote(bare)}: the tag says what the image was built from",
        )
    if not _REPOSITORY.fullmatch(written):
        raise Wrong(
            f"{quote(written)} is not the name of an image",
            'write one such as "localhost:5000/myapp", in lower case',
        )
    return written


def registry(written: str) -> str:
    """Return the address of a registry: a host, and a port if it is not the usual."""
    if not re.fullmatch(_HOST, written):
        raise Wrong(
            f"{quote(written)} is not the address of a registry",
            'write host or host:port, such as "localhost:5000"',
        )
    return written


def expression(written: str) -> str:
    """Return a regular expression that can be searched for."""
    try:
        re.compile(text(written))
    except (re.error, OverflowError, RecursionError) as error:
        raise Wrong(
            f"{quote(written)} is no regular expression: {error}",
            'write one as Python\'s re has them, such as "Server started"',
        ) from None
    return written


def remote_path(written: str) -> str:
    """Return a folder in the container that is not all of it."""
    path = absolute_path(written)
    if path == "/":
        raise Wrong('"/" is the whole container', 'name a folder in it, such as "/app"')
    return path


def absolute_path(written: str) -> str:
    """Return an absolute path in the container without trailing slashes."""
    if not written.startswith("/"):
        raise Wrong(
            f"{quote(written)} is not absolute",
            f"write {quote('/' + written)}, as the container sees it",
        )
    if ".." in text(written).split("/"):
        raise Wrong(f'{quote(written)} holds ".."', "write the path without it")
    return posixpath.normpath("/" + written.lstrip("/"))
