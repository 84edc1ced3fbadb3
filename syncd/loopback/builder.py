"""A builder for the embedded cluster, spoken to like `docker`.

    python -m syncd.loopback.builder build -f Dockerfile -t HOST/NAME:TAG [--push] .
    python -m syncd.loopback.builder push HOST/NAME:TAG

It knows of a Dockerfile what an `Image` can be: FROM an image of the cluster's registry,
COPY into its folder, ENV, USER, CMD, ENTRYPOINT; and RUN, which runs in that folder on
this machine, with this interpreter first on the PATH. So a dependency is a file that pip
puts there (`pip install --target`). What it builds is kept in a folder of its own until
it is pushed, as an engine keeps its images.
"""

import argparse
import hashlib
import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from syncd.loopback.image import SYSTEM_PATH, Image, described, image_of
from syncd.rebuild.docker import dockerignore, instructions


STORE = "SYNCD_LOOPBACK_STORE"
_LIMIT_S = 10.0


class Failed(Exception):
    """What ends a build or push, in the words of a builder."""


def main(argv: Sequence[str]) -> int:
    """Do what the words say; return the exit code."""
    words = argparse.ArgumentParser(prog="builder")
    commands = words.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("-f", dest="dockerfile", type=Path)
    build.add_argument("-t", dest="tag", required=True)
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("--label", action="append", default=[])
    build.add_argument("--force-rm", action="store_true")
    build.add_argument("--push", action="store_true")
    build.add_argument("context", type=Path)
    push = commands.add_parser("push")
    push.add_argument("tag")
    commands.add_parser("version").add_argument("--format")
    said = words.parse_args(argv)
    try:
        if said.command == "build":
            _build(said)
        if said.command == "push" or (said.command == "build" and said.push):
            _push(said.tag)
    except Failed as error:
        _say(str(error))
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- building -----------------------------------------------------------------------


def _build(said: argparse.Namespace) -> None:
    dockerfile = said.dockerfile or said.context / "Dockerfile"
    try:
        steps = list(instructions(dockerfile.read_text()))
    except OSError as error:
        raise Failed(f"unable to read {dockerfile}: {error.strerror}") from error
    given = [argument.partition("=") for argument in said.build_arg]
    arguments = {n: value if eq else os.environ.get(n, "") for n, eq, value in given}
    with tempfile.TemporaryDirectory(prefix="syncd-build-") as scratch:
        work = _Work(said.context, said.tag, Path(scratch) / "files", arguments)
        for number, (word, rest) in enumerate(steps, 1):
            _say(f"Step {number}/{len(steps)} : {word} {rest}")
            work.do(word, rest)
        _keep(work.image, said.tag)
    _say(f"Successfully tagged {said.tag}")


class _Work:
    """An image in the making."""

    def __init__(
        self, context: Path, tag: str, files: Path, arguments: Mapping[str, str]
    ) -> None:
        self.image = Image(tag, files)
        self._context = context
        self._files = files
        self._arguments = dict(arguments)
        self._begun = False

    def do(self, word: str, rest: str) -> None:
        """Carry out one instruction."""
        doing: Mapping[str, Callable[[str], None]] = {
            "ADD": self._copy,
            "ARG": self._arg,
            "CMD": self._command,
            "COPY": self._copy,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "FROM": self._from,
            "RUN": self._run,
            "USER": self._user,
        }
        if word in doing:
            doing[word](self._filled(rest))
        elif word not in {"EXPOSE", "LABEL", "WORKDIR"}:
            raise Failed(f"unknown instruction: {word}")

    def _filled(self, text: str) -> str:
        for name, value in self._arguments.items():
            text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
        return text

    def _arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self._arguments.setdefault(name, default)

    def _from(self, name: str) -> None:
        host = self.image.name.partition("/")[0]
        bare, _, tag = name.removeprefix(f"{host}/").partition(":")
        base = _ask(host, "GET", f"/v2/{bare}/manifests/{tag or 'latest'}")
        self.image = replace(image_of(base, self.image.name), files=self._files)
        if base["files"]:
            shutil.copytree(base["files"], self._files, symlinks=True)
        self._files.mkdir(exist_ok=True)

    def _copy(self, rest: str) -> None:
        words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
        *sources, target = words
        place = self._place(target)
        ignored = shutil.ignore_patterns(*self._ignored())
        for source in (each for each in sources if not each.startswith("--")):
            found = self._context / source
            if found.is_dir():
                shutil.copytree(found, place, ignore=ignored, dirs_exist_ok=True)
            elif found.is_file():
                into = place / found.name if target.endswith(("/", ".")) else place
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)
            else:
                raise Failed(f"COPY failed: file not found in build context: {source}")

    def _ignored(self) -> tuple[str, ...]:
        try:
            return dockerignore((self._context / ".dockerignore").read_text())
        except OSError:
            return ()

    def _place(self, target: str) -> Path:
        """Return where a path of the container is; only its own folder is there."""
        if not target.startswith("/"):
            return self._files / target
        mount = Path(self.image.mount)
        if not Path(target).is_relative_to(mount):
            raise Failed(
                f"{target} lies outside of {mount}, all that an image here has"
            )
        return self._files / Path(target).relative_to(mount)

    def _run(self, command: str) -> None:
        path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
        environ = {**os.environ, **self._arguments, **self.image.env, "PATH": path}
        shell = ["/bin/sh", "-c", command]
        done = subprocess.run(shell, cwd=self._files, env=environ, check=False)  # noqa: S603  # that is what a RUN is
        if done.returncode:
            code = done.returncode
            raise Failed(
                f"The command '/bin/sh -c {command}' returned a non-zero code: {code}"
            )

    def _env(self, rest: str) -> None:
        pairs = dict(word.partition("=")[::2] for word in shlex.split(rest))
        self.image = replace(self.image, env={**self.image.env, **pairs})

    def _user(self, rest: str) -> None:
        user, _, group = rest.partition(":")
        self.image = replace(self.image, user=int(user), group=int(group or user))

    def _command(self, rest: str) -> None:
        self.image = replace(self.image, command=_words(rest))

    def _entrypoint(self, rest: str) -> None:
        self.image = replace(self.image, entrypoint=_words(rest), command=())


def _words(rest: str) -> tuple[str, ...]:
    return tuple(json.loads(rest)) if rest.startswith("[") else ("sh", "-c", rest)


# --- what is built ------------------------------------------------------------------


def _kept(tag: str) -> Path:
    default = Path(tempfile.gettempdir()) / f"syncd-loopback-store-{os.getuid()}"
    name = hashlib.sha256(tag.encode()).hexdigest()[:32]
    return Path(os.environ.get(STORE) or default) / name


def _keep(image: Image, tag: str) -> None:
    place = _kept(tag)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    assert image.files is not None
    shutil.copytree(image.files, place / "files", symlinks=True)
    kept = replace(image, files=place / "files")
    (place / "image.json").write_text(json.dumps(described(kept)))


def _push(tag: str) -> None:
    host, _, name = tag.partition("/")
    bare, _, version = name.rpartition(":")
    try:
        body = (_kept(tag) / "image.json").read_bytes()
    except OSError:
        raise Failed(f"An image does not exist locally with the tag: {tag}") from None
    _say(f"The push refers to repository [{host}/{bare}]")
    _ask(host, "PUT", f"/v2/{bare}/manifests/{version}", body)
    _say(f"{version}: pushed")


def _ask(host: str, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401  # JSON
    """Return what a registry answers."""
    connection = http.client.HTTPConnection(host, timeout=_LIMIT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        said = answer.read()
    except OSError as error:
        raise Failed(f"dial tcp {host}: connect: {error}".lower()) from error
    finally:
        connection.close()
    if answer.status >= 400:
        refusal = json.loads(said)["errors"][0]
        raise Failed(f"{path}: {refusal['code'].lower()}: {refusal['message']}")
    return json.loads(said) if said else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
