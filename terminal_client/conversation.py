"""Which relay it is, and the words on one stream there: hello, challenge, then login or resume.

A stream is one try. What becomes of a session whose stream broke is `link`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.channel import RelayChannel, Tls
from terminal_client.collector import CTP, Collected
from terminal_client.errors import LoginRejected, PasswordNotProvable, Refusal
from terminal_client.farewells import NextStep, last_word
from terminal_client.password_proof import NONCE_BYTES, DerivedPassword, DerivedPasswords, said_of, salted_name
from terminal_client.proof import TIMESTAMP_BYTES, auth_info
from terminal_client.secret import Secret
from terminal_client.session import Credentials, Deadlines
from terminal_client.stream import Stream, StreamBroken
from terminal_client.translation import refusal_of

PROTOCOL = 1
OnProgress = Callable[[str], object]
"""gets the relay's words about a login that waits for its turn"""
_AGAIN_SECONDS = 0.5
"""from a try to reach the relay to the next"""
_PAUSE_SECONDS = 1
"""before the next login, where the relay said goodbye to this one and another may succeed"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which relay, and as which terminal software."""

    address: str
    """host:port"""
    app_id: str
    auth_code: Secret
    tls: Tls
    client_version: str


@dataclass(frozen=True, slots=True)
class LoggedInStream:
    """A stream with a session on it."""

    stream: Stream
    logged_in: pb.LoggedIn


class Entrance:
    """Opens streams at one relay, over one connection."""

    def __init__(self, endpoint: Endpoint, deadlines: Deadlines, passwords: DerivedPasswords | None = None) -> None:
        """`passwords` is what was derived before."""
        self._endpoint = endpoint
        self._deadlines = deadlines
        self._passwords = passwords or DerivedPasswords()
        self._channel: RelayChannel | None = None

    def present(self, app_id: str, auth_code: Secret) -> Endpoint:
        """From now on, come as this terminal software; the connection stays."""
        self._endpoint = replace(self._endpoint, app_id=app_id, auth_code=auth_code)
        return self._endpoint

    def another(self) -> Entrance:
        """One to the same relay, with a connection of its own."""
        return Entrance(self._endpoint, self._deadlines, self._passwords)

    async def log_in(self, credentials: Credentials, on_progress: OnProgress = lambda _: None) -> LoggedInStream:
        """A new session. LoginRejected, or StreamBroken when the relay does not answer.

        While the relay says that the login waits for its turn, the deadline begins anew and `on_progress` gets its words.
        """
        async with self._fresh_stream() as (stream, deadline):

            def waits(progress: pb.LoginProgress) -> None:
                until = asyncio.get_running_loop().time() + self._deadlines.login_seconds
                deadline.reschedule(until)  # noqa: F821 - taken away only when the login is over
                on_progress(progress.text)

            try:
                logged_in = await _log_in(stream, self._endpoint, credentials, self._passwords, waits)
            finally:
                del deadline  # see `_fresh_stream`
            return LoggedInStream(stream, logged_in)

    async def resume(self, token: Secret, after_sequence: int) -> LoggedInStream:
        """The session of `token` again. LoginRejected when the relay has it no more; StreamBroken."""
        async with self._fresh_stream() as (stream, _):
            timestamp = await _challenge(stream, self._endpoint)
            resume = pb.Resume(
                resume_token=bytes.fromhex(token.reveal()),
                after_sequence=after_sequence,
                auth_info=auth_info(self._endpoint.auth_code.reveal(), timestamp),
            )
            stream.send(pb.TerminalMessage(resume=resume))
            return LoggedInStream(stream, await _logged_in(stream))

    async def reached(self) -> None:
        """Wait until the relay is connected. StreamBroken when it is not in time."""
        seconds = self._deadlines.login_seconds
        why = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await self._way().ready()
                    except ConnectionError as error:
                        why = f": {error}"
                    await asyncio.sleep(_AGAIN_SECONDS)
        raise StreamBroken(f"the relay was not reached within {seconds:g} s{why}")

    async def close(self) -> None:
        """Let go of the connection; the next stream opens a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @contextlib.asynccontextmanager
    async def _fresh_stream(self) -> AsyncIterator[tuple[Stream, asyncio.Timeout]]:
        """A new stream, cancelled again when the conversation on it fails or takes too long."""
        seconds = self._deadlines.login_seconds
        stream, deadline = Stream(self._way()), asyncio.timeout(seconds)
        try:
            async with deadline:
                yield stream, deadline
        except TimeoutError:
            stream.cancel()
        except BaseException:
            stream.cancel()
            raise
        else:
            return
        finally:
            del deadline  # it refers to its task, and a task that was cancelled to these frames: they to the connection
        # Outside the handler: what is raised there would refer to the frames of what failed, and they to the connection.
        raise StreamBroken(f"no answer to the login within {seconds:g} s")

    def _way(self) -> RelayChannel:
        if self._channel is None:
            endpoint = self._endpoint
            self._channel = RelayChannel(endpoint.address, endpoint.tls, self._deadlines.keepalive_seconds)
        return self._channel


@dataclass(frozen=True, slots=True)
class _ShownPassword:
    """How a login shows that it knows the investor's password."""

    text: str = field(repr=False)
    """empty where the proof stands alone"""
    key: DerivedPassword | None = None
    said: bytes = b""
    nonce: bytes = b""

    def proof(self) -> pb.PasswordProof | None:
        return None if self.key is None else pb.PasswordProof(nonce=self.nonce, proof=self.key.proof(self.said))

    def answered(self, relay_proof: bytes) -> None:
        """The login succeeded. PasswordNotProvable where the relay took a proof that it could not judge."""
        if self.key is None:
            return
        self.key.is_known = hmac.compare_digest(relay_proof, self.key.expected(self.said))
        if not (self.key.is_known or self.text):
            raise PasswordNotProvable(
                "the relay let the investor in without having the password's keys: it is not the firm's"
            )


async def _shown_password(
    challenge: pb.Challenge, endpoint: Endpoint, credentials: Credentials, passwords: DerivedPasswords
) -> _ShownPassword:
    """A proof where the relay offers it. The password is sent beside it until the relay has shown that it needs it no more."""
    offer = challenge.password_offer
    name = salted_name(offer, credentials.broker_id, credentials.investor_id)
    key = None if name is None else await passwords.key(name, credentials.password)
    if name is None or key is None:
        if credentials.proof_only:
            raise PasswordNotProvable("this relay takes no proof of the password, and it was to stay here")
        return _ShownPassword(credentials.password.reveal())
    nonce = secrets.token_bytes(NONCE_BYTES)
    said = said_of(challenge.timestamp, nonce, endpoint.app_id, name)
    alone = key.is_known or offer.proof_only or credentials.proof_only
    return _ShownPassword("" if alone else credentials.password.reveal(), key, said, nonce)


async def _log_in(
    stream: Stream,
    endpoint: Endpoint,
    credentials: Credentials,
    passwords: DerivedPasswords,
    on_wait: Callable[[pb.LoginProgress], object],
) -> pb.LoggedIn:
    """Prove the terminal and log the investor in. LoginRejected with the relay's reason; StreamBroken."""
    challenge = await _challenged(stream, endpoint)
    shown = await _shown_password(challenge, endpoint, credentials, passwords)
    others = await credentials.collectors.collect_wanted(challenge.wanted)
    login = pb.Login(
        auth_info=auth_info(endpoint.auth_code.reveal(), challenge.timestamp),
        broker_id=credentials.broker_id,
        investor_id=credentials.investor_id,
        password=shown.text,
        password_proof=shown.proof(),
        mac_address=credentials.mac_address,
        login_remark=credentials.login_remark,
        confirm_settlement=credentials.confirm_settlement,
        report_kind=pb.REPORT_KIND_TERMINAL,
        one_time_password=credentials.one_time_password.reveal(),
        start_from=pb.START_FROM_NOW if credentials.live_only else pb.START_FROM_DAY,
        collected=[one.message() for one in others],
        wants_progress=True,
    )
    if (collected := _ctp_of(credentials, challenge)) is not None:
        login.system_info, login.system_info_length = collected.system_info, collected.length
        login.collector_code, login.collector_version = collected.code, collected.version
    stream.send(pb.TerminalMessage(login=login))
    try:
        logged_in = await _logged_in(stream, on_wait)
    except LoginRejected:
        if shown.key is not None:
            shown.key.is_known = False  # the firm may have given the investor a new password: the next login sends it
        raise
    shown.answered(logged_in.relay_proof)
    return logged_in


def _ctp_of(credentials: Credentials, challenge: pb.Challenge) -> Collected | None:
    """CTP's system info, unless the counter names what it wants and that is not among it."""
    wants = not challenge.wanted or any(want.kind == CTP for want in challenge.wanted)
    return credentials.collected if wants else None


async def _challenged(stream: Stream, at: Endpoint) -> pb.Challenge:
    stream.send(pb.TerminalMessage(hello=hello(at)))
    message = await stream.receive()
    timestamp_of(message)
    return message.challenge


async def _challenge(stream: Stream, at: Endpoint) -> bytes:
    return (await _challenged(stream, at)).timestamp


def hello(at: Endpoint) -> pb.Hello:
    """The first word on every stream."""
    return pb.Hello(protocol=PROTOCOL, app_id=at.app_id, client_version=at.client_version)


def timestamp_of(message: pb.RelayMessage | market_pb2.MarketDataMessage) -> bytes:
    """What is to be proved with, out of the relay's answer to hello. LoginRejected, or StreamBroken for another answer."""
    refuse(message)
    if message.WhichOneof("body") != "challenge":
        raise StreamBroken(f"the relay answered hello with {message.WhichOneof('body')}")
    timestamp = message.challenge.timestamp
    if len(timestamp) != TIMESTAMP_BYTES:
        raise StreamBroken(f"the relay's challenge has {len(timestamp)} bytes, not {TIMESTAMP_BYTES}")
    return timestamp


async def _logged_in(stream: Stream, on_wait: Callable[[pb.LoginProgress], object] = lambda _: None) -> pb.LoggedIn:
    message = await stream.receive()
    while message.WhichOneof("body") == "login_progress":
        on_wait(message.login_progress)
        message = await stream.receive()
    refuse(message)
    if message.WhichOneof("body") != "logged_in":
        raise StreamBroken(f"the relay answered the login with {message.WhichOneof('body')}")
    return message.logged_in


def refuse(message: pb.RelayMessage | market_pb2.MarketDataMessage) -> None:
    """LoginRejected where the message says that this stream has ended."""
    match message.WhichOneof("body"):
        case "rejected":
            raise LoginRejected(refusal_of(message.rejected))
        case "goodbye":
            last = last_word(message.goodbye)
            pause = 0 if last.kind.next_step is NextStep.STOP else _PAUSE_SECONDS
            raise LoginRejected(Refusal("relay", last.kind.word, last.reason, retry_after_seconds=pause))
        case _:
            return
