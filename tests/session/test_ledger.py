from syncd.session.ledger import Ledger
from syncd.tree import Change, Entry, Kind


FILE = Entry(Kind.FILE, 0o644, 1, b"\x01" * 32)
FOLDER = Entry(Kind.DIR, 0o755)


def test_the_later_of_two_batches_tells_what_is_there_whoever_answers_first() -> None:
    ledger = Ledger(set())
    write, delete = Change(b"a", FILE), Change(b"a", None)
    ledger.launch(1, [write])
    ledger.launch(2, [delete])

    ledger.land(2)
    ledger.land(1)

    assert ledger.remote == {}
    assert ledger.held([write]) == {}


def test_an_earlier_batch_that_failed_leaves_no_doubt_about_a_later_one() -> None:
    ledger = Ledger(set())
    ledger.launch(1, [Change(b"a", FILE)])
    ledger.launch(2, [Change(b"a", FILE)])

    ledger.land(1, failed=[b"a"])
    ledger.land(2)

    assert ledger.doubt == set()
    assert ledger.remote == {b"a": FILE}


def test_what_is_ignored_from_now_on_is_forgotten_and_not_deleted() -> None:
    ignored = {b"data", b"data/x", b"log"}
    ledger = Ledger(set(), ignored=lambda path, _: path in ignored)
    tree = {b"data": FOLDER, b"data/x": FILE, b"log": FILE, b"a": FILE}
    ledger.compare(tree, tree)
    ledger.launch(1, [Change(b"log", FILE)])

    ledger.note(ignored | {b"a"})
    assert ledger.take({}) == (Change(b"a", None),)
    ledger.land(1, failed=[b"log"])

    assert ledger.remote == {b"a": FILE}
    assert (ledger.doubt, ledger.failed) == (set(), set())
    ignored.clear()
    ledger.note([b"log"])
    assert ledger.take({b"log": FILE}) == (Change(b"log", FILE),), "whatever is there"


def test_a_folder_is_asked_about_as_the_folder_that_it_is_there() -> None:
    ledger = Ledger(set(), ignored=lambda path, is_dir: is_dir)
    tree = {b"a": FILE, b"d": FOLDER}
    ledger.compare(tree, tree)

    ledger.note(tree)

    assert ledger.take({}) == (Change(b"a", None),)


def test_a_folder_that_is_known_to_be_gone_at_last_is_one_that_leaves() -> None:
    unread = {b"d/sub"}
    ledger = Ledger(set(), whole=True, unread=lambda path: path in unread)
    here = {b"d": FOLDER}
    ledger.compare(here | {b"d/sub": FOLDER}, here)
    assert ledger.leaving(here) == set()
    assert ledger.take(here) == ()

    unread.clear()

    assert ledger.leaving(here) == {b"d/sub"}
    assert ledger.take(here) == (Change(b"d/sub", None),)


def test_nothing_goes_from_a_folder_of_others_that_stays_for_what_is_ignored() -> None:
    ledger = Ledger({b"ours"}, whole=True)
    there = {b"ours": FOLDER, b"ours/x": FILE, b"theirs": FOLDER, b"theirs/x": FILE}
    ledger.compare(there, {}, holding={b"ours", b"theirs"})

    assert ledger.take({}) == (Change(b"ours/x", None),)
