"""Where investors have logged in from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from relay.admission import known_places
from relay.admission.known_places import KEPT, KnownPlaces
from relay.counter.port import Investor
from relay.database.database import writing
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from tests.relay.conftest import HandClock

INVESTOR = Investor("9999", "100001")
HOME = "198.51.100.7"


@pytest.fixture
def places(engine: Engine, clock: HandClock) -> Iterator[KnownPlaces]:
    with DirectoryAccess(threads=1) as access:
        yield KnownPlaces(engine, access, clock=clock)


async def test_a_place_is_known_after_a_login_and_to_every_process(
    places: KnownPlaces, engine: Engine, clock: HandClock
) -> None:
    """Of this investor of this broker, and nobody else."""
    assert not await places.is_known(INVESTOR, HOME)
    await places.logged_in(INVESTOR, HOME)

    with DirectoryAccess(threads=1) as access:
        other = KnownPlaces(engine, access, clock=clock)
        assert await other.is_known(INVESTOR, HOME)
        assert not await other.is_known(Investor("9999", "100002"), HOME)
        assert not await other.is_known(Investor("8888", "100001"), HOME)
        assert not await other.is_known(INVESTOR, "203.0.113.9")


async def test_a_place_is_forgotten_after_long_and_kept_by_logging_in(places: KnownPlaces, clock: HandClock) -> None:
    """Addresses change hands."""
    await places.logged_in(INVESTOR, HOME)
    await places.logged_in(INVESTOR, "203.0.113.9")
    clock.move(KEPT.total_seconds() - 10)
    await places.logged_in(INVESTOR, HOME)
    clock.move(20)

    assert await places.is_known(INVESTOR, HOME)
    assert not await places.is_known(INVESTOR, "203.0.113.9")
    assert places.forget_old() == 1


async def test_a_place_is_written_once_a_day(places: KnownPlaces, engine: Engine) -> None:
    """A terminal that logs in every minute costs nothing."""
    await places.logged_in(INVESTOR, HOME)
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE known_place"))

    await places.logged_in(INVESTOR, HOME)

    with pytest.raises(DirectoryUnavailable):
        await places.logged_in(INVESTOR, "203.0.113.9")


async def test_places_are_in_memory_for_what_cannot_wait(
    places: KnownPlaces, engine: Engine, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the login on, and after a restart; bounded, the ones used last."""
    monkeypatch.setattr(known_places, "_IN_MEMORY", 2)
    for place in (HOME, "203.0.113.9", "203.0.113.10"):
        await places.logged_in(INVESTOR, place)
        clock.move(1)
    with DirectoryAccess(threads=1) as access:
        other = KnownPlaces(engine, access, clock=clock)
        before = other.has_logins("203.0.113.10")
        other.load()

    assert [places.has_logins(place) for place in (HOME, "203.0.113.9", "203.0.113.10")] == [False, True, True]
    assert not before
    assert [other.has_logins(place) for place in (HOME, "203.0.113.9", "203.0.113.10")] == [False, True, True]


async def test_a_place_that_is_used_again_stays_in_memory(places: KnownPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office that logs in every day is not pushed out by those that came once."""
    monkeypatch.setattr(known_places, "_IN_MEMORY", 2)

    for place in (HOME, "203.0.113.9", HOME, "203.0.113.10"):
        await places.logged_in(INVESTOR, place)

    assert [places.has_logins(place) for place in (HOME, "203.0.113.9", "203.0.113.10")] == [True, False, True]
