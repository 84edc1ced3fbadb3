import random

from hypothesis import given, strategies as st

from syncd.session.backoff import Backoff


@given(st.integers(0, 2**32))
def test_a_delay_is_never_longer_than_the_ceiling_however_often_it_was_tried(
    seed: int,
) -> None:
    backoff = Backoff(first_s=0.1, most_s=5.0, draw=random.Random(seed))

    delays = [backoff.next_s() for _ in range(1100)]

    assert delays[0] <= 0.1
    assert max(delays) <= 5.0


def test_after_a_link_that_worked_the_first_delay_is_short_again() -> None:
    backoff = Backoff(first_s=0.1, most_s=5.0)
    for _ in range(50):
        backoff.next_s()

    backoff.reset()

    assert backoff.next_s() <= 0.1
