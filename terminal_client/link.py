"""The session across streams: reading it, resuming it, replacing it by a new login, moving it, ending it.

Requests are never sent again from here: what a broken stream swallowed is reported as OutcomeUnknown.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from ctprelay.ctp.v1 import events_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.backoff import TryLater, retried
from terminal_client.conversation import Endpoint, Entrance, LoggedInStream
from terminal_client.dispatch import SendOutcome
from terminal_client.errors import LoginRejected, NativeWords, NotConnected, SessionEnded, TerminalError
from terminal_client.farewells import Farewell, LastWord, NextStep, last_word
from terminal_client.moving import Move, Moved, ended, part
from terminal_client.secret import Secret
from terminal_client.session import (
    Credentials,
    CredentialsProvider,
    Deadlines,
    MarketAccess,
    SessionInfo,
    State,
    Status,
)
from terminal_client.stream import Stream, StreamBroken
from terminal_client.translation import (
    leaving_of,
    market_access,
    native_words,
    outcome_of,
    refusal_of,
    session_info,
    status_of,
)

log = logging.getLogger(__name__)

FAREWELLS = frozenset({"goodbye", "rejected"})
"""messages after which nothing comes that matters"""
BUSY = frozenset({"relay_draining", "relay_full"})
"""refusals of a relay that another try finds ready, or another relay does"""
_LOGGED_OUT = LastWord(Farewell.LOGGED_OUT, "logged out")


class LinkHearer(Protocol):
    """Who hears what a link reads; each method returns at once. `dispatch.Dispatch` is one."""

    def sent(self, outcome: SendOutcome) -> None: ...

    def event(self, event: events_pb2.Event, native: NativeWords | None = None) -> None: ...

    def status(self, status: Status) -> None: ...

    def fail_unsent(self) -> None: ...

    def fail_unanswered(self, why: str) -> None: ...

    def end(self, why: str, error: TerminalError | None = None) -> None: ...

    async def quiet(self, seconds: float) -> None: ...


class RelayLink:
    """One terminal session at the relay."""

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: LinkHearer,
        deadlines: Deadlines,
        provider: CredentialsProvider | None,
        entrance: Entrance | None = None,
    ) -> None:
        """`entrance` is one that was opened before; without it the link opens its own."""
        self.state = State.IDLE
        self.info: SessionInfo | None = None
        self.last_sequence = 0
        """of the last event delivered; gap-free"""
        self.market_access: MarketAccess | None = None
        """as the last login or resume gave it; None where the relay has no market data"""
        self._entrance = entrance or Entrance(endpoint, deadlines)
        self._address = endpoint.address
        self._dispatch = dispatch
        self._deadlines = deadlines
        self._provider = provider
        self._stream: Stream | None = None
        self._token = Secret("")
        self._any_sequence = False
        self._last: LastWord | None = None
        self._reader: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[str] | None = None
        self._moving: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        """the stream has ended, or a new session is there"""
        self._moved: Moved | None = None
        """a new session that is to take the place of this one"""
        self._partings: set[asyncio.Task[None]] = set()

    async def log_in(self, credentials: Credentials) -> SessionInfo:
        """Open a session. LoginRejected, or NotConnected when the relay cannot be reached in time."""
        if self.state is not State.IDLE:
            raise NotConnected(f"no login on this terminal now: it is {self.state}")
        self.state = State.LOGGING_IN
        try:
            welcome = await self._open_when_ready(credentials)
        except StreamBroken as error:
            raise NotConnected(f"no session at relay {self._address}: {error}") from None
        finally:
            if self.state is State.LOGGING_IN:
                self.state = State.IDLE
        self._reader = asyncio.get_running_loop().create_task(self._run(welcome.stream), name="terminal-reader")
        return session_info(welcome.logged_in)

    def send(self, message: pb.TerminalMessage) -> None:
        """Send on the live stream. NotConnected or SessionEnded without one."""
        if self.state is State.ENDED:
            last = self._last or _LOGGED_OUT
            raise SessionEnded(last.reason, last.kind)
        if self.state is not State.LIVE or self._stream is None:
            raise NotConnected(f"nothing was sent: the terminal is {self.state}")
        self._stream.send(message)

    def withdraw(self, message: pb.TerminalMessage) -> bool:
        """Take back a message that did not leave yet; whether it was."""
        return self._stream is not None and self._stream.withdraw(message)

    async def close(self) -> None:
        """Log out where logged in, and settle everything; may be called again."""
        reader, self._reader = self._reader, None
        try:
            if reader is not None and self.state is State.LIVE and self._stream is not None:
                await self._say_goodbye(self._stream, reader)
        finally:  # also where nobody waits for the goodbye any more
            if reader is not None:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
            await self._stop_moving()
            await asyncio.gather(*self._partings, return_exceptions=True)
            self._settle("logged out", None)
            await self._entrance.close()

    async def _say_goodbye(self, stream: Stream, reader: asyncio.Task[None]) -> None:
        self._last = _LOGGED_OUT
        try:
            async with asyncio.timeout(self._deadlines.close_seconds):
                stream.send(pb.TerminalMessage(logout=pb.Logout()))
                await asyncio.wait([reader])
        except TimeoutError:
            log.debug("the relay did not answer the logout")

    async def _open_when_ready(self, credentials: Credentials) -> LoggedInStream:
        """The first login; while the relay is full, or about to stop, it is tried again for `busy_seconds`."""
        refused: list[LoginRejected] = []

        async def attempt() -> LoggedInStream:
            fresh = await self._provider() if refused and self._provider is not None else credentials
            try:
                return await self._open(fresh)
            except LoginRejected as rejection:
                if rejection.reason not in BUSY or not self._deadlines.busy_seconds:
                    raise
                refused.append(rejection)
                log.warning("登录将自动重试 the login is tried again: %s", rejection)
                self._dispatch.status(Status("relay", State.LOGGING_IN, str(rejection), cause=rejection.reason))
                await self._entrance.close()  # a new connection may lead to another process
                raise TryLater(str(rejection), rejection.refusal.retry_after_seconds) from None

        try:
            return await retried(attempt, replace(self._deadlines, give_up_after_seconds=self._deadlines.busy_seconds))
        except TryLater:
            raise refused[-1] from None

    async def _open(self, credentials: Credentials) -> LoggedInStream:
        welcome = await self._entrance.log_in(credentials, self._waits)
        self.last_sequence = 0
        return self._adopt(welcome)

    def _waits(self, words: str) -> None:
        """The relay says where this login stands among those that wait."""
        self._dispatch.status(Status("relay", State.LOGGING_IN, words))

    async def _resume(self) -> LoggedInStream:
        welcome = await self._entrance.resume(self._token, self.last_sequence)
        if welcome.logged_in.lost_history:
            self._dispatch.fail_unanswered("events were lost while the stream was broken")
        return self._adopt(welcome)

    def _adopt(self, welcome: LoggedInStream) -> LoggedInStream:
        logged_in = welcome.logged_in
        self._stream, self._last = welcome.stream, None
        self.info = session_info(logged_in)
        self.market_access = market_access(logged_in)
        self._token = Secret(logged_in.resume_token.hex())
        self._any_sequence = logged_in.lost_history
        self._enter(State.LIVE, "resumed" if logged_in.resumed else "logged in", logged_in)
        return welcome

    def _enter(self, state: State, reason: str, logged_in: pb.LoggedIn | None = None) -> None:
        log.info("terminal %s: %s", state, reason)
        self.state = state
        lost = logged_in is not None and logged_in.lost_history
        day = "" if logged_in is None else logged_in.trading_day
        cause = "" if self._last is None else self._last.kind.word
        self._dispatch.status(Status("relay", state, reason, day, lost_history=lost, cause=cause))

    async def _run(self, stream: Stream) -> None:
        """The reader: every message of the session, over as many streams as it takes."""
        error: TerminalError | None = None
        try:
            while True:
                why = await self._read_until_moved(stream)
                if self._moved is not None:
                    stream = self._go_on_with(self._moved, stream)
                    continue
                stream.cancel()
                last = self._last
                if last is not None and last.kind.next_step is NextStep.STOP:
                    error = SessionEnded(last.reason, last.kind)
                    return
                self._enter(State.RECONNECTING, why)
                self._dispatch.fail_unsent()
                stream = (await self._recover()).stream
        except TerminalError as failure:
            error = failure
        finally:
            stream.cancel()
            if self._reader is not None:  # not while close() waits: it settles by itself, without an error
                await self._stop_moving()
                self._settle("reader stopped" if error is None else str(error), error)
                await self._entrance.close()

    def _settle(self, why: str, error: TerminalError | None) -> None:
        if self.state is not State.ENDED:
            self._last = self._last or LastWord(Farewell.UNKNOWN, why)
            self._token = Secret("")
            self._enter(State.ENDED, why)
            self._dispatch.end(why, error)

    async def _read_until_moved(self, stream: Stream) -> str:
        """Why there is nothing more to read; a new session is a reason too, and the reading of this one then goes on beside it."""
        self._reading = reading = asyncio.get_running_loop().create_task(self._read(stream), name="terminal-reading")
        reading.add_done_callback(lambda _: self._over.set())
        try:
            while self._moved is None and not reading.done():  # the end of an older one wakes it too
                self._over.clear()
                await self._over.wait()
        except asyncio.CancelledError:
            await ended(reading)
            raise
        finally:
            if self._moved is None:
                self._reading = None
        return "moved" if self._moved is not None else reading.result()

    async def _read(self, stream: Stream) -> str:
        try:
            while True:
                message = await stream.receive()
                if stream is not self._stream:  # moved: all of it comes in the new session, but the end of this one
                    if message.WhichOneof("body") in FAREWELLS:
                        return "left"
                    continue
                self._deliver(message)
                if self._last is not None and message.WhichOneof("body") in FAREWELLS:
                    return self._last.reason
        except StreamBroken as error:
            return str(error)

    def _deliver(self, message: pb.RelayMessage) -> None:
        match message.WhichOneof("body"):
            case "event":
                if self._is_next(message.sequence):
                    native = native_words(message.native_error) if message.HasField("native_error") else None
                    self._dispatch.event(message.event, native)
            case "call_result":
                self._dispatch.sent(outcome_of(message.call_result))
            case "status":
                if self._is_next(message.sequence):
                    self._dispatch.status(status_of(message.status))
            case "goodbye":
                self._last = self._last or last_word(message.goodbye)
            case "rejected":  # something this terminal said was out of turn or malformed; the session is over
                self._last = self._last or LastWord(Farewell.PROTOCOL_ERROR, str(refusal_of(message.rejected)))
            case "leave_notice":
                self._heed(leaving_of(message.leave_notice))
            case other:
                log.debug("ignored %s from the relay", other)

    def _heed(self, leaving: Status) -> None:
        """The relay is about to stop: say so, and move where there are credentials to log in with."""
        log.info("the relay asks to leave: %s", leaving.reason)
        self._dispatch.status(leaving)
        if self._provider is None or self._moving is not None:
            return
        move = Move(self._provider, self._deadlines, self._dispatch)
        self._moving = asyncio.get_running_loop().create_task(
            move.carry_out(leaving.leave_after_seconds, self._entrance.another(), self._take), name="terminal-move"
        )

    def _take(self, moved: Moved) -> None:
        self._moved = moved
        self._over.set()

    def _go_on_with(self, moved: Moved, old: Stream) -> Stream:
        """The new session takes the place of the old one, which is logged out beside it."""
        before, self._entrance = self._entrance, moved.entrance
        self._moved = self._moving = None
        self._dispatch.fail_unanswered("the session was replaced by one at the relay's next process")
        parting = asyncio.get_running_loop().create_task(
            part(old, self._reading, before, self._deadlines.close_seconds), name="terminal-parting"
        )
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)
        self.last_sequence = 0
        return self._adopt(moved.welcome).stream

    async def _stop_moving(self) -> None:
        moving, self._moving = self._moving, None
        moved, self._moved = self._moved, None
        if moving is not None:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
        if moved is not None:
            moved.welcome.stream.cancel()
            await moved.entrance.close()

    def _is_next(self, sequence: int) -> bool:
        """Whether this event is new. StreamBroken on a gap: resuming fetches what is missing."""
        if sequence <= self.last_sequence:
            return False
        if sequence != self.last_sequence + 1 and not self._any_sequence:
            raise StreamBroken(f"event {sequence} came after event {self.last_sequence}")
        self.last_sequence, self._any_sequence = sequence, False
        return True

    async def _recover(self) -> LoggedInStream:
        """A stream with a session again; SessionEnded or LoginRejected when that is not to be had."""
        last, self._last = self._last, None
        if last is not None and last.kind.next_step is NextStep.LOG_IN:
            if self._provider is None:
                self._last = last
                raise SessionEnded(f"{last.reason}; no credentials were provided to log in again", last.kind)
            self._replace("the relay ended the session")
            await self._stop_moving()
            await self._entrance.close()  # this connection leads to the process that is about to end
        try:
            return await retried(self._reattach, self._deadlines)
        except TryLater as failure:
            raise SessionEnded(f"gave up reconnecting: {failure}") from None

    async def _reattach(self) -> LoggedInStream:
        try:
            if self._token:
                return await self._resume_or_forget()
            if self._provider is None:
                raise SessionEnded("the relay does not have the session any more, and no credentials were provided")
            # Asked only when somebody is there to log in to: a person may have to type, and a collection ages.
            await self._entrance.reached()
            return await self._open(await self._provider())
        except StreamBroken as error:
            raise TryLater(str(error)) from None
        except LoginRejected as rejection:
            if rejection.refusal.retry_after_seconds:
                await self._entrance.close()
                raise TryLater(str(rejection), rejection.refusal.retry_after_seconds) from None
            raise

    async def _resume_or_forget(self) -> LoggedInStream:
        try:
            return await self._resume()
        except LoginRejected as rejection:
            log.info("the relay did not resume the session: %s", rejection.reason)
            self._replace("the session was replaced by a new login")
            raise TryLater(str(rejection)) from None

    def _replace(self, why: str) -> None:
        """Forget the old session: only a new login can follow."""
        self._token = Secret("")
        self._dispatch.fail_unanswered(why)
