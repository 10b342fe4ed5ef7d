"""The first page: how the relays are."""

from __future__ import annotations

from starlette.responses import Response

from relay.console.visit import Visit


async def overview(visit: Visit) -> Response:
    """Every relay, with what it said last; the page's script keeps it up to date."""
    return visit.render("overview.html", relays=visit.parts.live.watched)
