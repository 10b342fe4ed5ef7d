"""One counter session and the terminals on it: in many-to-many there is one, in many-to-one there are all of them.

`request_desk` is the way down, `event_router` the way up; this is where they meet, and where the session's own
changes (live, recovering, ended, a new trading day) are carried out for every link.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator

import structlog

from ctpabi.api.spi import RawEvent
from relay.counter.ctp.event_router import EventRouter, Lost, is_answer
from relay.counter.ctp.link import NOT_ATTACHED, SLICE_SECONDS, CtpCall, CtpLink, Detach
from relay.counter.ctp.pending import Asked, Pending
from relay.counter.ctp.request_desk import PASSWORD_UPDATE, RequestDesk, not_ready
from relay.counter.ctp.session import CtpSession
from relay.counter.ctp.session_items import (
    SessionChange,
    SessionEnded,
    SessionLive,
    SessionPasswordDue,
    SessionRecovering,
    fault,
)
from relay.counter.ctp.shared_gate import SharedGate
from relay.counter.ctp.tools import SwitchboardTools
from relay.counter.port import Attached, CallOutcome, LinkCause, LinkState, LinkStatus
from relay.domain import reasons
from relay.domain.query_cache import Key, QueryCache
from relay.domain.scope import Identity
from relay.refusals import relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused, refuse
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_LEGAL_WHILE_PASSWORD_DUE = frozenset({PASSWORD_UPDATE, "ReqTradingAccountPasswordUpdate"})

LiveHook = Callable[["Switchboard"], Awaitable[None]]


class Switchboard:
    """The links of one counter session."""

    def __init__(self, session: CtpSession, tools: SwitchboardTools, *, on_live: LiveHook | None = None) -> None:
        """`on_live` makes it a shared one: it is awaited after every login, before anything is sent or told."""
        self.session = session
        self._tools = tools
        self._on_live = on_live
        self._lanes = tools.new_lanes()
        self._links: dict[int, CtpLink] = {}
        self._pending = Pending()
        self._cache = QueryCache(tools.catalog)
        self._router = EventRouter(
            tools,
            self._lanes,
            self._pending,
            self._cache,
            lambda lane: self._links.get(lane.session),
            operator_id=session.steps.credentials.user_id if on_live is not None else "",
        )
        shared = tools.order_map.shared
        self._gate = SharedGate(shared, self._lanes) if shared is not None else None
        self._desk = RequestDesk(session, tools, self._lanes, self._pending, self._router.lost)
        self._tasks = Tasks()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._login: Attached | None = None
        self._password_due = False
        self.logins = 0
        """how often the session went live: what was reported during an earlier login does not stand in this one"""
        self.ended = asyncio.Event()
        self.why_not = relay_reasons.counter_unavailable(why="not logged in yet")
        """why nobody can log in, while the session is not live"""

    def __iter__(self) -> Iterator[CtpLink]:
        return iter(tuple(self._links.values()))

    # Links ---------------------------------------------------------------------------------------------------

    def add(self, session: str, identity: Identity, on_detach: Detach, *, from_now: bool) -> CtpLink:
        """A link for one more terminal; with the day's notices waiting in it, unless `from_now`."""
        lane = self._lanes.open(identity, self._tools.next_lane())
        link = CtpLink(session, lane, self._tools.limits, self.call, on_detach, self._tools.turn)
        self._links[lane.session] = link
        if self._login is not None:
            link.see(self._login)
        self._router.open(link, from_now=from_now)
        return link

    async def recall(self, investor_id: str) -> None:
        """Know what other processes of the firm sent for this investor today, before its terminal is told anything."""
        if self._gate is not None:
            await self._gate.recall(investor_id)

    def remove(self, link: CtpLink) -> None:
        """The terminal is gone; idempotent."""
        self._desk.drop(link, stream_reasons.session_gone())
        self._pending.forget(link)
        self._router.close(link)
        self._lanes.close(link.lane)
        self._links.pop(link.lane.session, None)

    def start(self) -> None:
        """Begin to take events from the session."""
        self._tasks.start(self._run(), f"switchboard {self.session.name}")

    async def first_login(self) -> None:
        """Wait until the session is live for the first time, or waits for a password; raises Refused."""
        await asyncio.shield(self._first)

    async def stop(self) -> None:
        """Take no more events."""
        await self._tasks.cancel()
        self._desk.close()
        self._router.stop()
        self._first.cancel()

    # Down ----------------------------------------------------------------------------------------------------

    async def call(self, link: CtpLink, call: CtpCall) -> CallOutcome:
        """Send one terminal's request; raises Refused."""
        self._check_ready(link, call)
        body = self._desk.prepare(link, call)
        self._desk.hold_to_limits(link, call)
        if self._gate is None or self._gate.is_open(link, call, body):
            return await self._send(link, call, body)
        return await self._gate.send(link, call, body, self._send_late)

    def _check_ready(self, link: CtpLink, call: CtpCall) -> None:
        if self._links.get(link.lane.session) is not link:
            raise Refused(stream_reasons.session_gone())
        if not (self._password_due and call.method.name in _LEGAL_WHILE_PASSWORD_DUE):
            refuse(not_ready(link, live=self.session.live))

    async def _send_late(
        self, link: CtpLink, call: CtpCall, body: bytearray, queued: Callable[[], None]
    ) -> CallOutcome:
        self._check_ready(link, call)  # it was, before the call waited
        return await self._send(link, call, body, queued)

    async def _send(
        self, link: CtpLink, call: CtpCall, body: bytearray, queued: Callable[[], None] = lambda: None
    ) -> CallOutcome:
        rule = self._tools.scope.rule(call.method)
        key = self._cache.key(call.method, body) if rule is not None and rule.cacheable else None
        if key is not None and self._known(link, call, key):
            return CallOutcome(0)
        asked = Asked(link, call.method, call.request_id, key, self._desk.new_password(call, body))
        try:
            outcome = await self._desk.send(call, body, asked, queued)
        except BaseException:  # a fault too: nobody else may wait for an answer that will not come
            self._abandon(asked)
            raise
        if outcome.return_code != 0:
            self._abandon(asked)
        return outcome

    async def confirm_settlement(self, link: CtpLink) -> int:
        """Confirm the day's statement in the investor's name; returns the answer's ErrorID, -1 where none came."""
        return await self._desk.ask_itself(link, "ReqSettlementInfoConfirm")

    def _known(self, link: CtpLink, call: CtpCall, key: Key) -> bool:
        """Whether the answer is known or under way; what there is of it is given at once."""
        known = self._cache.ask(key, (link, call.request_id), fresh=call.fresh)
        if known is None:
            return False
        self._router.tell_rows(link, call.request_id, known.rows)
        return True

    def _abandon(self, asked: Asked) -> None:
        """The first asker of a public question did not get through: nobody else may wait for its answer."""
        if asked.cache_key is not None:
            self._router.lost(asked, Lost.UNSENT, but=(asked.link, asked.request_id))

    # Up ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        try:
            while True:
                until = now() + SLICE_SECONDS
                for item in await self.session.next_batch():
                    if isinstance(item, RawEvent):
                        self._deliver(item)
                    else:
                        await self._session_changed(item)
                    if now() >= until:  # a day's replay, or an answer of thousands of rows: others have their turn
                        await asyncio.sleep(0)
                        until = now() + SLICE_SECONDS
        except Refused as refused:  # a full disk, say
            self._end(refused.refusal, LinkCause.RELAY_FAULT)
        except Exception:
            self._ended(fault())
            raise

    def _deliver(self, event: RawEvent) -> None:
        if not is_answer(event):
            self._router.notify(event)
            return
        error_id, _ = event.error
        asked_again = not self._desk.answered(event.request_id, is_last=event.is_last, error_id=error_id)
        if not asked_again:
            asked = self._router.answer(event)
            if asked is not None and event.is_last:
                self._desk.heard(asked)
            if asked is not None and asked.new_password and error_id == 0:
                self.session.password_changed(asked.new_password)
        else:
            self._pending.answered(event.request_id, is_last=True)
        if event.is_last or asked_again:
            self._desk.pump()

    # The session ---------------------------------------------------------------------------------------------

    async def _session_changed(self, item: SessionChange) -> None:
        match item:
            case SessionLive():
                await self._live(item)
            case SessionPasswordDue(error_id, _):
                self._due(error_id)
            case SessionRecovering():
                self.why_not = item.refusal
                self._lost(LinkStatus(LinkState.RECOVERING, item.reason, cause=item.cause))
            case SessionEnded():
                self._ended(item)

    async def _live(self, item: SessionLive) -> None:
        login = item.attached(self._tools.catalog)
        await self._begin_day(login.trading_day, changed=item.day_changed)
        self._cache.forget()
        if self._login is None:
            self._router.logged_in(login.login_time)
        self._password_due = False
        self._lanes.rebind(login.front_id, login.session_id, login.max_order_ref)
        self._desk.limits(*self.session.front_info())
        self._login = login
        self.logins += 1
        for link in self:
            link.see(login)
        if self._on_live is not None:
            await self._on_live(self)
        if not self._first.done():
            self._first.set_result(None)
            return
        for link in self:
            if link.reported:
                link.put(LinkStatus(LinkState.LIVE, "", link.attached, item.day_changed))

    async def _begin_day(self, trading_day: str, *, changed: bool) -> None:
        try:
            self._tools.order_map.begin(trading_day)
        except OSError as error:
            _log.error("order_map_unreadable", error=str(error))
            raise Refused(relay_reasons.order_map_unavailable()) from None
        if changed:
            self._lanes.start_day()
            self._tools.day_use.start_day()
            self._router.start_day()
        elif self._login is None:
            # Orders of this day's earlier life of the relay are known again, by whom they belong to.
            alone = next(iter(self), None) if self._on_live is None else None
            self._lanes.restore(self._tools.order_map.load(alone.lane.identity.investor_id if alone else None))
            if alone is not None:
                await self.recall(alone.lane.identity.investor_id)

    def _due(self, error_id: int) -> None:
        self._password_due = True
        advice = reasons.password_due_advice(error_id)
        for link in self:
            link.see(dataclasses.replace(NOT_ATTACHED, must_change_password=error_id))
            if self._first.done():
                due = LinkStatus(LinkState.RECOVERING, f"password_due: {advice}", cause=LinkCause.PASSWORD_DUE)
                link.put(due)
        if not self._first.done():
            self._first.set_result(None)

    def _lost(self, status: LinkStatus) -> None:
        self._lanes.unbind()
        self._desk.disconnected()
        self._router.broke()
        for link in self:
            # A report stands in the login it was made in; with a shared session `on_live` makes the next one.
            link.reported = link.reported and self._on_live is None
            self._desk.drop(link, relay_reasons.counter_unavailable(why="not logged in"))
        for asked in self._pending.drain():
            self._router.lost(asked)
        for link in self:
            link.put(status)

    def _ended(self, item: SessionEnded) -> None:
        self._end(item.refusal, item.cause)

    def _end(self, refusal: Refusal, cause: LinkCause) -> None:
        self._lost(LinkStatus(LinkState.ENDED, f"{refusal.reason}: {refusal.message}", cause=cause))
        self.why_not = refusal
        self.ended.set()
        if not self._first.done():
            self._first.set_exception(Refused(refusal))
            self._first.exception()  # many-to-one does not wait for it
