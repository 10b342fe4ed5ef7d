"""What a connection may spend before its terminal has proved itself, and afterwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.edge.allowance import STREAMS, Allowance

MAX_MESSAGE = 65_536


def test_a_login_is_far_within_it() -> None:
    """TLS, two messages, and three tries."""
    allowance = Allowance(MAX_MESSAGE)

    pauses = [allowance.took(size, 0.0) for size in (600, 400, 120, 2000) * 3]

    assert pauses == [0.0] * 12
    assert all(allowance.opened(0.0) for _ in range(3))
    assert not allowance.spent


def test_a_message_of_twice_the_largest_size_can_be_refused_by_name() -> None:
    """It takes its time, and the connection has something left."""
    allowance = Allowance(MAX_MESSAGE)
    pauses = [allowance.took(16_384, number / 8) for number in range(8)]

    assert not allowance.spent
    assert any(pauses)


@given(st.lists(st.integers(1, 65_536), max_size=50))
def test_the_bytes_of_a_stranger_are_bounded(sizes: list[int]) -> None:
    """Whatever they are; from the proof on they are not."""
    allowance = Allowance(MAX_MESSAGE)
    proved = Allowance(MAX_MESSAGE)
    proved.proved()
    for size in sizes:
        allowance.took(size, 0.0)
        proved.took(size, 0.0)

    assert allowance.spent is (sum(sizes) > 3 * MAX_MESSAGE + 16_384)
    assert not proved.spent


@given(st.lists(st.tuples(st.integers(1, 65_536), st.floats(0, 0.2)), min_size=1, max_size=200))
def test_the_rate_of_a_proved_connection_is_bounded_by_pauses(reads: list[tuple[int, float]]) -> None:
    """Reading waits; nothing is dropped, and no pause is long."""
    allowance = Allowance(MAX_MESSAGE)
    allowance.proved()
    now, total = 0.0, 0
    for size, after in reads:
        now += after
        pause = allowance.took(size, now)
        total += size
        assert 0 <= pause <= 4
        now += pause

    assert total <= 2 * 1024 * 1024 + 512 * 1024 * now + 65_536


def test_streams_before_a_proof_are_few() -> None:
    """A proof allows more; when its stream is over, counting begins anew."""
    allowance = Allowance(MAX_MESSAGE)
    assert all(allowance.opened(0.0) for _ in range(STREAMS))
    assert not allowance.opened(0.0)

    allowance.proved()
    assert allowance.opened(0.0)
    allowance.stranger_again()

    assert all(allowance.opened(0.0) for _ in range(STREAMS))
    assert not allowance.opened(0.0)


def test_streams_after_a_proof_have_a_rate() -> None:
    """Opening and resetting them costs few bytes; the connection is read later for it."""
    allowance = Allowance(MAX_MESSAGE)
    allowance.proved()

    assert all(allowance.opened(0.0) for _ in range(1000))

    assert allowance.took(1, 0.0) > 0
