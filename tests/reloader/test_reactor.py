"""The supervisor's loop."""

import os

from syncd.reloader.reactor import Reactor


def test_what_took_the_number_of_a_descriptor_is_not_called_for_its_input() -> None:
    reactor = Reactor()
    (one, to_one), (two, to_two) = os.pipe(), os.pipe()
    calls = []

    def give_up(mine: int, other: int) -> None:
        calls.append(mine)
        reactor.forget(other)
        os.dup2(quiet, other)
        reactor.on_input(other, lambda: calls.append(other))

    quiet, to_quiet = os.pipe()
    reactor.on_input(one, lambda: give_up(one, two))
    reactor.on_input(two, lambda: give_up(two, one))
    os.write(to_one, b"1")
    os.write(to_two, b"2")

    reactor.turn()

    assert len(calls) == 1
    for fd in (one, to_one, two, to_two, quiet, to_quiet):
        os.close(fd)
