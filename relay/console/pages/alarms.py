"""Faults that there are now, and alarms there were, each with what to do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from relay.console.pages.overview import alarms_of
from relay.console.reading import reading_of
from relay.console.relay_state import Why, whys
from relay.console.spoken import as_time, lasted
from relay.console.visit import Visit


@dataclass(frozen=True, slots=True)
class _FaultShown:
    kind: str
    since: object
    lasted: str
    words: str
    why: str
    todo: str
    relay: str


async def alarms(visit: Visit) -> Response:
    """Of all relays."""
    now = reading_of(visit).now().timestamp()
    relays = visit.parts.live.watched
    faults = [_shown(visit, why, now) for relay in relays for why in whys(relay, visit.say, visit.language)]
    return visit.render("alarms.html", faults=faults, alarms=await alarms_of(visit), several=len(relays) > 1)


def _shown(visit: Visit, why: Why, now: float) -> _FaultShown:
    began = as_time(why.since)
    duration = lasted(visit.say, now - began.timestamp()) if began is not None else ""
    return _FaultShown(why.kind, why.since, duration, why.words, why.why, why.todo, why.relay)
