"""What the relays are doing, for scripts of the console's own pages: a stream, a picture, the last hour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from relay.console.parts import TooBusy
from relay.console.rates import STEP_SECONDS
from relay.console.visit import Visit
from relay.database.database import brief

_log = structlog.get_logger(__name__)
_EVENT_STREAM = {"content-type": "text/event-stream", "x-accel-buffering": "no"}


async def stream(visit: Visit) -> Response:
    """Server-sent events `relays`; `signed_out` is the last one where the sign-in ends."""
    account = visit.account
    live = visit.parts.live
    if account is None or not live.take_stream(account.name):
        raise HTTPException(429)
    return _Stream(visit, account.name, account.generation)


async def now(visit: Visit) -> Response:
    """The picture of the moment."""
    live = visit.parts.live
    return JSONResponse({"at": visit.parts.clock().timestamp(), "relays": [one.picture() for one in live.watched]})


async def rates(visit: Visit) -> Response:
    """The last hour of one relay, a value for every ten seconds, the newest last."""
    watched = visit.parts.live.find(visit.values["relay"])
    if watched is None:
        raise HTTPException(404)
    at = visit.parts.clock().timestamp()
    series = {name: watched.rates.series(name, at) for name in watched.rates.names()}
    return JSONResponse({"at": at, "step_seconds": STEP_SECONDS, "series": series})


class _Stream(StreamingResponse):
    """Gives its place back, also where the browser has gone before the first event."""

    def __init__(self, visit: Visit, account: str, generation: int) -> None:
        super().__init__(_events(visit, account, generation), headers=_EVENT_STREAM)
        self._leave = partial(visit.parts.live.leave_stream, account)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def _events(visit: Visit, account: str, generation: int) -> AsyncIterator[str]:
    try:
        async for event in visit.parts.live.pictures():
            if not await _still_in(visit, account, generation):
                yield "event: signed_out\ndata: {}\n\n"
                return
            yield event
    except (SQLAlchemyError, TooBusy) as error:
        _log.warning("console_stream_ended", account=account, why=brief(error))  # the browser asks again


async def _still_in(visit: Visit, account: str, generation: int) -> bool:
    """Looking keeps no sign-in alive: it ends when the person does nothing."""
    if visit.parts.sign_ins.find(visit.identity) is None:
        return False
    found = await visit.parts.work.run(lambda: visit.parts.accounts.find(account))
    return found is not None and found.enabled and found.generation == generation
