from syncd.session.ledger import Ledger
from syncd.tree import Change, Entry, Kind


FILE = Entry(Kind.FILE, 0o644, 1, b"\x01" * 32)


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
