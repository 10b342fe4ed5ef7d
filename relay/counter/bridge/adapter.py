"""The counter behind a bridge: opened, logged in, described, watched, and begun anew after a break.

One task does all of it. An opening lasts until something is wrong, which is a fault by its kind; the next one follows after a pause that
grows with each failure, and at once where an operator of the relay asks for it. What the counter registered is replaced with
each opening, and forgotten with its end.

Terminals are not taken: the library has no place for what is reported of them. A login is refused before anything is counted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from ctprelay.bridge.v1 import bridge_pb2 as pb
from ctprelay.v1.terminal_pb2 import Login
from relay.counter.adapter_parts import AdapterParts
from relay.counter.bridge.conversation import PROTOCOL, BridgeConversation, BridgeDoor, opened
from relay.counter.bridge.tradables import exchanges_of, mapping_of
from relay.counter.bridge.trouble import BridgeTrouble, TroubleKind
from relay.counter.port import (
    CounterDescription,
    CounterLink,
    CounterSituation,
    Exchange,
    LoginLevel,
    Mode,
    TerminalLogin,
)
from relay.counter.registered import RegisteredCounter
from relay.database.times import COUNTER_ZONE
from relay.outside_text import shown
from relay.refusals import relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused
from relay.settings.bridge_section import BridgeSettings
from relay.settings.file import SettingsInvalid
from relay.settings.secret_files import SecretFileRefused, read_secret
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_FIRST_PAUSE = 0.2
LOGIN_LEVELS = ("connection", "middleware", "operator")
_SHORT = 128


@dataclass(frozen=True, slots=True)
class _Standing:
    """How it is since when; the loop's seconds."""

    state: str
    since: float
    why: str = ""


class BridgeCounter:
    """A `port.SteeredCounter`."""

    def __init__(self, parts: AdapterParts, settings: BridgeSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._known = mapping_of(settings.exchanges)
        self._login = login_of(settings)
        self._door = _door(parts, settings)
        self._nothing = _described(pb.OpenReply(), (), up=0)
        self._registered = RegisteredCounter(self._nothing)
        self._standing = _Standing("connecting", 0.0)
        self._asked = asyncio.Event()
        """an operator of the relay wants it opened anew, now"""
        self._tasks = Tasks()

    @property
    def mode(self) -> Mode:
        return self._parts.mode

    @property
    def ready(self) -> bool:
        """Whether the library behind the bridge is logged in."""
        return self._standing.state == "live"

    @property
    def orders_today(self) -> int:
        return 0

    @property
    def why_not_ready(self) -> Refusal | None:
        """Never None: no terminal's login succeeds here."""
        if self.ready:
            return relay_reasons.no_investor_sessions()
        return relay_reasons.counter_unavailable(why=self._standing.why)

    def describe(self) -> CounterDescription:
        return self._registered.description

    def check_login(self, _: Login) -> Refusal | None:
        return relay_reasons.no_investor_sessions()

    def situation(self) -> CounterSituation:
        now = asyncio.get_running_loop().time()
        return CounterSituation(
            state=self._standing.state,
            seconds=now - self._standing.since,
            why=self._standing.why,
            user_id=self._settings.operator_user,
            fronts=(self._settings.address,),
            sessions=1,
            live=int(self.ready),
            trading_day="",
        )

    def reload(self) -> None:
        """Read the passwords again and try at once; raises SettingsInvalid, and keeps those before."""
        self._login = login_of(self._settings)
        self._asked.set()

    def reconnect(self, why: str) -> int:
        """Open it anew, now."""
        was_live = self.ready
        _log.info("bridge_asked_anew", why=why)
        self._asked.set()
        return int(was_live)

    def reconnect_operator(self, why: str) -> bool:
        self._login = login_of(self._settings)
        self.reconnect(why)
        return True

    def use_auth_code(self, relay_auth_code: str) -> None:
        """There is none."""
        del relay_auth_code

    async def start(self) -> None:
        """Begin to open it; not awaited."""
        self._standing = _Standing("connecting", asyncio.get_running_loop().time())
        self._tasks.start(self._keep(), "bridge")

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """No terminal is taken."""
        del login
        raise Refused(relay_reasons.no_investor_sessions())

    async def stop(self) -> None:
        """Close it."""
        await self._tasks.cancel()
        self._forget("stopped", "")

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            self._asked.clear()
            begun = asyncio.get_running_loop().time()
            trouble = await self._until_trouble()
            if trouble is not None:
                self._begin_fault(trouble)
                if asyncio.get_running_loop().time() - begun > self._door.silence_seconds:
                    pause = _FIRST_PAUSE  # it was open for a while
                await self._wait(pause)
                pause = min(pause * 2, self._parts.settings.counter.longest_pause_seconds)

    async def _until_trouble(self) -> BridgeTrouble | None:
        """One opening; None where an operator of the relay ended it."""
        try:
            async with opened(self._door, self._parts.settings.relay.name) as bridge:
                await self._log_in(bridge)
                await self._while_open(bridge)
        except BridgeTrouble as trouble:
            return trouble
        except LedgerUnavailable:
            return BridgeTrouble(TroubleKind.UNREACHABLE, "not asked: the ledger cannot be written")
        except Exception as error:  # noqa: BLE001 - whatever it is, the bridge is opened again
            _log.exception("bridge_failed", address=self._settings.address)
            return BridgeTrouble(TroubleKind.UNREADABLE, f"the relay could not go on: {type(error).__name__}")
        self._forget("connecting", "an operator of the relay asked for it")
        return None

    async def _while_open(self, bridge: BridgeConversation) -> None:
        """Until an operator of the relay asks for another opening, or something is wrong; the ledger has that it is closed."""
        asked = asyncio.ensure_future(self._asked.wait())
        listening = asyncio.ensure_future(bridge.listen())
        why = "the relay stops"
        try:
            await asyncio.wait((asked, listening), return_when=asyncio.FIRST_COMPLETED)
            why = "an operator of the relay asked for it"
            if listening.done():
                await listening
        except Exception as error:
            why = error.why if isinstance(error, BridgeTrouble) else type(error).__name__
            raise
        finally:
            asked.cancel()
            listening.cancel()
            await asyncio.gather(asked, listening, return_exceptions=True)
            await self._parts.evidence.note("bridge_close", "", {"user_id": self._settings.operator_user, "why": why})

    async def _log_in(self, bridge: BridgeConversation) -> None:
        """Ledger first: what is about to happen, and what came of it."""
        said, evidence = self._settings, self._parts.evidence
        facts = {
            "user_id": said.operator_user,
            "middleware_user": said.middleware_user,
            "middleware": f"{said.middleware_address}:{said.middleware_port}" if said.middleware_user else "",
            "system": shown(bridge.reply.system[:_SHORT]),
            "library_version": shown(bridge.reply.library_version[:_SHORT]),
            "library_sha256": shown(bridge.reply.library_sha256[:_SHORT]),
        }
        await evidence.record("bridge_login", "", facts)
        request = pb.LoginRequest()
        request.CopyFrom(self._login)
        try:
            await bridge.log_in(request)
            reply = await bridge.describe()
            exchanges = exchanges_of(reply.tradables, self._known)
        except BridgeTrouble as trouble:
            native = {} if trouble.native is None else {"native": trouble.native.as_evidence()}
            await evidence.note("bridge_login_answer", "", {"why": trouble.why, **native})
            raise
        finally:
            request.Clear()
        self._parts.clock.answered(reply.server_time)
        self._live(bridge.reply, reply, exchanges)
        await evidence.note(
            "bridge_login_answer",
            "",
            {"exchanges": [one.native_code for one in exchanges], "tradables": len(reply.tradables)},
        )

    def _live(self, opening: pb.OpenReply, reply: pb.DescribeReply, exchanges: tuple[Exchange, ...]) -> None:
        for kind in TroubleKind:
            self._parts.faults.end(kind.value)
        ahead = self._parts.clock.offset
        described = _described(opening, exchanges, up=len(LOGIN_LEVELS))
        days = f" · {reply.licence_days} 天 days" if reply.HasField("licence_days") else ""
        self._registered.register(
            replace(
                described,
                product=f"{described.product}{days}",
                seconds_ahead=None if math.isnan(ahead) else round(ahead, 1),
                since=dt.datetime.now(COUNTER_ZONE).isoformat(timespec="seconds"),
            )
        )
        self._standing = _Standing("live", asyncio.get_running_loop().time())
        _log.info("bridge_live", address=self._settings.address, tradables=len(reply.tradables))

    def _begin_fault(self, trouble: BridgeTrouble) -> None:
        for kind in TroubleKind:
            self._parts.faults.set(kind.value, trouble.why if kind is trouble.kind else "")
        was_live = self.ready
        self._forget("waiting", trouble.why)
        if was_live:
            _log.warning("bridge_lost", address=self._settings.address, why=trouble.why)

    def _forget(self, state: str, why: str) -> None:
        """What the counter registered is so no longer."""
        self._registered.description = self._nothing
        self._standing = _Standing(state, asyncio.get_running_loop().time(), why)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return


def make_counter(parts: AdapterParts) -> BridgeCounter:
    """Of the settings; raises SettingsInvalid naming a secret file that cannot be read."""
    settings = parts.settings.counter.bridge
    if settings is None:
        raise SettingsInvalid("settings", ["counter.bridge: is required when counter.system is bridge"])
    return BridgeCounter(parts, settings)


def login_of(said: BridgeSettings) -> pb.LoginRequest:
    """What the library logs in with, its passwords read now; raises SettingsInvalid."""
    request = pb.LoginRequest(
        operator=pb.Operator(
            user=said.operator_user,
            password=_secret("operator_password_file", said.operator_password_file),
            all_quotes=said.all_quotes,
        ),
        threads=said.threads,
        log_prefix=said.log_prefix,
        product=said.product,
        log_to_file=said.log_to_file,
    )
    if said.middleware_password_file is not None:
        request.middleware.CopyFrom(
            pb.Middleware(
                user=said.middleware_user,
                password=_secret("middleware_password_file", said.middleware_password_file),
                address=said.middleware_address,
                server=said.middleware_server,
                port=said.middleware_port,
                request_queue=said.request_queue,
                answer_queue=said.answer_queue,
            )
        )
    return request


def _secret(key: str, path: Path) -> str:
    try:
        return read_secret(path).get_secret_value()
    except SecretFileRefused as error:
        raise SettingsInvalid("settings", [f"counter.bridge.{key}: {error}"]) from None


def _door(parts: AdapterParts, said: BridgeSettings) -> BridgeDoor:
    at = parts.settings.counter
    files = None
    if said.authority is not None and said.key is not None and said.certificate is not None:
        files = said.authority, said.key, said.certificate
    return BridgeDoor(said.address, files, at.connect_timeout_seconds, at.login_timeout_seconds, said.silence_seconds)


def _described(opening: pb.OpenReply, exchanges: tuple[Exchange, ...], *, up: int) -> CounterDescription:
    product = " ".join(filter(None, (opening.system, opening.library_version)))
    return CounterDescription(
        system="bridge",
        version=str(PROTOCOL),
        exchanges=exchanges,
        product=shown(product[:_SHORT]),
        library_sha256=shown(opening.library_sha256[:_SHORT]),
        levels=tuple(LoginLevel(name, up=place < up) for place, name in enumerate(LOGIN_LEVELS)),
    )
