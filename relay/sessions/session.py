"""One logged-in terminal: its link to the counter below, its journal, and the stream it reads from above.

The session outlives a broken stream by the linger time; a terminal that comes back with its resume token gets
what it missed from the journal. Whatever ends it (logout, linger over, the counter, an operator of the relay)
goes through `end`, once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import (
    Attached,
    CallOutcome,
    Confirmation,
    CounterEvent,
    CounterLink,
    Evidence,
    Investor,
    LinkCause,
    LinkState,
    LinkStatus,
    Mode,
    SharedEvents,
    TerminalCall,
)
from relay.lean_event import LeanEvent
from relay.refusals import call_reasons, relay_reasons, stream_reasons
from relay.refusals.login_advice import login_advice
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.fan_out import FanOut, Framed
from relay.sessions.journal import Journal, Replay
from relay.sessions.leaving import Leaving
from relay.sessions.outbox import Outbox
from relay.sessions.session_facts import LoginFacts, SessionActivity, SessionQueues
from relay.tasks import Tasks
from relay.turns import LoopTurns

_log: Final = structlog.get_logger(__name__)
_NOTHING_MISSED: Final = Replay((), lost_history=False)
_MAX_UNANSWERED: Final = 1024
"""calls of one terminal that may wait in the relay at a time"""


@dataclass(frozen=True, slots=True)
class SessionIdentity:
    """Who this session is, for the welcome, the ledger and the console."""

    session: str
    investor: Investor
    app_id: str
    public_ip: str
    mode: Mode
    login: LoginFacts = field(default_factory=LoginFacts)
    relay_proof: bytes = field(default=b"", repr=False)
    """answers the proof of the password, in the first welcome"""


class TerminalSession:
    def __init__(
        self,
        identity: SessionIdentity,
        link: CounterLink,
        journal: Journal,
        evidence: Evidence,
        *,
        linger_seconds: float,
        default_valid_for: float,
        on_end: Callable[[TerminalSession], None],
    ) -> None:
        self.identity = identity
        self.resume_token = secrets.token_bytes(32)
        """the newest; `Sessions` gives another one at each resume"""
        self.older_token = b""
        """the one the terminal showed last, until it is known to have the newest"""
        self._link = link
        self._journal = journal
        self.fan_out = FanOut()  # the process's, where `Sessions` made it
        self._evidence = evidence
        self._linger_seconds, self._default_valid_for = linger_seconds, default_valid_for
        self._outbox: Outbox | None = None
        # Those that wait for their result, in the order they came: the terminal's request id, and what it asks.
        self._calls: dict[asyncio.Future[CallOutcome], tuple[int, str | None]] = {}
        self._tasks = Tasks()
        self._linger: asyncio.TimerHandle | None = None
        self._pumping = self.ending = False
        self._leaving: Leaving | None = None
        self.activity = SessionActivity(_now())
        self._on_end = on_end
        self.on_refusal: Callable[[str], object] = lambda _: None
        """called with the reason of each call that is refused"""
        self.ended = LeanEvent()
        self.market_data: pb.MarketDataAccess | None = None
        """what its terminal hears of market data; None where the relay has none"""
        self.followers: dict[object, Callable[[Ending], object]] = {}
        """what ends in the moment in which this begins to end"""

    def __repr__(self) -> str:
        return f"<TerminalSession {self.identity.session} {self.identity.investor.investor_id}>"

    @property
    def linger_left(self) -> float | None:
        """Seconds until the session ends unless its terminal resumes; None while it has a stream."""
        if self._linger is None:
            return None
        return max(0.0, self._linger.when() - _now())

    @property
    def about(self) -> dict[str, object]:
        """Who it is, for the log."""
        who = self.identity
        names = {"session": who.session, "investor": who.investor.investor_id}
        return {**names, "app_id": who.app_id, "address": who.public_ip}

    @property
    def is_lingering(self) -> bool:
        """Whether it waits for its terminal to resume; may be asked on any thread."""
        return self._linger is not None

    @property
    def attached(self) -> Attached:
        """The latest login at the counter, as the terminal sees it."""
        return self._link.attached

    @property
    def queues(self) -> SessionQueues:
        """What waits in it at the moment."""
        messages, size = self._outbox.waiting if self._outbox is not None else (0, 0)
        return SessionQueues(len(self._calls), messages, size, *self._journal.kept)

    # The stream above ----------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox, *, after_sequence: int | None = None) -> None:
        """Give the session a stream: the welcome, then what the terminal missed, then everything live."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
            self.activity.changed_at = _now()
        self.activity.resumes += after_sequence is not None
        if self._outbox is not None and self._outbox is not outbox:
            self._outbox.close(Ending(EndKind.TAKEN_OVER))
        replay = self._journal.replay(after_sequence) if after_sequence is not None else _NOTHING_MISSED
        outbox.put(self._welcome(resumed=after_sequence is not None, lost_history=replay.lost_history))
        for sequence, message in replay.items:
            outbox.put(message, frames.sequence(sequence))
        self._outbox = outbox
        self._say_leave()
        if not self._pumping:
            self._pumping = True
            self._tasks.start(self._pump(), f"pump {self.identity.session}")

    def detach(self, outbox: Outbox) -> None:
        """The stream broke: keep the session for the linger time, unless it ends already."""
        if self._outbox is not outbox:
            return
        self._outbox = None
        if self.ending:
            return
        self.activity.changed_at = _now()
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(self._linger_seconds, self.end_soon, Ending(EndKind.LINGER_OVER))

    def _welcome(self, *, resumed: bool, lost_history: bool) -> bytes:
        attached = self._link.attached
        lost = lost_history or (not resumed and self._link.lost_history)
        unconfirmed = attached.confirmation in {Confirmation.REFUSED, Confirmation.UNKNOWN}
        welcome = pb.LoggedIn(
            broker_id=self.identity.investor.broker_id,
            investor_id=self.identity.investor.investor_id,
            mode=self.identity.mode.value,
            resume_token=self.resume_token,
            linger_seconds=int(self._linger_seconds),
            advice=login_advice(
                password_due=attached.must_change_password,
                not_confirmed=attached.confirmation_error_id if unconfirmed else None,
                lost_history=lost,
            ),
            resumed=resumed,
            lost_history=lost,
            market_data=self.market_data,
            relay_proof=b"" if resumed else self.identity.relay_proof,
        )
        return frames.logged_in(welcome, attached)

    # Down: calls ---------------------------------------------------------------------------------------------

    def take_message(self, message: bytes) -> bool:
        """Take one call as the bytes of its message, where the counter's adapter reads those; whether it does."""
        call = self._link.read_call(message)
        if call is not None:
            self._take_call(call)
        return call is not None

    def call(self, call: pb.Call) -> None:
        """Take one call; its CallResult and its answers come through the stream."""
        seconds = call.valid_for_milliseconds / 1000
        self._take_call(TerminalCall(call.request, call.request_id, seconds, call.client_order_key, call.fresh))

    def _take_call(self, call: TerminalCall) -> None:
        name = call.name
        self.activity.calls += 1
        refusal = self._why_not(call, name)
        if refusal is not None:
            self._refuse(call.request_id, refusal)
            return
        call.valid_for = call.valid_for or self._default_valid_for
        try:
            outcome = self._link.submit(call)
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("call_died", session=self.identity.session)
            self._refuse(call.request_id, call_reasons.outcome_unknown())
        else:
            self._calls[outcome] = call.request_id, name
            if outcome.done():  # as nearly always: it was sent at once
                self._settled(outcome)
            else:
                outcome.add_done_callback(self._settled)

    def _settled(self, outcome: asyncio.Future[CallOutcome]) -> None:
        """Say what became of the call; once, whoever comes first."""
        asked = self._calls.pop(outcome, None)
        if asked is None or outcome.cancelled():
            return
        request_id, name = asked
        match outcome.exception():
            case None:
                self.activity.called(name, outcome.result())
                self._put(frames.call_result(request_id, outcome.result()))
            case Refused() as refused:
                self._refuse(request_id, refused.refusal)
            case LedgerUnavailable():
                self._refuse(request_id, relay_reasons.ledger_unavailable())
            case error:
                _log.error("call_died", session=self.identity.session, exc_info=error)
                self._refuse(request_id, call_reasons.outcome_unknown())

    def _refuse(self, request_id: int, refusal: Refusal) -> None:
        self.on_refusal(refusal.reason)
        self._put(frames.call_refused(request_id, refusal))

    def _why_not(self, call: TerminalCall, name: str | None) -> Refusal | None:
        """Why it is not given to the counter."""
        if self.ending:  # it was disabled, say: nothing more of it is sent
            return stream_reasons.session_gone()
        if len(self._calls) >= _MAX_UNANSWERED:
            return call_reasons.too_many_calls(most=_MAX_UNANSWERED)
        if call.request_id <= 0:
            return stream_reasons.request_malformed(why="request_id must be greater than 0")
        offered = self._link.attached.offered
        if name is not None and offered is not None and name not in offered.requests:
            return call_reasons.not_offered_by_counter(name=name)
        return None

    # Up: events ----------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        await self._link.deliver_to(self._take)
        self.end_soon(Ending(EndKind.COUNTER_ENDED))

    def _take(self, batch: Sequence[CounterEvent | LinkStatus]) -> None:
        if self._calls:  # the terminal hears what became of its call before what came of it
            for outcome in [call for call in self._calls if call.done()]:
                self._settled(outcome)
        if not batch:
            return
        self.activity.events += len(batch)
        if isinstance(batch, SharedEvents):
            self._keep_and_write(*self.fan_out.frame_shared(batch))
            return
        self._keep_and_write(*self._framed_one_by_one(batch))
        for item in batch:
            if isinstance(item, LinkStatus) and item.state is LinkState.ENDED:
                at_fault = item.cause is LinkCause.RELAY_FAULT
                self.end_soon(Ending(EndKind.RELAY_FAULT if at_fault else EndKind.COUNTER_ENDED, item.reason))

    def _keep_and_write(self, messages: Sequence[bytes], turns: LoopTurns | None) -> None:
        """In the journal and the stream; `turns` are those in which they are written, where they need not be written at once."""
        first = self._journal.extend(messages)
        if self._outbox is not None:
            self._outbox.put_burst(first, messages, turns)

    def _framed_one_by_one(self, batch: Sequence[CounterEvent | LinkStatus]) -> Framed:
        framed = [self._framed(item) for item in batch]
        all_wait = all(turns is not None for _, turns in framed)
        return [message for message, _ in framed], framed[0][1] if all_wait else None

    def _framed(self, item: CounterEvent | LinkStatus) -> tuple[bytes, LoopTurns | None]:
        """Its message, yet without a sequence; and the turns in which it is written where it need not be written at once."""
        if isinstance(item, LinkStatus):
            self.activity.link_changed(item.state, item.reason, _now(), day_changed=item.day_changed)
            return frames.status(item), None
        return self.fan_out.frame(item)

    def _put(self, message: bytes) -> None:
        if self._outbox is not None:
            self._outbox.put(message)

    # The end -------------------------------------------------------------------------------------------------

    def ask_to_leave(self, leaving: Leaving) -> None:
        """The terminal hears by when it has to be gone; the session goes on."""
        self._leaving = leaving
        self._say_leave()

    def _say_leave(self) -> None:
        asked = self._leaving
        if asked is not None:
            now = _now()
            self._put(
                frames.leave_notice(asked.at - now, asked.gone_at - now, successor=asked.successor, reason=asked.reason)
            )

    def end_soon(self, ending: Ending) -> None:
        """Begin to end; idempotent. Calls that still wait are not sent from this moment on."""
        if not self.ending:
            self.ending, self.activity.changed_at = True, _now()
            for call in tuple(self._calls):
                call.cancel()
            for follow in tuple(self.followers.values()):
                follow(ending)
            self._tasks.start(self._end(ending), f"end {self.identity.session}")

    async def end(self, ending: Ending) -> None:
        """End and wait until everything is settled; idempotent."""
        self.end_soon(ending)
        await self.ended.wait()

    async def abandon(self) -> None:
        """Take nothing more, and say nothing of it: it was no terminal's."""
        self.ending = True
        await self._tasks.cancel()

    async def _end(self, ending: Ending) -> None:
        if self._linger is not None:
            self._linger.cancel()
        await self._tasks.cancel()
        await self._link.detach(ending.text)
        said = {"kind": ending.kind.word, "reason": ending.text}
        await self._evidence.note("terminal_logout", self.identity.session, said)
        seconds = round(_now() - self.activity.began_at, 1)
        _log.info("terminal_logged_out", **self.about, kind=ending.kind.word, why=ending.text, seconds=seconds)
        if self._outbox is not None:
            self._outbox.close(ending)
        self._on_end(self)
        self._journal.forget()
        self.ended.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
