"""From a relay that is about to stop to where a new connection leads: the new session is there before the old one ends.

A move is one task. It waits for the terminal's own moment, logs in over a connection of its own, waits until nothing that was
asked is unanswered, and hands the new session over. The link goes on with the old one until then, and for ever
where the move does not succeed: the relay's goodbye is then followed by a login as it always was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.backoff import TryLater, retried
from terminal_client.conversation import Entrance, LoggedInStream
from terminal_client.errors import LoginRejected, TerminalError
from terminal_client.session import CredentialsProvider, Deadlines
from terminal_client.stream import Stream, StreamBroken

log = logging.getLogger(__name__)
_QUIET_SECONDS = 2.0
"""how long a new session waits for answers in the old one"""


class AnswerWait(Protocol):
    """Waits until no request is unanswered, at most so long."""

    async def quiet(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Moved:
    """The new session, and the connection it is on."""

    entrance: Entrance
    welcome: LoggedInStream


@dataclass(frozen=True, slots=True)
class Move:
    """How a terminal moves."""

    provider: CredentialsProvider
    deadlines: Deadlines
    answers: AnswerWait

    async def carry_out(self, after: float, there: Entrance, done: Callable[[Moved], object]) -> None:
        """Move after so many seconds, over `there`; `done` gets the new session."""
        welcome: LoggedInStream | None = None
        try:
            await asyncio.sleep(after)
            welcome = await retried(lambda: self._log_in(there), self.deadlines)
            await self.answers.quiet(_QUIET_SECONDS)
            done(Moved(there, welcome))
            welcome = None
        except (TerminalError, TryLater) as failure:
            log.warning(
                "未能转到新的中继，会话继续到中继停机 not moved, the session goes on until the relay stops: %s", failure
            )
            await there.close()
        except asyncio.CancelledError:
            if welcome is not None:
                welcome.stream.cancel()
            await there.close()
            raise

    async def _log_in(self, there: Entrance) -> LoggedInStream:
        try:
            await there.reached()
            return await there.log_in(await self.provider())
        except StreamBroken as error:
            await there.close()
            raise TryLater(str(error)) from None
        except LoginRejected as rejection:
            # Another connection may lead elsewhere: this one leads to the relay that stops.
            await there.close()
            if rejection.refusal.retry_after_seconds:
                raise TryLater(str(rejection), rejection.refusal.retry_after_seconds) from None
            raise


async def part(old: Stream, reading: asyncio.Task[str] | None, entrance: Entrance, seconds: float) -> None:
    """Log the old session out, and let go of its connection. `reading` reads it to its end: gRPC cuts a stream whose reading is cancelled."""
    try:
        old.send(pb.TerminalMessage(logout=pb.Logout(moved=True)))
        if reading is not None:
            await asyncio.wait([reading], timeout=seconds)
    finally:
        old.cancel()
        if reading is not None:
            await ended(reading)
        await entrance.close()


async def ended(reading: asyncio.Task[str]) -> None:
    """Cancel it, and wait until it has ended; a cancel of the waiting itself does not reach it twice."""
    reading.cancel()
    await asyncio.wait([reading])
