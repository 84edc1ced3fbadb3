"""The layers of rules that hold in a folder, and which of them decides. Pure."""

from collections.abc import Callable
from functools import cached_property

from syncd.ignore import builtin
from syncd.ignore.docker import DockerFolder
from syncd.ignore.rules import Rule, Rules, Standing
from syncd.ignore.sieve import sieve


class Layers:
    """The rules that hold in a folder; folders with the same rules share one.

    Args:
        settings: The rules that have the last word.
        own: Those of `.syncdignore` files, the nearest first.
        project: Those of `.gitignore` files, the nearest first.
        docker: Those of `.dockerignore`; then `project` is empty.
    """

    def __init__(
        self,
        settings: Rules,
        own: tuple[Rules, ...],
        project: tuple[Rules, ...],
        docker: DockerFolder | None,
    ) -> None:
        self.docker = docker
        self._settings = settings
        self._own = own
        self._project = project
        self._every = (settings, *own, *project, *((docker,) if docker else ()))

    @cached_property
    def _may_meet(self) -> Callable[[bytes, bytes], bool]:
        return sieve((builtin.RULES, self._settings, *self._own, *self._project))

    def decide(self, name: bytes, path: bytes, *, is_dir: bool) -> Rule | None:
        """Return the rule that decides for what is in the folder, or None.

        Args:
            name: The last part of `path`.
            path: Relative to the sync root.
            is_dir: Whether it is a folder and no link to one.
        """
        docker = self.docker
        if not self._may_meet(name, path) and not (docker and docker.may_meet(path)):
            return None
        fixed = builtin.RULES.match(name, path, is_dir=is_dir)
        if fixed is not None and fixed.standing is Standing.FIXED:
            return fixed
        hits = (layer.match(name, path, is_dir=is_dir) for layer in self._every)
        hit = next((hit for hit in hits if hit is not None), None)
        if fixed is None or fixed.negated or overrules(hit, fixed):
            return hit
        # Their own rule is the better one to name to people. But a folder that Docker's
        # rules exclude may be looked into, and this one must not.
        return hit if ignores(hit) and not (docker and is_dir) else fixed

    def entered(self, path: bytes, rule: Rule | None) -> "Layers | None":
        """Return the layers inside of a folder that `rule` decided for.

        None says that nothing in it can be other than ignored.
        """
        docker = self.docker and self.docker.enter(path)
        if not ignores(rule):
            return self._with_docker(docker and docker.taken_back())
        if docker is None or not docker.may_return(path, rule):
            return None
        return self._with_docker(docker)

    def nearer(self, own: Rules | None, project: Rules | None) -> "Layers":
        """Return these layers and the rules that stand in the folder itself."""
        if not own and not project:
            return self
        return Layers(
            self._settings,
            (own, *self._own) if own else self._own,
            (project, *self._project) if project else self._project,
            self.docker,
        )

    def _with_docker(self, docker: DockerFolder | None) -> "Layers":
        if docker is self.docker:
            return self
        layers = Layers(self._settings, self._own, self._project, docker)
        layers._may_meet = self._may_meet  # dear to make
        return layers


def ignores(rule: Rule | None) -> bool:
    """Return whether a path that `rule` decides for is ignored."""
    return rule is not None and not rule.negated


def overrules(rule: Rule | None, fixed: Rule) -> bool:
    """Return whether a `!` rule takes back what a built-in rule keeps out."""
    if rule is None or not rule.lists:
        return False
    return rule.standing is Standing.OWN or fixed.standing is Standing.WITHHELD
