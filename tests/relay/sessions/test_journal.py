"""What a terminal can resume from, and when it is too slow."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relay.sessions.journal import Journal, Replay


def journal(*events: bytes, **limits: Any) -> Journal:
    written = Journal(**{"items": 100, "size_bytes": 10_000, **limits})
    for event in events:
        written.extend([event])
    return written


def test_sequences_start_at_one_without_gaps() -> None:
    """The first event is 1."""
    written = journal()

    assert [written.extend([event]) for event in (b"a", b"b", b"c")] == [1, 2, 3]


def test_a_resume_gets_what_came_after() -> None:
    """Replay starts with the event after the last one the terminal has."""
    replay = journal(b"a", b"b", b"c").replay(1)

    assert replay.items == ((2, b"b"), (3, b"c"))
    assert not replay.lost_history


def test_a_terminal_that_has_everything_gets_nothing() -> None:
    """Nothing is lost where nothing is missing, not even when nothing is kept."""
    assert journal(b"a", b"b", items=1).replay(2).items == ()
    assert not journal(b"a", b"b", items=1).replay(2).lost_history


def test_what_is_no_longer_kept_is_said_to_be_lost() -> None:
    """The terminal gets the rest, and is told to query."""
    replay = journal(b"a", b"b", b"c", items=2).replay(0)

    assert replay.items == ((2, b"b"), (3, b"c"))
    assert replay.lost_history


def test_a_sequence_never_given_is_somebody_elses_history() -> None:
    """It gets everything kept and is told that history is lost."""
    replay = journal(b"a").replay(7)

    assert replay == type(replay)(((1, b"a"),), lost_history=True)


def test_bytes_bound_the_journal_too() -> None:
    """But the latest event is always kept, however large."""
    written = journal(b"aaaa", b"bbbb", b"cccc", size_bytes=8)

    assert written.first_kept == 2
    written.extend([b"d" * 100])
    assert written.replay(3).items == ((4, b"d" * 100),)


@given(st.lists(st.binary(max_size=5), max_size=40), st.integers(0, 45), st.integers(1, 10), st.integers(1, 30))
def test_a_replay_is_the_end_of_what_was_written(events: list[bytes], after: int, items: int, size: int) -> None:
    """For any history and limits: right numbers, right events, and lost_history exactly when some are missing."""
    replay = journal(*events, items=items, size_bytes=size).replay(after)
    wanted = tuple(enumerate(events, 1))[after:]

    assert replay.items == tuple(enumerate(events, 1))[len(events) - len(replay.items) :]
    if after <= len(events):
        assert replay.lost_history == (replay.items != wanted)


def test_the_limits_themselves_fit() -> None:
    """As many events as are allowed, and as many bytes; one more of either drops the oldest."""
    by_items = journal(b"a", b"b", items=2)
    by_bytes = journal(b"aaaa", b"bbbb", size_bytes=8)
    kept = by_items.kept, by_bytes.kept
    by_items.extend([b"c"])
    by_bytes.extend([b"c"])

    assert kept == ((2, 2), (2, 8))
    assert (by_items.kept, by_bytes.kept) == ((2, 2), (2, 5))
    assert (by_items.first_kept, by_bytes.first_kept) == (2, 2)


def test_one_event_alone_is_kept_and_room_is_made_when_the_next_comes() -> None:
    """The bytes of what was dropped are not counted any more."""
    written = journal(b"d" * 100, size_bytes=8)
    alone = written.kept
    written.extend([b"e"])

    assert (alone, written.kept, written.first_kept) == ((1, 100), (1, 1), 2)


def test_a_sequence_of_the_future_gets_all_that_is_kept() -> None:
    """Numbered as it was, also after the first ones were dropped; the next one after the last is not of the future."""
    written = journal(b"a", b"b", b"c", items=2)

    assert written.replay(4) == Replay(((2, b"b"), (3, b"c")), lost_history=True)
    assert written.replay(3) == Replay((), lost_history=False)
    assert written.replay(1) == Replay(((2, b"b"), (3, b"c")), lost_history=False)


@given(st.lists(st.lists(st.integers(1, 60), max_size=8), max_size=12), st.integers(1, 10), st.integers(1, 150))
def test_a_burst_is_kept_as_its_events_one_by_one(bursts: list[list[int]], items: int, size_bytes: int) -> None:
    """The same sequences, and the same is lost at the limits."""
    at_once, one_by_one = (Journal(items=items, size_bytes=size_bytes) for _ in range(2))
    for burst in bursts:
        events = [bytes(size) for size in burst]
        first = at_once.extend(events)
        numbers = [one_by_one.extend([event]) for event in events]

        assert numbers == [first + place for place in range(len(events))]
        assert (at_once.kept, at_once.first_kept) == (one_by_one.kept, one_by_one.first_kept)
