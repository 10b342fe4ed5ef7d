"""One market data stream: hello, challenge, attach with the session's token, then changes of subscriptions.

Nothing is said of market data, or of any session, before the terminal has proved itself; a wrong proof and a wrong token get the
one answer that a resume gets.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from ctprelay.v1 import market_pb2 as pb
from relay.admission.admission import Proof
from relay.admission.challenge import TIMESTAMP_BYTES
from relay.admission.client_certificates import ShownCertificate
from relay.admission.origin.trusted_proxies import Origin
from relay.admission.self_description import check_hello
from relay.market_data.frames import FEEDS
from relay.market_data.hub import MarketHub
from relay.outside_text import shown
from relay.refusals import login_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused, refuse
from relay.sessions import conversation as talk
from relay.sessions import frames
from relay.sessions.endings import Ending, EndKind
from relay.sessions.refused_streams import Standing
from relay.sessions.session import TerminalSession
from relay.sessions.sessions import Sessions
from relay.sessions.stream import Begun, Malformed, StreamSettings
from relay.tasks import Tasks

_MOST_NAMES = 2000
_NEXT = {
    (talk.Phase.OPENED, "hello"): talk.Phase.CHALLENGED,
    (talk.Phase.CHALLENGED, "attach"): talk.Phase.ADMITTING,
    (talk.Phase.ONLINE, "change"): talk.Phase.ONLINE,
}


class MarketStream:
    """A stream from its first byte to its end; what a door asks of it is what it asks of a `TerminalStream`."""

    def __init__(
        self, origin: Origin, sessions: Sessions, hub: MarketHub, clock: Callable[[], float], settings: StreamSettings
    ) -> None:
        self.outbox = hub.new_outbox()
        self.certificate: ShownCertificate | None = None
        self.on_proved: Callable[[], object] = lambda: None
        self.on_session: Callable[[], object] = lambda: None
        self.origin = origin
        self._sessions = sessions
        self._hub = hub
        self._clock = clock
        self._settings = settings
        self._talk = talk.Conversation(_NEXT)
        self._name = secrets.token_hex(6)
        self._app_id, self._challenge = "", b""
        self._session: TerminalSession | None = None
        self._standing = Standing.STRANGER
        self._tasks = Tasks()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(settings.hello_timeout_seconds, self._out_of_patience)

    async def receive(self, message: pb.MarketDataRequest | Malformed) -> None:
        """Take one message from the terminal; returns when the next one may come."""
        if self.outbox.closed:
            return
        try:
            await self._take(message)
        except Refused as refused:
            await self._reject(refused.refusal, refused.why)
        except LedgerUnavailable:
            await self._reject(relay_reasons.ledger_unavailable())

    async def ended(self) -> None:
        """The stream is gone, for whatever reason; the session goes on."""
        self._patience.cancel()
        self.outbox.close()
        if self._session is not None:  # before anything is waited for, so that nothing keeps it from being done
            self._hub.leave(self._session, self.outbox)
        await self._tasks.cancel()

    def stop(self, ending: Ending) -> None:
        """The relay ends."""
        self.outbox.close(ending)

    def hand_on(self) -> Begun:
        """Its session is at another worker, which hears the rest: nothing more is heard here."""
        self._patience.cancel()
        begun = Begun(self._app_id, "", self._challenge, self._talk.challenged_ago(self._clock()))
        self._talk.close()
        return begun

    def take_over(self, begun: Begun) -> None:
        """It began at another worker."""
        self._app_id, self._challenge = begun.app_id, begun.challenge
        self._talk.take_over(self._clock(), begun.challenged_ago)

    def terminal_is_silent(self) -> None:
        """The terminal closed its half: it changes nothing any more, and still reads."""
        if self._session is None:
            self.outbox.close()

    async def _take(self, message: pb.MarketDataRequest | Malformed) -> None:
        if isinstance(message, Malformed):
            raise Refused(message.refusal)
        kind = message.WhichOneof("body")
        if kind is None:
            raise Refused(stream_reasons.request_malformed(why="a message of no kind this relay knows"))
        refuse(self._talk.expect(kind, self._clock()))
        if kind == "hello":
            self._hello(message)
        elif kind == "attach":
            await self._attach(message.attach)
        else:
            self._change(message.change)
            await self.outbox.room()

    def _hello(self, message: pb.MarketDataRequest) -> None:
        hello = message.hello
        if hello.protocol != talk.PROTOCOL:
            raise Refused(stream_reasons.protocol_unsupported(given=hello.protocol))
        self._app_id = shown(hello.app_id[:64])
        refuse(check_hello(hello))
        self._challenge = secrets.token_bytes(TIMESTAMP_BYTES)
        self.outbox.put(frames.challenge(self._challenge, self._settings.version))

    async def _attach(self, attach: pb.AttachMarketData) -> None:
        self._patience.cancel()
        proof = Proof(self._app_id, self.origin, self._challenge, attach.auth_info, self.certificate)
        session = await self._sessions.of_market_token(proof, attach.token, self._proved)
        if session.ending:  # while it was looked up
            raise Refused(stream_reasons.session_gone())
        self._talk.admitted()
        self._session = session
        self.on_session()
        self._hub.attach(session, self.outbox)

    def _proved(self) -> None:
        self._standing = Standing.PROVED
        self.on_proved()

    def _change(self, change: pb.ChangeSubscriptions) -> None:
        kind = FEEDS.get(change.feed)
        if kind is None:
            raise Refused(stream_reasons.request_malformed(why="feed is none this relay knows"))
        if not change.change_id:
            raise Refused(stream_reasons.request_malformed(why="change_id must be greater than 0"))
        if len(change.instrument_ids) > _MOST_NAMES:
            raise Refused(stream_reasons.request_malformed(why=f"more than {_MOST_NAMES} instrument_ids"))
        carry_out = self._hub.unsubscribe if change.unsubscribe else self._hub.subscribe
        carry_out(self.outbox, kind, change.change_id, change.instrument_ids)

    async def _reject(self, refusal: Refusal, why: str = "") -> None:
        """One refusal: counted or recorded as it is, to the terminal as it may know it; then the stream ends."""
        self._talk.close()
        self._sessions.figures.refused(refusal.reason)
        facts = {
            "source": refusal.source.value,
            "reason": refusal.reason,
            "code": refusal.code,
            "message": refusal.message,
            "terminal_app_id": self._app_id,
            "public_ip": self.origin.public_ip,
            "port": self.origin.port,
        }
        await self._sessions.refused.add(self._standing, self._name, self.origin.place, facts, why)
        self.outbox.put(frames.rejected(refusal))
        self.outbox.close(Ending(EndKind.PROTOCOL_ERROR, refusal.reason) if self._session is not None else None)

    def _out_of_patience(self) -> None:
        self._talk.close()
        self._tasks.start(self._reject(login_reasons.challenge_expired()), "market data stream out of patience")
