"""After a change of the directory: every running relay looks at once for sessions that must end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AskFailed

if TYPE_CHECKING:
    from relay.console.visit import Visit


async def end_disabled(visit: Visit) -> None:
    """A relay that does not answer finds it by itself within directory.look_seconds; the next page says so."""
    live = visit.parts.live

    async def look(name: str) -> str:
        relay = live.relay(name)
        try:
            if relay is not None:
                await relay.client.look_for_disabled(pb.LookForDisabledRequest(asking=visit.asking()))
        except (AskFailed, OSError):
            return name
        return ""

    away = [name for name in await asyncio.gather(*(look(one.name) for one in live.watched)) if name]
    if away:
        visit.note("form.ends_later", relays=", ".join(away))
