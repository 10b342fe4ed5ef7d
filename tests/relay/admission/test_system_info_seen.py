"""Replayed system info is noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from relay.admission.system_info_seen import Shown, SystemInfoSeen, kept_for
from tests.relay.conftest import HandClock


def test_the_same_bytes_are_new_once(engine: Engine, clock: HandClock) -> None:
    """For every process that shares the database."""
    one, two = SystemInfoSeen(engine, clock=clock), SystemInfoSeen(engine, clock=clock)

    assert one.remember(b"\0info", "s-1")
    assert not one.remember(b"\0info", "s-2")
    assert not two.remember(b"\0info", "s-3")
    assert two.remember(b"\0info!", "s-4")


def test_of_many_at_the_same_moment_one_is_new(engine: Engine, clock: HandClock) -> None:
    """The database decides, not a look-up before the insert."""
    seen = SystemInfoSeen(engine, clock=clock)
    with ThreadPoolExecutor(8) as threads:
        new = list(threads.map(lambda number: seen.remember(b"info", f"s-{number}"), range(24)))

    assert new.count(True) == 1


def test_what_is_too_old_to_be_accepted_is_forgotten(engine: Engine, clock: HandClock) -> None:
    """The table does not grow for ever; younger digests stay."""
    seen = SystemInfoSeen(engine, clock=clock)
    seen.remember(b"old", "s-1")
    clock.move(100)
    seen.remember(b"young", "s-2")
    clock.move(1)

    assert seen.forget_older_than(timedelta(seconds=50)) == 1
    assert seen.remember(b"old", "s-3")
    assert not seen.remember(b"young", "s-4")


def test_what_has_no_known_age_is_kept_for_a_year(engine: Engine, clock: HandClock) -> None:
    """Another counter's collected info: a replay is found for long, and the table does not grow for ever."""
    seen = SystemInfoSeen(engine, clock=clock)
    seen.remember(b"info", "s-1")
    clock.move(360 * 86400)
    seen.remember(b"later", "s-2")

    assert kept_for(300.0) == timedelta(days=2, seconds=300)
    assert seen.forget_older_than(kept_for(None)) == 0
    clock.move(10 * 86400)
    assert seen.forget_older_than(kept_for(None)) == 1


def test_a_first_block_is_new_once_whatever_follows_it(engine: Engine, clock: HandClock) -> None:
    """The vendor's library looks at it alone, so one genuine block would do for any number of made-up rests."""
    seen = SystemInfoSeen(engine, clock=clock)

    assert seen.remember(b"genuine and the rest", "s-1", first_block=b"genuine")
    assert not seen.remember(b"genuine and made up", "s-2", first_block=b"genuine")
    assert seen.remember(b"genuine of a kind that is not judged", "s-3")


def test_of_a_group_that_shows_the_same_the_first_is_new(engine: Engine, clock: HandClock) -> None:
    """As one after the other; also what one login shows twice, and what was there before the group."""
    seen = SystemInfoSeen(engine, clock=clock)
    seen.remember(b"old", "s-0")
    group = [
        Shown(b"a", "s-1", b"block"),
        Shown(b"b", "s-2", b"block"),
        Shown(b"a", "s-3"),
        Shown(b"old", "s-4"),
        Shown(b"c", "s-5", b"c"),
        Shown(b"d", "s-6"),
    ]

    assert seen.remember_all(group) == [True, False, False, False, False, True]
    assert not any(seen.remember_all(group))
