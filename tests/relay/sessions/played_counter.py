"""The floors below the services, played: a counter that attaches terminals, and a door that lets everybody in."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ctprelay.ctp.v1 import requests_pb2 as requests
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.admission import Applicant, Proof
from relay.admission.login_turns import OnWait
from relay.admission.origin.trusted_proxies import Origin
from relay.counter.collected import CTP_WANTED, WantedInfo
from relay.counter.port import (
    Attached,
    CallOutcome,
    CounterDescription,
    CounterEvent,
    CounterLink,
    Investor,
    LinkState,
    LinkStatus,
    Mode,
    TerminalCall,
    TerminalLogin,
    TerminalReport,
)
from relay.database.times import COUNTER_ZONE
from relay.directory.terminals import Terminal
from relay.refusals import stream_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused, refuse
from relay.sessions.journal import Journal
from relay.sessions.outbox import Outbox
from relay.sessions.refused_streams import RefusalShares, RefusedStreams
from relay.sessions.sessions import SessionLimits, Sessions
from tests.relay.conftest import HandClock
from tests.relay.evidence import KeptEvidence

BROKER = "9999"
ORIGIN = Origin(ipaddress.ip_address("198.51.100.7"), 50123)
LINGER_SECONDS = 60.0
PROOF = b"right"
"""the answer to a challenge that the open door takes at a resume"""


class PlayedLink:
    """A `port.CounterLink` that a test plays."""

    def __init__(self) -> None:
        self.attached = Attached("20261123", "09:00:00", 1_000_000_000, 7, 0, "2", "TradingHosting", 0)
        self.lost_history = False
        self.calls: list[TerminalCall] = []
        self.sent: list[int] = []
        """request ids of the calls that got through"""
        self.refusal: Refusal | None = None
        self.ledger_away = False
        self.faulty = False
        self.reads = False
        """whether it reads calls by itself"""
        self.busy: asyncio.Event | None = None
        """when set to an event, calls wait for it"""
        self.results: list[asyncio.Future[CallOutcome]] = []
        """the results of the next calls, which a test gives; the others' follow from what is set here"""
        self.detached: list[str] = []
        self._take: Callable[[Sequence[CounterEvent | LinkStatus]], object] = lambda _: None
        self._batches: asyncio.Queue[Sequence[CounterEvent | LinkStatus]] = asyncio.Queue()

    def read_call(self, message: bytes) -> TerminalCall | None:
        call = pb.TerminalMessage.FromString(message).call
        return TerminalCall(call.request, call.request_id, 0.0) if self.reads else None

    def submit(self, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        self.calls.append(call)
        if self.results:
            return self.results.pop(0)
        return asyncio.ensure_future(self._outcome(call))

    async def _outcome(self, call: TerminalCall) -> CallOutcome:
        if self.busy is not None:
            await self.busy.wait()
        if self.ledger_away:
            raise LedgerUnavailable("the disk is full")
        if self.faulty:
            raise KeyError("a fault of the relay's own")
        if self.refusal is not None:
            raise Refused(self.refusal)
        self.sent.append(call.request_id)
        return CallOutcome(0, order_ref="1")

    async def deliver_to(self, take: Callable[[Sequence[CounterEvent | LinkStatus]], object]) -> None:
        self._take = take
        while True:
            batch = await self._batches.get()
            take(batch)
            if any(isinstance(item, LinkStatus) and item.state is LinkState.ENDED for item in batch):
                return

    async def detach(self, reason: str) -> None:
        self.detached.append(reason)

    def say(self, *items: CounterEvent | LinkStatus) -> None:
        self._batches.put_nowait(items)

    def say_at_once(self, *items: CounterEvent | LinkStatus) -> None:
        """Without a turn of the loop; nothing else may be on its way."""
        self._take(items)

    def notice(self, number: int = 1) -> None:
        """One event, told apart by its request id."""
        self.say(CounterEvent("OnRtnOrder", b"\x08" + bytes([number])))


class PlayedCounter:
    """A `port.Counter`."""

    mode = Mode.MANY_TO_MANY

    def __init__(self) -> None:
        self.links: list[PlayedLink] = []
        self.wanted: tuple[WantedInfo, ...] = (CTP_WANTED,)
        self.logins: list[TerminalLogin] = []
        self.refusal: Refusal | None = None
        self.busy: asyncio.Event | None = None
        self.deaf = False
        """whether a login that is called off comes through all the same, because its answer was there already"""

    @property
    def ready(self) -> bool:
        return True

    @property
    def orders_today(self) -> int:
        return 0

    @property
    def why_not_ready(self) -> Refusal | None:
        return None

    def describe(self) -> CounterDescription:
        return CounterDescription("played", "1", wanted=self.wanted)

    def check_login(self, login: pb.Login) -> Refusal | None:
        """Passwords of more than 40 bytes are none of this counter's."""
        return stream_reasons.request_malformed(why="password") if len(login.password) > 40 else None

    def reload(self) -> None:
        """Nothing to do."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def attach(self, login: TerminalLogin) -> CounterLink:
        self.logins.append(login)
        if self.busy is not None:
            try:
                await self.busy.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
                await self.busy.wait()
        if self.refusal is not None:
            raise Refused(self.refusal)
        self.links.append(PlayedLink())
        return self.links[-1]


class OpenDoor:
    """An `Admission` that lets in whomever it is not told to refuse."""

    def __init__(self) -> None:
        self.refusal: Refusal | None = None
        self.stranger: Refusal | None = None
        """why a proof is not taken"""
        self.not_read: Refusal | None = None
        """what is wrong with the terminal or the login itself"""
        self.turns: asyncio.Event | None = None
        """when set to an event, logins wait for it before they have a place"""
        self.on_waits: list[OnWait | None] = []
        """of all logins that came to their turn"""
        self.ledger_away = False
        self.told: list[str] = []
        self.applicants: list[Applicant] = []
        self.proofs: list[Proof] = []
        """of resumes"""
        self.challenges: list[bytes] = []
        """of logins"""
        self.slow: asyncio.Event | None = None
        """when set to an event, no login is verified before it"""

    def password_offer(self) -> None:
        """As where the counter alone knows passwords."""

    async def prove_for_resume(self, proof: Proof) -> None:
        self.proofs.append(proof)
        if proof.answer != PROOF:
            raise Refused(stream_reasons.resume_not_proved(app_id=proof.app_id))

    async def prove(self, app_id: str, challenge: bytes, answer: bytes) -> Terminal:
        self.challenges.append(challenge)
        refuse(self.stranger)
        return registered(app_id)

    def check_terminal(self, _: Applicant) -> None:
        refuse(self.not_read)

    @asynccontextmanager
    async def turn(self, applicant: Applicant) -> AsyncIterator[None]:
        self.on_waits.append(applicant.on_wait)
        if self.turns is not None:
            await self.turns.wait()
        yield

    async def admit(self, applicant: Applicant) -> TerminalLogin:
        self.applicants.append(applicant)
        if self.slow is not None:
            await self.slow.wait()
        if self.ledger_away:
            raise LedgerUnavailable("the disk is full")
        if self.refusal is not None:
            raise Refused(self.refusal)
        applicant.on_admitted()
        report = TerminalReport(
            Investor(applicant.login.broker_id, applicant.login.investor_id),
            bytes(264),
            applicant.app_id,
            applicant.origin.public_ip,
            applicant.origin.port,
            dt.datetime(2026, 11, 23, 9, tzinfo=COUNTER_ZONE),
        )
        return TerminalLogin(applicant.name, report, applicant.login.password)

    @asynccontextmanager
    async def at_counter(self, applicant: Applicant) -> AsyncIterator[None]:
        try:
            yield
        except Refused as refused:
            self.told.append(f"counter_refused {refused.refusal.code}")
            raise
        self.told.append("succeeded")


class NobodyRevoked:
    """A `Revocations` that knows only whom it is told."""

    def __init__(self) -> None:
        self.why: Refusal | None = None
        self.announced = 0
        self.busy: asyncio.Event | None = None
        """when set to an event, who asks waits for it"""

    async def refusal(self, _: object) -> Refusal | None:
        if self.busy is not None:
            await self.busy.wait()
        return self.why


class House:
    """Sessions behind an open door, on a played counter."""

    def __init__(self, evidence: KeptEvidence, *, shares: RefusalShares | None = None, **limits: Any) -> None:
        self.evidence = evidence
        self.counter, self.door, self.revoked = PlayedCounter(), OpenDoor(), NobodyRevoked()
        values: dict[str, Any] = {
            "linger_seconds": LINGER_SECONDS,
            "max_sessions": 10,
            "max_per_investor": 3,
            "default_valid_for": 3.0,
            **limits,
        }
        self.clock = HandClock()
        self.sessions = Sessions(
            self.door,  # type: ignore[arg-type]
            self.revoked,  # type: ignore[arg-type]
            RefusedStreams(evidence, self.clock, shares),
            self.counter,
            evidence,
            SessionLimits(**values),
            lambda: Journal(items=5, size_bytes=100_000),
        )


def applicant(
    name: str = "s-1", investor_id: str = "100001", app_id: str = "terminal_1.0", origin: Origin = ORIGIN
) -> Applicant:
    login = pb.Login(broker_id=BROKER, investor_id=investor_id, password="geheim")
    return Applicant(name, registered(app_id), "1.0", origin, login)


def registered(app_id: str) -> Terminal:
    return Terminal(app_id, "", frozenset(Mode), True, "", "")


def proof(answer: bytes = PROOF, app_id: str = "terminal_1.0", origin: Origin = ORIGIN) -> Proof:
    """A resume's."""
    return Proof(app_id, origin, b"c" * 128, answer)


def query(request_id: int = 1, **more: Any) -> pb.Call:
    """A call nothing is wrong with."""
    request = requests.Request()
    request.qry_trade.SetInParent()
    return pb.Call(request_id=request_id, request=request, **more)


async def read(outbox: Outbox) -> list[pb.RelayMessage]:
    """Everything that waits in an outbox now."""
    messages: list[pb.RelayMessage] = []
    while outbox._waiting:
        messages.extend(pb.RelayBatch.FromString(await outbox.next_batch() or b"").messages)
    return messages


def kinds(messages: Sequence[pb.RelayMessage]) -> list[str | None]:
    return [message.WhichOneof("body") for message in messages]
