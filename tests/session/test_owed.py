from dataclasses import replace

from syncd.plan import Plan, Rule, Run
from syncd.session.owed import Owed, Root
from syncd.tree import Entry, Kind


INSTALL = Run(("make",))
FILE = Entry(Kind.FILE, size=1, digest=b"1")


def owed(**tree: Entry) -> Owed:
    root = Root(
        local=b"/src",
        remote="/app",
        tree={name.encode(): entry for name, entry in tree.items()},
        content=lambda _: None,
        ignored=lambda _, __: False,
        look_again=lambda _: None,
        plan=Plan([Rule(("*",), INSTALL)]),
    )
    return Owed([root], "session")


def test_what_is_owed_once_more_is_sent_though_the_container_holds_it() -> None:
    made = owed(a=FILE)
    (ledger,), (root,) = made.ledgers, made.roots
    ledger.compare({b"a": FILE}, root.tree)
    assert ledger.take(root.tree) == ()

    made.again(0, b"a")

    (change,) = ledger.take(root.tree)
    assert change.path == b"a"
    assert ledger.held([change]) == {}


def test_no_action_follows_what_was_only_owed_once_more() -> None:
    made = owed(a=FILE, b=FILE)
    made.again(0, b"a")

    made.follow(0, {b"a"})
    assert made.hooks.waiting == []

    made.follow(0, {b"a"})
    assert made.hooks.waiting == [replace(INSTALL, cwd="/app")]
