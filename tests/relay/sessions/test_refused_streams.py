"""Refused streams: a first line at once, the rest counted, and the ledger kept open for logins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.ledger.chain import canonical
from relay.sessions.refused_streams import (
    MINUTE_SECONDS,
    MOST_PLACES,
    RefusalShares,
    RefusedStreams,
    Standing,
    shares_of,
)
from relay.settings.ledger_section import LedgerSettings
from tests.relay.conftest import HandClock
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled

STRANGER, PROVED, ADMITTED = Standing.STRANGER, Standing.PROVED, Standing.ADMITTED


def facts(reason: str = "terminal_not_accepted", app_id: str = "terminal_1.0") -> dict[str, object]:
    return {"reason": reason, "terminal_app_id": app_id}


class Refusing:
    """Refusals on a played ledger, a clock and a loop moved by hand."""

    def __init__(self, kept: KeptEvidence, **shares: int) -> None:
        self.kept, self.clock, self.loop = kept, HandClock(), HandLoop()
        self.streams = RefusedStreams(kept, self.clock, RefusalShares(**shares))

    async def refuse(self, place: str = "203.0.113.9", standing: Standing = STRANGER, **more: Any) -> None:
        await self.streams.add(standing, "s-1", place, facts(**more))

    async def minute(self) -> None:
        self.clock.move(MINUTE_SECONDS)
        await self.loop.move(MINUTE_SECONDS)

    def summaries(self) -> list[dict[str, object]]:
        return [data for kind, _, data in self.kept.entries if kind == "terminals_refused"]


async def test_the_first_of_a_place_is_an_entry_and_the_rest_a_count(kept: KeptEvidence) -> None:
    """At once, and at the minute's end; each place for itself, and no more log lines than entries."""
    refusing = Refusing(kept)
    with capture_logs() as lines:
        for place in ("203.0.113.9", "2001:db8::/64"):
            for _ in range(500):
                await refusing.refuse(place)
        before = list(kept.kinds)
        await refusing.refuse("203.0.113.9", reason="wrong_investor_password", app_id="other_1.0")
        await refusing.minute()

    assert before == ["terminal_refused"] * 2
    assert refusing.summaries() == [
        {
            "place": "203.0.113.9",
            "since": "2026-11-22T09:00:00.000000+08:00",
            "until": "2026-11-22T09:01:00.000000+08:00",
            "count": 500,
            "reasons": [
                {"reason": "terminal_not_accepted", "count": 499},
                {"reason": "wrong_investor_password", "count": 1},
            ],
            "app_ids": ["terminal_1.0", "other_1.0"],
        },
        {
            "place": "2001:db8::/64",
            "since": "2026-11-22T09:00:00.000000+08:00",
            "until": "2026-11-22T09:01:00.000000+08:00",
            "count": 499,
            "reasons": [{"reason": "terminal_not_accepted", "count": 499}],
            "app_ids": ["terminal_1.0"],
        },
    ]
    assert [line["event"] for line in lines] == [*before, "terminals_refused", "terminals_refused"]
    for _, _, data in kept.entries:
        assert canonical(data)


async def test_the_next_minute_begins_anew(kept: KeptEvidence) -> None:
    """With an entry of its own again; a place that is quiet leaves nothing."""
    refusing = Refusing(kept)
    await refusing.refuse("203.0.113.9")
    await refusing.refuse("203.0.113.9")
    await refusing.refuse("203.0.113.10")
    await refusing.minute()
    await refusing.refuse("203.0.113.9")
    await refusing.minute()

    assert kept.kinds == ["terminal_refused", "terminal_refused", "terminals_refused", "terminal_refused"]


async def test_after_the_proof_each_has_its_entry_up_to_a_bound(kept: KeptEvidence) -> None:
    """A wrong password is worth a line; sixty from an office in a minute are, too; a thousand are a count."""
    refusing = Refusing(kept, proved=3)
    for _ in range(5):
        await refusing.refuse(standing=PROVED, reason="wrong_investor_password")
    await refusing.streams.flush()

    assert kept.kinds == ["terminal_refused"] * 3 + ["terminals_refused"]
    assert refusing.summaries()[0]["count"] == 2


async def test_an_admission_always_gets_its_end(kept: KeptEvidence) -> None:
    """Who reads the ledger asks what became of it."""
    refusing = Refusing(kept, proved=1, waiting=0)
    for _ in range(100):
        await refusing.refuse(standing=ADMITTED, reason="counter_refused")

    assert kept.kinds == ["terminal_refused"] * 100


async def test_places_without_end_are_counted_together(kept: KeptEvidence) -> None:
    """An attacker with a /40 has millions; memory and entries have a bound."""
    refusing = Refusing(kept)
    for number in range(MOST_PLACES + 1000):
        for _ in range(2):
            await refusing.refuse(f"2001:db8:{number:x}::/64")
    await refusing.minute()

    assert len(kept.entries) == 2 * (MOST_PLACES + 1)
    last = refusing.summaries()[-1]
    assert (last["place"], last["count"]) == ("other addresses", 2 * 1000 - 1)


async def test_of_app_ids_a_few_are_kept_shortened(kept: KeptEvidence) -> None:
    """They are a stranger's text, and as many as it likes."""
    refusing = Refusing(kept)
    await refusing.refuse()
    for app_id in ["x" * 64, "\x1b[2J", "", *(f"terminal_{n}" for n in range(1000))]:
        await refusing.refuse(app_id=app_id)
    await refusing.minute()

    kept_ids = ["xxxxxxxxxxxxxxxx…", "?[2J", "terminal_0", "terminal_1", "terminal_2"]
    assert refusing.summaries()[0]["app_ids"] == kept_ids


async def test_refusals_never_fill_the_queue_of_the_ledger(kept: KeptEvidence) -> None:
    """While it is slow so many wait, from however many places; further ones are counted and not waited for."""
    refusing = Refusing(kept, waiting=4)
    kept.open = asyncio.Event()
    kinds_of = (STRANGER, PROVED)
    waiting = [asyncio.ensure_future(refusing.refuse(f"203.0.113.{n}", one)) for n in range(50) for one in kinds_of]
    await settled()
    still = [task for task in waiting if not task.done()]
    last = asyncio.ensure_future(refusing.refuse("203.0.113.99"))
    await settled()
    is_waited_for = not last.done()  # a time limit would never be over: the loop's clock is moved by hand

    kept.open.set()
    await asyncio.gather(*waiting, last)
    await refusing.streams.flush()

    assert not is_waited_for
    assert len(still) == 4
    assert kept.kinds.count("terminal_refused") == 4
    assert sum(int(str(data["count"])) for data in refusing.summaries()) == 2 * 50 - 4 + 1


async def test_two_flushes_at_once_write_everything_once(kept: KeptEvidence) -> None:
    """The minute's end and the relay's may come together."""
    refusing = Refusing(kept)
    for _ in range(3):
        await refusing.refuse()

    await asyncio.gather(refusing.streams.flush(), refusing.streams.flush())

    assert [data["count"] for data in refusing.summaries()] == [2]


@pytest.mark.parametrize(("queue", "waiting"), [(1, 1), (7, 1), (8, 2), (255, 63), (256, 64), (4096, 64)])
def test_a_quarter_of_the_ledgers_queue_is_for_refusals(queue: int, waiting: int) -> None:
    """At least one, or nothing of them were ever written; and no more than are of use."""
    settings = LedgerSettings(queue_entries=queue, stranger_refusals_per_minute=3, proved_refusals_per_minute=7)

    shares = shares_of(settings)

    assert shares.waiting == waiting
    assert (shares.of(STRANGER), shares.of(PROVED)) == (3, 7)
