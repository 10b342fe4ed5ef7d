"""The one T2 connection of a process: it comes back by itself, and says to its users what becomes of it.

Theory of operation
-------------------
Tokens, not connections, are UFX's sessions, so both modes have one connection. A way is: connect and register; log every user
in again, the relay's operator first; live; until the connection is gone; pause; the next way. Tokens and topics belong to a
way: after a break the counter may know the old tokens, but whether it does is not known, so every user logs in anew.

* Calls go out while the connection is up. Nothing is kept for later, and nothing is sent twice.
* A call's answer is waited for `answer_seconds`. One that does not come is AnswerLost; the connection stays, because the
  library's own heartbeat decides about it.
* A login that must not be tried again with the same password (`NeedsPerson`) stops the way until a person asks.
* A topic is subscribed once for each operator with a terminal here, and again after a kick.
* Ways have numbers. Who finds that a way is no good says which one: where that is over already, nothing is broken off.
* A subscription that its login was cancelled in is waited for and given back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from relay.counter.port import LinkCause
from relay.counter.translated.hiding import without_secrets
from relay.counter.translated.values import AnswerLost, NotSent
from relay.counter.ufx.from_native import text_of
from relay.counter.ufx.pushes import PushHearers
from relay.counter.ufx.replies import MAX_CAUSE, UfxReply, UnreadableReply, read_reply
from relay.counter.ufx.safe_level import SAFE_SECRETS
from relay.counter.ufx.t2.callbacks import T2Answer
from relay.counter.ufx.t2.connection import CallLost, T2Connection, T2Failed, T2Options
from relay.counter.ufx.t2.library import T2Library
from relay.counter.ufx.t2.packs import BadPack, read_pack, write_pack
from relay.counter.ufx.words import TOPIC, TOPIC_FILTER
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.refusals import relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refusal, Refused
from relay.settings.ufx_section import UfxSettings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_CLOSE_SECONDS = 5.0
_RENEWALS = 2
_SECRET = ("password", "user_token")
"""fields of requests"""


class NeedsPerson(Exception):
    """A further try with the same password may lock the operator."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class LineUser(Protocol):
    """Who has a token."""

    async def log_in_again(self) -> None:
        """After a break. Raises Refused where the counter refuses it, NeedsPerson where the whole line waits for a person then,
        AnswerLost and NotSent where the connection broke.
        """

    def broke(self, reason: str, cause: LinkCause) -> None:
        """Nothing can be sent until it is logged in again."""

    def back(self) -> None:
        """It is logged in again."""

    def over(self, reason: str, cause: LinkCause) -> None:
        """It does not come back."""


@dataclass(frozen=True, slots=True)
class LineParts:
    """What the line is made of."""

    library: T2Library
    settings: UfxSettings
    faults: Faults
    folder: Path
    client_name: str
    safe: Mapping[str, str] = field(default_factory=dict, repr=False)
    """see `T2Options`"""


@dataclass(slots=True)
class TopicUse:
    """One operator's pushes on this connection."""

    number: int
    users: int
    check: Mapping[str, str] = field(repr=False)


class UfxLine:
    """Begun by `begin`, ended by `close`."""

    def __init__(self, parts: LineParts) -> None:
        self.users: list[LineUser] = []
        self.hearers = PushHearers()
        self.way = 1
        """the number of the present way, or of the next one between two"""
        self.why_not: Refusal | None = relay_reasons.counter_unavailable(why="not connected yet")
        self.phase = "connecting"
        self.changed_at = asyncio.get_running_loop().time()
        self._parts = parts
        self._connection: T2Connection | None = None
        self.renewals = asyncio.Semaphore(_RENEWALS)
        """who has a dead token replaced, so that many that died together make no storm of logins"""
        self._topics: dict[str, TopicUse] = {}
        self._topics_lock = asyncio.Lock()
        self._lost = asyncio.Event()
        self._person_asks = asyncio.Event()
        self._needs_person: Refusal | None = None
        self._tasks = Tasks()

    @property
    def live(self) -> bool:
        return self.phase == "live" and self._connection is not None and self._connection.is_up

    @property
    def connected(self) -> bool:
        """Whether it is registered at the counter, whoever is logged in over it."""
        return self.phase in {"logging_in", "live"} and self._connection is not None and self._connection.is_up

    # Calls ----------------------------------------------------------------------------------------------------

    def send(self, function: int, *tables: Sequence[Mapping[str, str]]) -> Awaitable[UfxReply]:
        """Sent before this returns, or NotSent; the answer, or AnswerLost."""
        connection = self._connection
        if connection is None or not connection.is_up:
            raise NotSent
        secrets = {row[name] for table in tables for row in table for name in _SECRET if row.get(name)}
        return self._answered(connection.call(function, write_pack(tables)), function, secrets)

    async def _answered(self, answer: asyncio.Future[T2Answer], function: int, secrets: set[str]) -> UfxReply:
        try:
            async with asyncio.timeout(self._parts.settings.answer_seconds):
                return read_reply(await answer, secrets)
        except UnreadableReply as error:
            _log.warning("ufx_answer_unreadable", function=function, why=str(error))
            raise AnswerLost from error
        except (CallLost, T2Failed, TimeoutError) as error:
            raise AnswerLost from error

    # Topics ---------------------------------------------------------------------------------------------------

    async def subscribe(self, operator_no: str, password: str) -> None:
        """Pushes of this operator from now on. Raises Refused, NotSent."""
        taking = asyncio.get_running_loop().create_task(self._take_topic(operator_no, password))
        try:
            await asyncio.shield(taking)
        except asyncio.CancelledError:
            self._tasks.start(self._give_back(taking, operator_no, self.way), f"topic of {operator_no} given back")
            raise

    async def _take_topic(self, operator_no: str, password: str) -> None:
        way = self.way
        async with self._topics_lock:
            use = self._topics.get(operator_no)
            if use is None:
                check = {"login_operator_no": operator_no, "password": password}
                number = await self._subscribed(operator_no, check)
                if way != self.way:
                    raise NotSent
                self._topics[operator_no] = TopicUse(number, 1, check)
            else:
                use.users += 1

    async def _give_back(self, taking: asyncio.Task[None], operator_no: str, way: int) -> None:
        """The login was cancelled; the library subscribes all the same, and cannot be stopped on the way."""
        try:
            await taking
        except (Refused, NotSent):
            return
        await self.unsubscribe(operator_no, way)

    async def _subscribed(self, operator_no: str, check: Mapping[str, str]) -> int:
        connection = self._connection
        if connection is None or not connection.is_up:
            raise NotSent
        try:
            return await connection.subscribe(
                TOPIC, {TOPIC_FILTER: operator_no}, check, self._parts.settings.answer_seconds
            )
        except (T2Failed, TimeoutError) as error:
            said = without_secrets(str(error), (check["password"],), MAX_CAUSE)
            why = f"({TOPIC}: {said})" if isinstance(error, T2Failed) else f"({TOPIC}: no answer)"
            raise Refused(relay_reasons.counter_unavailable(why=why)) from None

    async def unsubscribe(self, operator_no: str, way: int) -> None:
        """One user of this way less; the last one ends the subscription."""
        async with self._topics_lock:
            use, connection = self._topics.get(operator_no), self._connection
            if use is None or way != self.way:
                return
            use.users -= 1
            if not use.users:
                del self._topics[operator_no]
                if connection is not None and connection.is_up:
                    with contextlib.suppress(T2Failed, TimeoutError):
                        await connection.unsubscribe(use.number, self._parts.settings.answer_seconds)

    async def _subscribe_again(self, operator_no: str) -> None:
        way = self.way
        async with self._topics_lock:
            use = self._topics.get(operator_no)
            if use is None:
                return
            try:
                use.number = await self._subscribed(operator_no, use.check)
            except (Refused, NotSent):
                self.break_off(f"{TOPIC} was ended by the counter and is not taken again", way)
                return
        self._missed(operator_no)

    def _missed(self, operator_no: str) -> None:
        for hearer in self.hearers:
            hearer.missed(operator_no)

    # As the connection's owner ----------------------------------------------------------------------------------

    def connection_up(self) -> None:
        """See `T2Owner`."""

    def connection_lost(self) -> None:
        """See `T2Owner`."""
        self._lost.set()

    def pushed(self, content: bytes) -> None:
        """See `T2Owner`."""
        try:
            rows = [row for table in read_pack(content) for row in table]
        except BadPack as error:
            _log.warning("ufx_answer_unreadable", function=0, why=str(error))
            self._missed("")
            return
        for row in rows:
            for hearer in self.hearers.of(text_of(row, "account_code")):
                hearer.heard(row)

    def kicked(self, number: int, text: str) -> None:
        """See `T2Owner`."""
        for operator_no, use in self._topics.items():
            if use.number == number:
                why = without_secrets(text, (use.check["password"],), MAX_CAUSE)
                _log.warning("ufx_topic_ended", operator_no=operator_no, why=why)
                self._tasks.start(self._subscribe_again(operator_no), f"topic of {operator_no}")

    # The way --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start on the way; it goes on until `close`."""
        self._tasks.start(self._run(), "the connection to UFX")

    def try_now(self) -> None:
        """A person mended something, or wants the connection replaced."""
        self._person_asks.set()
        if self.live:
            self.break_off("replaced by an operator of the relay", self.way)

    def stop_for_person(self, refusal: Refusal, way: int) -> None:
        """End this way, unless it is over; the next one begins when a person asks."""
        if way == self.way:
            self._needs_person = refusal
            self.break_off("a person must mend something first", way)

    def break_off(self, why: str, way: int) -> None:
        """End this way, unless it is over already; the next one begins."""
        if way != self.way:
            return
        _log.warning("ufx_connection_given_up", why=why)
        self._lost.set()

    async def _run(self) -> None:
        while True:
            why = await self._connect() or await self._log_all_in()
            if not why:
                self._become("live", None)
                _log.info("ufx_connected", servers=list(self._parts.settings.servers))
                for user in tuple(self.users):
                    user.back()
                await self._lost.wait()
                why = "the connection broke"
            await self._end_way(why)
            await self._pause()

    async def _pause(self) -> None:
        seconds = None if self._needs_person is not None else self._parts.settings.reconnect_seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._person_asks.wait()
        self._person_asks.clear()
        self._needs_person = None

    async def _connect(self) -> str:
        """Empty where it is registered. Of several servers the library takes one, in a process always the same: it gets one at a time."""
        self._become("connecting", self.why_not or relay_reasons.counter_unavailable(why="not connected"))
        why = ""
        for server in self._parts.settings.servers:
            await self._close_connection()
            failed = await self._connect_to(server)
            if not failed:
                self._parts.faults.end(Fault.FRONT_DOWN)
                return ""
            why = f"{why}; {failed}" if why else failed
        self._parts.faults.begin(Fault.FRONT_DOWN, why)
        return why

    async def _connect_to(self, server: str) -> str:
        self._lost.clear()
        settings = self._parts.settings
        options = T2Options(
            (server,),
            self._parts.client_name,
            self._parts.folder,
            settings.heartbeat_seconds,
            settings.license_file,
            self._parts.safe,
        )
        self._connection = T2Connection(self._parts.library, options, self)
        try:
            await self._connection.open(settings.connect_seconds)
        except (T2Failed, TimeoutError) as error:
            said = without_secrets(str(error), [self._parts.safe.get(name, "") for name in SAFE_SECRETS], MAX_CAUSE)
            return f"{server}: {said if isinstance(error, T2Failed) else 'no answer'}"
        return ""

    async def _log_all_in(self) -> str:
        """Those that were there before; empty where the connection lived through it."""
        self._become("logging_in", self.why_not)
        for user in tuple(self.users):
            try:
                await user.log_in_again()
            except Refused as refused:
                with contextlib.suppress(ValueError):
                    self.users.remove(user)
                user.over(refused.refusal.told_text, LinkCause.COUNTER_REFUSED)
            except NeedsPerson as needs:
                self._needs_person = needs.refusal
                return "a person must mend something first"
            except LedgerUnavailable:
                return "the ledger cannot be written"
            except (AnswerLost, NotSent):
                return "it broke during a login"
        return "it broke during the logins" if self._lost.is_set() else ""

    async def _end_way(self, why: str) -> None:
        refusal = relay_reasons.counter_unavailable(why=f"({why})")
        needed = self._needs_person
        self._become("waiting" if needed is None else "stopped", needed or refusal)
        for user in tuple(self.users):
            user.broke(refusal.told_text, LinkCause.CONNECTION_LOST)
        self.way += 1
        self._topics.clear()
        await self._close_connection()

    def _become(self, phase: str, why_not: Refusal | None) -> None:
        self.phase, self.why_not = phase, why_not
        self.changed_at = asyncio.get_running_loop().time()

    async def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(TimeoutError, T2Failed):
                await connection.close(_CLOSE_SECONDS)

    async def close(self) -> None:
        """End; users have logged out before."""
        await self._tasks.cancel()
        self._become("stopped", relay_reasons.counter_unavailable(why="stopped"))
        await self._close_connection()
