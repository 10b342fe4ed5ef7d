"""What an investor's machines were like, and which login is unlike them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from relay.admission.machines import (
    KEPT,
    MOST_OF_A_PLACE,
    MOST_OF_AN_INVESTOR,
    Desk,
    MachineHistory,
    MachineTraits,
    Unlike,
    forget_machines_of,
)
from relay.counter.port import Investor
from relay.database.database import writing
from tests.relay.conftest import HandClock

DESK = Desk(Investor("9999", "100001"), "terminal_1.0", "198.51.100.7")
USUAL = MachineTraits(0, "0", 265, "collector 4066")
OTHER = replace(USUAL, collector_code=448, missing_digit="3")


@pytest.fixture
def history(engine: Engine, clock: HandClock) -> MachineHistory:
    return MachineHistory(engine, clock=clock)


def test_the_first_machine_of_a_desk_is_like_none_and_unlike_none(history: MachineHistory) -> None:
    """Each desk for itself: another place, app id or investor says nothing."""
    elsewhere = [
        replace(DESK, place="198.51.100.8"),
        replace(DESK, app_id="other_1.0"),
        replace(DESK, investor=Investor("9999", "100002")),
    ]

    assert history.remember(DESK, USUAL) is None
    assert history.remember(DESK, USUAL) is None
    assert [history.remember(desk, OTHER) for desk in elsewhere] == [None] * 3


def test_a_machine_that_misses_other_items_is_unlike_before_once(history: MachineHistory) -> None:
    """What differs is said, with what it was; from then on it is one of those known."""
    history.remember(DESK, USUAL)
    seen = history.compare(DESK, OTHER)
    noted = history.remember(DESK, OTHER)

    assert seen == noted == Unlike({"collector_code": [0, 448], "missing_digit": ["0", "3"]})
    assert not seen.is_an_update
    assert [history.compare(DESK, traits) for traits in (USUAL, OTHER)] == [None, None]


def test_what_the_firm_had_forgotten_is_written_again_the_same_day(history: MachineHistory, clock: HandClock) -> None:
    """A command does it, in another process. Otherwise the machine that was known all along is unlike the new one."""
    history.remember(DESK, USUAL)
    forget(history)

    assert history.compare(DESK, USUAL) is None
    assert not history.is_written_today(DESK, USUAL)


def test_a_machine_is_the_same_whether_or_not_its_header_was_judged(history: MachineHistory) -> None:
    """The firm switches the judgement on or off: that locks no one out and sounds no alarm. What else differs is said."""
    unjudged = replace(USUAL, missing_digit="")
    for desk, before, after in (DESK, unjudged, USUAL), (replace(DESK, place="198.51.100.8"), USUAL, unjudged):
        history.remember(desk, before)
        assert history.remember(desk, after) is None
        assert history.compare(desk, replace(after, length=266)) == Unlike({"length": [265, 266]})


def test_the_longest_version_a_terminal_may_say_is_kept(history: MachineHistory) -> None:
    """PostgreSQL refuses what is longer than its column."""
    longest = replace(USUAL, collector_version="v" * 128)
    history.remember(DESK, USUAL)

    assert history.remember(DESK, longest) == Unlike({"collector_version": [USUAL.collector_version, "v" * 128]})
    assert history.compare(DESK, longest) is None


def test_two_machines_at_one_place_are_both_known(history: MachineHistory) -> None:
    """An office has several; a third is compared with the one most like it."""
    history.remember(DESK, USUAL)
    history.remember(DESK, OTHER)

    assert history.compare(DESK, replace(OTHER, length=273)) == Unlike({"length": [265, 273]})


def test_another_collector_alone_is_an_update(history: MachineHistory) -> None:
    """Every terminal gets one from time to time."""
    history.remember(DESK, USUAL)
    unlike = history.compare(DESK, replace(USUAL, collector_version="collector 4070"))

    assert unlike is not None
    assert unlike.is_an_update


def test_what_is_kept_has_a_bound(history: MachineHistory, clock: HandClock) -> None:
    """Of a place, of an investor, and in time; the longest unseen go first."""
    for number in range(MOST_OF_A_PLACE + 3):
        clock.move(1)
        history.remember(DESK, replace(USUAL, length=number))
    kept = [
        number for number in range(MOST_OF_A_PLACE + 3) if history.compare(DESK, replace(USUAL, length=number)) is None
    ]
    for number in range(MOST_OF_AN_INVESTOR + 5):
        clock.move(1)
        history.remember(replace(DESK, place=f"203.0.113.{number}"), USUAL)

    assert kept == list(range(3, MOST_OF_A_PLACE + 3))
    assert forget(history) == MOST_OF_AN_INVESTOR
    history.remember(DESK, USUAL)
    clock.at += KEPT + timedelta(days=1)
    assert history.forget_old() == 1
    assert history.compare(DESK, OTHER) is None


def test_a_machine_is_written_once_a_day(history: MachineHistory, clock: HandClock) -> None:
    """A login is not to wait for a write that changes nothing."""
    assert not history.is_written_today(DESK, USUAL)
    history.remember(DESK, USUAL)
    today = history.is_written_today(DESK, USUAL)
    clock.move(86_400)

    assert today
    assert not history.is_written_today(DESK, USUAL)


def forget(history: MachineHistory) -> int:
    """As a command does it."""
    with writing(history._engine) as connection:
        return forget_machines_of(connection, DESK.investor)


def test_a_group_is_as_one_after_the_other(history: MachineHistory) -> None:
    """Each is compared with what those before it brought; each investor with its own alone."""
    other = Desk(Investor("9999", "100002"), DESK.app_id, DESK.place)
    history.remember(DESK, USUAL)

    noted = history.remember_all([(DESK, USUAL), (DESK, OTHER), (other, OTHER), (DESK, OTHER), (other, USUAL)])

    assert [one is None for one in noted] == [True, False, True, True, False]
    assert all(history.compare(desk, traits) is None for desk in (DESK, other) for traits in (USUAL, OTHER))
