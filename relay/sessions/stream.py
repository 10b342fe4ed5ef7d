"""One terminal stream: its messages, each let in by the guard of `sessions.conversation`.

Messages go in through `receive`, what is to be written comes out of `outbox`. Every step raises Refused; `receive`
catches it, and every refusal is in the ledger, or counted for it, before the terminal hears of it (`refused_streams`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import structlog

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.admission import Applicant, Proof
from relay.admission.challenge import TIMESTAMP_BYTES
from relay.admission.client_certificates import ShownCertificate
from relay.admission.origin.trusted_proxies import Origin
from relay.admission.self_description import check_hello, check_login
from relay.counter.port import Evidence
from relay.directory.terminals import Terminal
from relay.outside_text import shown
from relay.refusals import login_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused, refuse
from relay.sessions import conversation as talk
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import Outbox
from relay.sessions.refused_streams import Standing
from relay.sessions.session import TerminalSession
from relay.sessions.sessions import Sessions
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that could not be parsed, or is larger than allowed; `size` and `most` are bytes."""

    size: int
    most: int

    @property
    def refusal(self) -> Refusal:
        if self.size > self.most:
            return stream_reasons.message_too_large(size=self.size, most=self.most)
        return stream_reasons.request_malformed(why="bytes that are not a ctprelay.v1.TerminalMessage")


@dataclass(frozen=True, slots=True)
class Begun:
    """What was said on a stream before another worker takes it over."""

    app_id: str
    client_version: str
    challenge: bytes
    challenged_ago: float
    """seconds"""


@dataclass(slots=True)
class StreamSettings:
    version: str
    hello_timeout_seconds: float
    outbox_bytes: int


class TerminalStream:
    """A stream from its first byte to its end; the session may outlive it."""

    def __init__(
        self,
        origin: Origin,
        sessions: Sessions,
        evidence: Evidence,
        clock: Callable[[], float],
        settings: StreamSettings,
    ) -> None:
        self.outbox = Outbox(settings.outbox_bytes)
        self.origin = origin
        self._sessions = sessions
        self._evidence = evidence
        self._clock = clock
        self._settings = settings
        self._talk = talk.Conversation()
        self._name = secrets.token_hex(6)
        self._app_id, self._client_version, self._challenge = "", "", b""
        self._investor: dict[str, str] = {}
        """whom a proved terminal logs in; what a stranger says is not written under an investor's name"""
        self._session: TerminalSession | None = None
        self.certificate: ShownCertificate | None = None
        """what the terminal showed in TLS"""
        self.on_proved: Callable[[], object] = lambda: None
        """called as soon as the terminal has proved itself"""
        self.on_session: Callable[[], object] = lambda: None
        """called when the stream has a session"""
        self._standing = Standing.STRANGER
        self._tasks = Tasks()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(settings.hello_timeout_seconds, self._out_of_patience)

    async def receive(self, message: pb.TerminalMessage | Malformed) -> None:
        """Take one message from the terminal; returns when the next one may come. Nothing is heard after the end."""
        if self.outbox.closed:
            return
        try:
            await self._take(message)
        except Refused as refused:
            await self._reject(refused.refusal, refused.why)
        except LedgerUnavailable:
            await self._reject(relay_reasons.ledger_unavailable())

    def take_call(self, message: bytes) -> bool:
        """Take a message's bytes in the moment in which they come; false where they are for `receive`.

        It takes what nothing has to wait for: a call of a terminal that is online, which the counter's adapter reads.
        """
        session = self._session
        if session is None or self.outbox.closed or self._talk.state is not talk.Phase.ONLINE or session.older_token:
            return False
        return session.take_message(message)

    async def ended(self) -> None:
        """The stream is gone, for whatever reason: the session lingers, everything else is settled."""
        self._patience.cancel()
        await self._tasks.cancel()
        self.outbox.close()
        if self._session is not None:
            if self.outbox.overrun.is_set():
                _log.warning("terminal_too_slow", session=self._session.identity.session)
            self._session.detach(self.outbox)

    def stop(self, ending: Ending) -> None:
        """The relay ends: a last word for a terminal that is not being told something else."""
        if self._talk.state not in {talk.Phase.ADMITTING, talk.Phase.CLOSED}:
            self.outbox.close(ending)

    def hand_on(self) -> Begun:
        """Its session is at another worker, which hears the rest: nothing more is heard here."""
        self._patience.cancel()
        begun = Begun(self._app_id, self._client_version, self._challenge, self._talk.challenged_ago(self._clock()))
        self._talk.close()
        return begun

    def take_over(self, begun: Begun) -> None:
        """It began at another worker."""
        self._app_id, self._client_version, self._challenge = begun.app_id, begun.client_version, begun.challenge
        self._talk.take_over(self._clock(), begun.challenged_ago)

    def terminal_is_silent(self) -> None:
        """The terminal closed its half: what is under way is still answered to a session, nothing to others."""
        if self._session is None:
            self.outbox.close()

    # One message, which may come now; each raises Refused -----------------------------------------------------

    async def _take(self, message: pb.TerminalMessage | Malformed) -> None:
        if isinstance(message, Malformed):
            raise Refused(message.refusal)
        kind = message.WhichOneof("body")
        if kind is not None:
            refuse(self._talk.expect(kind, self._clock()))
        match kind:
            case "call":
                self._online().call(message.call)
            case "hello":
                self._hello(message.hello)
            case "login":
                await self._login(message.login)
            case "resume":
                await self._resume(message.resume)
            case "logout":
                moved = Ending(EndKind.RELAY_STOPPING, "终端已转到别处 / the terminal has moved")
                await self._online().end(moved if message.logout.moved else Ending(EndKind.LOGGED_OUT))
            case _:
                raise Refused(stream_reasons.request_malformed(why="a message of no kind this relay knows"))

    def _online(self) -> TerminalSession:
        if self._session is None:
            raise Refused(stream_reasons.not_logged_in())
        if self._session.older_token:
            self._sessions.heard_from(self._session)
        return self._session

    def _hello(self, hello: pb.Hello) -> None:
        if hello.protocol != talk.PROTOCOL:
            raise Refused(stream_reasons.protocol_unsupported(given=hello.protocol))
        self._app_id = shown(hello.app_id[:64])  # what is refused is evidence, too
        refuse(check_hello(hello))
        self._client_version = hello.client_version
        self._challenge = secrets.token_bytes(TIMESTAMP_BYTES)
        sessions = self._sessions
        self.outbox.put(
            frames.challenge(self._challenge, self._settings.version, sessions.wanted, sessions.password_offer)
        )

    async def _login(self, login: pb.Login) -> None:
        refuse(check_login(login))
        self._patience.cancel()  # from here on every step has a deadline of its own
        terminal = await self._prove(login.auth_info)
        self._investor = {"broker_id": login.broker_id, "investor_id": login.investor_id}
        begun, figures = perf_counter(), self._sessions.figures
        applicant = Applicant(
            self._name,
            terminal,
            self._client_version,
            self.origin,
            login,
            self.certificate,
            self._admitted,
            self._challenge,
            self._waits if login.wants_progress else None,
        )
        try:
            session = await self._sessions.admit(applicant)
        except (Refused, LedgerUnavailable):
            figures.logins["refused"] += 1
            raise
        except BaseException as error:
            figures.logins["abandoned"] += 1
            # The terminal went away, or the relay is at fault: what the ledger says of this login still gets its end.
            why = "the stream ended" if isinstance(error, asyncio.CancelledError) else "relay_fault"
            if self._standing is Standing.ADMITTED:
                await self._evidence.note("login_abandoned", self._name, {"reason": why})
            else:
                self._sessions.refused.count(self.origin.place, "login_abandoned", self._app_id)
            raise
        figures.logins["succeeded"] += 1
        figures.login_seconds.observe(perf_counter() - begun)
        self._welcome(session, after_sequence=None)

    def _waits(self, place: int, waiting: int) -> None:
        self.outbox.put(frames.login_progress(place, waiting))

    async def _prove(self, answer: bytes) -> Terminal:
        """Nothing is asked of the relay before this."""
        terminal = await self._sessions.prove(self._app_id, self._challenge, answer)
        self._proved()
        return terminal

    async def _resume(self, resume: pb.Resume) -> None:
        self._patience.cancel()  # as in a login
        proof = Proof(self._app_id, self.origin, self._challenge, resume.auth_info, self.certificate)
        session = await self._sessions.resume(proof, resume.resume_token, self._proved)
        self._sessions.figures.resumes += 1
        self._welcome(session, after_sequence=resume.after_sequence)

    def _proved(self) -> None:
        self._standing = Standing.PROVED
        self.on_proved()

    def _admitted(self) -> None:
        self._standing = Standing.ADMITTED

    def _welcome(self, session: TerminalSession, *, after_sequence: int | None) -> None:
        self._talk.admitted()
        self._patience.cancel()
        self._session = session
        self.on_session()
        session.attach(self.outbox, after_sequence=after_sequence)

    async def _reject(self, refusal: Refusal, why: str = "") -> None:
        """One refusal: counted, or to the ledger and the log as it is; to the terminal as it may know it; then the end.

        `why` is what is wrong inside the relay, for the log.
        """
        self._talk.close()
        self._sessions.figures.refused(refusal.reason)
        standing = Standing.ADMITTED if self._session is not None else self._standing
        facts = {
            "source": refusal.source.value,
            "reason": refusal.reason,
            "code": refusal.code,
            "message": refusal.message,
            "terminal_app_id": self._app_id,
            "public_ip": self.origin.public_ip,
            "port": self.origin.port,
            **self._investor,
            **({"native": refusal.native.as_evidence()} if refusal.native is not None else {}),
        }
        ending = Ending(EndKind.PROTOCOL_ERROR, refusal.reason)
        try:
            await self._sessions.refused.add(standing, self._name, self.origin.place, facts, why)
            self.outbox.put(frames.rejected(refusal))
            self.outbox.close(ending if self._session is not None else None)
        finally:
            # Afterwards, because the session's own goodbye would end the stream before the refusal is in it.
            if self._session is not None:
                self._session.end_soon(ending)

    def _out_of_patience(self) -> None:
        self._talk.close()  # at once: a login may be waiting to be read
        self._tasks.start(self._reject(login_reasons.challenge_expired()), "stream out of patience")
