"""One's own account."""

from __future__ import annotations

from starlette.responses import Response

from relay.console.visit import Visit


async def me(visit: Visit) -> Response:
    """Who is signed in, where, and what may be changed."""
    sign_ins = visit.parts.sign_ins.of_account(visit.account.name) if visit.account else []
    return visit.render("me.html", sign_ins=sign_ins)
