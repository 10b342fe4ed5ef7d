"""A relay that does what a test tells it: a real gRPC server over real TLS, with a script instead of a counter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
import trustme

from ctprelay.ctp.v1 import events_pb2
from ctprelay.v1 import market_pb2_grpc, terminal_pb2_grpc
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, Credentials
from terminal_client.secret import Secret
from tests.terminal_client.market.scripted_market import ScriptedMarket
from tests.terminal_client.scripted_proof import AUTH_CODE, proved

__all__ = ["AUTH_CODE", "LOGIN", "Provider", "ScriptedRelay", "ScriptedSession", "ServedRelay", "numbered", "result"]

LOGIN = ("9999", "100001", "password")
Answer = Callable[[pb.Call], Iterable[pb.RelayMessage | events_pb2.Event]]


@dataclass
class ScriptedSession:
    """One session: what it sent so far, and the stream it is on."""

    token: bytes
    sent: list[pb.RelayMessage] = field(default_factory=list)
    outbox: asyncio.Queue[pb.RelayMessage | None] = field(default_factory=asyncio.Queue)


class ScriptedRelay(terminal_pb2_grpc.TerminalServiceServicer):
    """Accepts the one demo terminal; everything else is set by the test."""

    offer: pb.PasswordOffer | None = None
    """how the challenge says passwords are proved"""
    relay_proof = b""
    """what the next logins answer a proof with"""
    timestamp = b""
    """of the newest challenge"""
    progress = 0
    """how often a login hears that it waits"""
    pause = 0.0
    """seconds before each of these"""

    def __init__(self) -> None:
        self.received: list[pb.TerminalMessage] = []
        self.login_refusals: list[pb.Rejected] = []
        """each refuses one login"""
        self.resumable = True
        self.answers: dict[str, Answer] = {}
        self.before_login_ends: list[events_pb2.Event] = []
        """events that travel in one batch with LoggedIn"""
        self.greeting_ends: list[pb.RelayMessage] = []
        """any other messages in that batch"""
        self.silent = False
        """neither challenge nor anything else"""
        self.challenge_bytes = 128
        self.wanted: list[pb.WantedInfo] = []
        """what the challenge says the counter wants collected"""
        self.deaf = False
        """no answer to a logout"""
        self.sessions: dict[bytes, ScriptedSession] = {}
        self.streams = 0
        self.changed = asyncio.Condition()
        self.port = 0
        self.market = ScriptedMarket()
        self.market_access: pb.MarketDataAccess | None = None
        """what a login and a resume say of market data"""

    @property
    def logins(self) -> list[pb.Login]:
        return [message.login for message in self.received if message.HasField("login")]

    @property
    def calls(self) -> list[pb.Call]:
        return [message.call for message in self.received if message.HasField("call")]

    async def Session(
        self, request_iterator: AsyncIterator[pb.TerminalMessage], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.RelayBatch]:
        self.streams += 1
        hello = await anext(request_iterator)
        self.received.append(hello)
        if self.silent:
            await asyncio.Event().wait()
        timestamp = self.timestamp = os.urandom(self.challenge_bytes)
        challenge = pb.Challenge(timestamp=timestamp, wanted=self.wanted, password_offer=self.offer)
        yield batch(pb.RelayMessage(challenge=challenge))
        request = await anext(request_iterator)
        self.received.append(request)
        rejected = self.refusal(request, timestamp)
        if rejected is not None:
            yield batch(pb.RelayMessage(rejected=rejected))
            return
        for place in range(self.progress, 0, -1):
            await asyncio.sleep(self.pause)
            yield batch(pb.RelayMessage(login_progress=pb.LoginProgress(place=place, waiting=9, text=f"{place} of 9")))
        session, greeting = self.admit(request)
        yield greeting
        reader = asyncio.get_running_loop().create_task(self.read(request_iterator, session), name="scripted-reader")
        try:
            while (message := await session.outbox.get()) is not None:
                yield batch(message)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "scripted break")
        finally:
            reader.cancel()

    def refusal(self, request: pb.TerminalMessage, timestamp: bytes) -> pb.Rejected | None:
        if request.HasField("resume"):
            known = self.resumable and request.resume.resume_token in self.sessions
            right = known and proved(request.resume.auth_info, timestamp)
            return None if right else pb.Rejected(source=pb.SOURCE_RELAY, reason="unknown_session")
        if self.login_refusals:
            return self.login_refusals.pop(0)
        if not proved(request.login.auth_info, timestamp):
            return pb.Rejected(
                source=pb.SOURCE_RELAY,
                reason="terminal_not_accepted",
                message="app id or auth code not accepted",
                advice="check both with your futures firm",
            )
        return None

    def admit(self, request: pb.TerminalMessage) -> tuple[ScriptedSession, pb.RelayBatch]:
        resumed = request.HasField("resume")
        if resumed:
            session = self.sessions.pop(request.resume.resume_token)
            session.token = os.urandom(16)
            self.sessions[session.token] = session
            session.outbox = asyncio.Queue()
            missed = [m for m in session.sent if m.sequence > request.resume.after_sequence]
        else:
            session = ScriptedSession(os.urandom(16))
            self.sessions[session.token] = session
            missed = [numbered(session, event) for event in self.before_login_ends]
        logged_in = pb.LoggedIn(
            broker_id="9999",
            investor_id="100001",
            trading_day="20261123",
            front_id=-7,
            session_id=len(self.sessions),
            max_order_ref=100,
            mode="many_to_many",
            resume_token=session.token,
            linger_seconds=30,
            counter=pb.CounterDescription(
                system="ctp",
                version="6.7.11.0",
                exchanges=[
                    pb.Exchange(code="SHFE"),
                    pb.Exchange(code="SSE", boards=[pb.Board(code="A1")]),
                    pb.Exchange(code="unmapped", native_code="E"),
                    pb.Exchange(code="unmapped", native_code="G", boards=[pb.Board(code="futures")]),
                ],
                capabilities=["orders", "queries"],
                not_offered=["qry_offset_setting"],
            ),
            resumed=resumed,
            market_data=self.market_access,
            relay_proof=self.relay_proof,
        )
        return session, pb.RelayBatch(messages=[pb.RelayMessage(logged_in=logged_in), *missed, *self.greeting_ends])

    async def read(self, requests: AsyncIterator[pb.TerminalMessage], session: ScriptedSession) -> None:
        async for message in requests:
            self.received.append(message)
            if message.HasField("logout") and not self.deaf:
                session.outbox.put_nowait(
                    pb.RelayMessage(goodbye=pb.Goodbye(kind=pb.Goodbye.KIND_LOGGED_OUT, reason="logged out"))
                )
            elif message.HasField("call"):
                self.answer(message.call, session)
            async with self.changed:
                self.changed.notify_all()

    def answer(self, call: pb.Call, session: ScriptedSession) -> None:
        script = self.answers.get(call.request.WhichOneof("body") or "", sent)
        for item in script(call):
            message = numbered(session, item) if isinstance(item, events_pb2.Event) else item
            session.outbox.put_nowait(message)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something received makes `condition` true."""
        async with self.changed:
            await self.changed.wait_for(condition)

    def notice(self, event: events_pb2.Event) -> None:
        """Send an event nobody asked for to every session, and keep it for a resume."""
        for session in self.sessions.values():
            session.outbox.put_nowait(numbered(session, event))

    def send(self, message: pb.RelayMessage) -> None:
        """Send a message without a sequence to every session."""
        for session in self.sessions.values():
            session.outbox.put_nowait(message)

    def miss(self, event: events_pb2.Event) -> None:
        """Keep an event for a resume without sending it now."""
        for session in self.sessions.values():
            numbered(session, event)

    def break_streams(self) -> None:
        """End every stream with UNAVAILABLE, as a lost connection does."""
        for session in self.sessions.values():
            session.outbox.put_nowait(None)


def numbered(session: ScriptedSession, event: events_pb2.Event) -> pb.RelayMessage:
    message = pb.RelayMessage(sequence=len(session.sent) + 1, event=event)
    session.sent.append(message)
    return message


def batch(*messages: pb.RelayMessage) -> pb.RelayBatch:
    return pb.RelayBatch(messages=messages)


def result(call: pb.Call, return_code: int = 0, **fields: Any) -> pb.RelayMessage:
    """The CallResult of `call`."""
    outcome = pb.CallResult(request_id=call.request_id, return_code=return_code, **fields)
    return pb.RelayMessage(call_result=outcome)


def sent(call: pb.Call) -> list[pb.RelayMessage | events_pb2.Event]:
    """The answer of a relay that sent the request and heard nothing."""
    return [result(call)]


class ServedRelay:
    """A scripted relay on a loopback port, under TLS; `authority` is the file with its root."""

    def __init__(self, folder: Path) -> None:
        self.relay = ScriptedRelay()
        self.authority = folder / "authority.pem"
        self._certificates = trustme.CA()

    @property
    def address(self) -> str:
        return f"localhost:{self.relay.port}"

    async def __aenter__(self) -> Self:
        issued = self._certificates.issue_cert("localhost")
        self._certificates.cert_pem.write_to_path(str(self.authority))
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        self._credentials = grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)])
        await self.start()
        return self

    async def start(self) -> None:
        """Serve, on the port of the last time where there was one."""
        self._server = grpc.aio.server()
        terminal_pb2_grpc.add_TerminalServiceServicer_to_server(self.relay, self._server)  # type: ignore[no-untyped-call]  # generated
        market_pb2_grpc.add_MarketDataServiceServicer_to_server(self.relay.market, self._server)  # type: ignore[no-untyped-call]  # generated
        self.relay.port = self._server.add_secure_port(f"127.0.0.1:{self.relay.port}", self._credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Be gone, as a machine that was switched off."""
        await self._server.stop(grace=None)

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()


class Provider:
    """Fresh credentials at every call, counted."""

    def __init__(self, collected: Collected) -> None:
        self.asked = 0
        self._collected = collected

    async def __call__(self) -> Credentials:
        self.asked += 1
        return Credentials("9999", "100001", Secret("password"), self._collected, login_remark=f"login {self.asked}")
