"""The first page, and the wall: how the relays are, and what happened today."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from relay.console.asking import relay_alarms
from relay.console.entry_words import EntryWords
from relay.console.overview_view import AlarmShown, Looked, OverviewShown, alarm_shown, overview_of
from relay.console.reading import reading_of
from relay.console.visit import Visit


async def overview(visit: Visit) -> Response:
    """Everything at a glance."""
    return visit.render("overview.html", o=await _look(visit))


async def wall(visit: Visit) -> Response:
    """The same for a screen on the wall: state, figures and charts, and no names."""
    return visit.render("wall.html", o=await _look(visit))


async def alarms_of(visit: Visit) -> list[AlarmShown]:
    """The alarms of all relays, newest first; a relay that does not answer has none."""
    # Read once: a relay may come or go while the others answer.
    names = [relay.name for relay in visit.parts.live.watched if relay.reachable]
    answers = await asyncio.gather(*(relay_alarms(visit, name) for name in names))
    fact = EntryWords(visit.parts.words, visit.language).fact
    shown = [
        alarm_shown(alarm, name, visit.language, fact)
        for name, alarms in zip(names, answers, strict=True)
        for alarm in alarms
    ]
    return sorted(shown, key=lambda alarm: str(alarm.at), reverse=True)


async def _look(visit: Visit) -> OverviewShown:
    reading = reading_of(visit)
    tally = await reading.today()
    pages = {
        "terminals": visit.to("terminals"),
        "logins": f"{visit.to('ledger')}?kind=terminal_admitted",
        "refusals": f"{visit.to('ledger')}?kind=terminal_refused",
    }
    alarms: Sequence[AlarmShown] = await alarms_of(visit)
    looked = Looked(visit.parts.live.watched, tally, reading.now(), visit.say, visit.language, alarms, pages)
    return overview_of(looked)
