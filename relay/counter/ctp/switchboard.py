"""One counter session and the terminals on it: who may send what, and who gets which event.

Requests come down through `call`: the scope table writes the identity, the lane writes the references, the order
map keeps them, then the API has the request. Events come up through `_run`: answers go by their request id,
notices by their investor and lane. In many-to-many there is one link, in many-to-one there are all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import structlog

from ctpabi import layout
from ctpabi.catalog import Catalog, Method, Shape
from ctpabi.messages import event_bytes
from relay.counter.ctp.link import CtpLink, Detach
from relay.counter.ctp.pending import Asked, Pending
from relay.counter.ctp.session import (
    CtpSession,
    SessionEnded,
    SessionChange,
    SessionLive,
    SessionPasswordDue,
    SessionRecovering,
)
from relay.counter.ctp.spi import RawEvent
from relay.counter.order_map import OrderMapFile
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkState, LinkStatus, TerminalCall
from relay.domain import call_reasons, reasons
from relay.domain.lanes import Lanes
from relay.domain.ownership import OwnershipTable
from relay.domain.scope import Identity, ScopeTable
from relay.errors import Refusal, Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_PASSWORD_UPDATE = "ReqUserPasswordUpdate"  # noqa: S105 - a method's name
_LEGAL_WHILE_PASSWORD_DUE = frozenset({_PASSWORD_UPDATE, "ReqTradingAccountPasswordUpdate"})


@dataclass(frozen=True, slots=True)
class SwitchboardTools:
    """What all switchboards of a process share."""

    catalog: Catalog
    scope: ScopeTable
    ownership: OwnershipTable
    order_map: OrderMapFile
    new_lanes: Callable[[], Lanes]
    next_lane: Callable[[], int]
    """a lane number no other terminal session of the day has"""


LiveHook = Callable[["Switchboard"], Awaitable[None]]


class Switchboard:
    """The links of one counter session."""

    def __init__(self, session: CtpSession, tools: SwitchboardTools, *, on_live: LiveHook | None = None) -> None:
        self.session = session
        self._tools = tools
        self._on_live = on_live
        self._lanes = tools.new_lanes()
        self._links: dict[int, CtpLink] = {}
        self._pending = Pending()
        self._tasks = Tasks()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._template: Attached | None = None
        self._password_due = False
        self.ended = asyncio.Event()
        self.why_ended = reasons.counter_unavailable("not logged in yet")
        self.may_retry = True

    def __iter__(self) -> Iterator[CtpLink]:
        return iter(tuple(self._links.values()))

    # Links ---------------------------------------------------------------------------------------------------

    def add(self, session: str, identity: Identity, on_detach: Detach) -> CtpLink:
        """A link for one more terminal."""
        lane = self._lanes.open(identity, self._tools.next_lane())
        link = CtpLink(session, lane, self.call, on_detach)
        self._links[lane.session] = link
        if self._template is not None:
            link.attached = _attached_as(self._template, link)
        return link

    def remove(self, link: CtpLink) -> None:
        """The terminal is gone; idempotent."""
        self._pending.forget(link)
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
        self._first.cancel()

    # Down ----------------------------------------------------------------------------------------------------

    async def call(self, link: CtpLink, call: TerminalCall) -> CallOutcome:
        """Send one terminal's request; raises Refused."""
        self._refuse_if_not_ready(link, call.method)
        body = bytearray(call.body)
        _refuse(self._tools.scope.authorize(call.method, link.lane.identity, body))
        outgoing = self._lanes.outgoing(link.lane, call.method, body, call.client_order_key)
        if isinstance(outgoing, Refusal):
            raise Refused(outgoing)
        if outgoing.repeated:
            return CallOutcome(0, first_order_ref=outgoing.order_ref)
        try:
            self._tools.order_map.append(outgoing.entries)
        except OSError as error:
            self._lanes.retract(link.lane, outgoing)
            _log.error("order_map_unwritable", error=str(error))
            raise Refused(reasons.ledger_unavailable()) from None
        code, request_id = self.session.call(call.method, body)
        if code != 0:
            self._lanes.retract(link.lane, outgoing)
        else:
            self._pending.add(request_id, self._asked(link, call, body))
        return CallOutcome(code, order_ref=outgoing.order_ref)

    def _refuse_if_not_ready(self, link: CtpLink, method: Method) -> None:
        if self._password_due and method.name in _LEGAL_WHILE_PASSWORD_DUE:
            return
        if not self.session.live or not link.reported:
            raise Refused(call_reasons.not_bound())

    def _asked(self, link: CtpLink, call: TerminalCall, body: bytearray) -> Asked:
        password = ""
        if call.method.name == _PASSWORD_UPDATE:
            password = layout.get(self._tools.catalog.structs[call.method.struct], body, "NewPassword")
        return Asked(link, call.method, call.request_id, password)

    # Up ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            for item in await self.session.next_batch():
                if isinstance(item, RawEvent):
                    self._deliver(item)
                else:
                    await self._session_changed(item)

    def _deliver(self, event: RawEvent) -> None:
        if event.callback.shape in {Shape.RESPONSE, Shape.RESPONSE_ERROR}:
            self._answer(event)
        elif event.body is not None:
            self._notify(event, event.body)

    def _answer(self, event: RawEvent) -> None:
        error_id, error_msg = _rsp_info(event)
        asked = self._pending.answered(event.request_id, is_last=event.is_last)
        if asked is None:
            return
        if asked.new_password and error_id == 0 and event.callback.name == "OnRspUserPasswordUpdate":
            self.session.password_changed(asked.new_password)
        body = event.body
        if body is not None and not self._tools.ownership.belongs(event.callback, body, asked.link.lane.identity):
            body = None
            if not event.is_last:
                return
        if body is not None:
            body = self._lanes.show(event.callback, body)
        wire = event_bytes(
            event.callback,
            body,
            error_id=error_id,
            error_msg=error_msg,
            request_id=asked.request_id,
            is_last=event.is_last,
        )
        asked.link.put(CounterEvent(event.callback.name, wire, asked.request_id, error_id, event.is_last))

    def _notify(self, event: RawEvent, body: bytes) -> None:
        error_id, error_msg = _rsp_info(event)
        told: CounterEvent | None = None
        for lane, shown in self._lanes.incoming(event.callback, body):
            link = self._links.get(lane.session)
            if link is None:
                continue
            if told is None:
                wire = event_bytes(event.callback, shown, error_id=error_id, error_msg=error_msg)
                told = CounterEvent(event.callback.name, wire, error_id=error_id)
            link.put(told)

    # The session ---------------------------------------------------------------------------------------------

    async def _session_changed(self, item: SessionChange) -> None:
        match item:
            case SessionLive():
                await self._live(item)
            case SessionPasswordDue():
                self._due(item)
            case SessionRecovering(reason):
                self._lost(LinkStatus(LinkState.RECOVERING, reason))
            case SessionEnded():
                self._ended(item)

    async def _live(self, item: SessionLive) -> None:
        login = layout.unpack(self._tools.catalog.structs["RspUserLogin"], item.login)
        self._tools.order_map.begin(login["TradingDay"])
        if item.day_changed:
            self._lanes.start_day()
        elif self._template is None:
            self._lanes.restore(self._tools.order_map.load(self._only_investor()))
        self._password_due = False
        self._lanes.rebind(login["FrontID"], login["SessionID"], int(login["MaxOrderRef"].strip() or 0))
        self._template = Attached(
            trading_day=login["TradingDay"],
            login_time=login["LoginTime"],
            front_id=0,
            session_id=0,
            max_order_ref=0,
            app_type=item.app_type,
            system_name=login["SystemName"],
            report_return_code=item.report_return_code,
        )
        for link in self:
            link.attached = _attached_as(self._template, link)
        if self._on_live is not None:
            await self._on_live(self)
        if self._first.done():
            for link in self:
                if link.reported:
                    link.put(LinkStatus(LinkState.LIVE, "", link.attached, item.day_changed))
        else:
            self._first.set_result(None)

    def _only_investor(self) -> str | None:
        links = tuple(self)
        return links[0].lane.identity.investor_id if self._on_live is None and len(links) == 1 else None

    def _due(self, item: SessionPasswordDue) -> None:
        self._password_due = True
        for link in self:
            link.attached = Attached("", "", link.lane.front, link.lane.session, 0, "", "", 0, item.error_id)
        if not self._first.done():
            self._first.set_result(None)

    def _lost(self, status: LinkStatus) -> None:
        self._lanes.unbind()
        for asked in self._pending.drain():
            _log.info("unanswered", method=asked.method.name, session=asked.link.session)
        for link in self:
            link.put(status)

    def _ended(self, item: SessionEnded) -> None:
        refusal = _refusal_of(item)
        self._lost(LinkStatus(LinkState.ENDED, f"{refusal.reason}: {refusal.message}"))
        self.why_ended = refusal
        self.may_retry = item.code == 0
        self.ended.set()
        if not self._first.done():
            self._first.set_exception(Refused(refusal))
            self._first.exception()  # many-to-one does not wait for it


def _attached_as(template: Attached, link: CtpLink) -> Attached:
    """The login's answer as this terminal sees it: with its lane's own front, session and references."""
    return Attached(
        trading_day=template.trading_day,
        login_time=template.login_time,
        front_id=link.lane.front,
        session_id=link.lane.session,
        max_order_ref=link.lane.max_order_ref,
        app_type=template.app_type,
        system_name=template.system_name,
        report_return_code=template.report_return_code,
    )


def _refusal_of(item: SessionEnded) -> Refusal:
    if item.step == "report":
        return reasons.report_refused(item.code)
    if item.step in {"authenticate", "login"} and item.code:
        return reasons.counter_refused(item.code, item.text)
    return reasons.counter_unavailable(item.text)


def _rsp_info(event: RawEvent) -> tuple[int, bytes]:
    """(ErrorID, ErrorMsg up to its NUL); (0, b"") where the API passed NULL."""
    if event.rsp_info is None:
        return 0, b""
    return int.from_bytes(event.rsp_info[:4], "little", signed=True), event.rsp_info[4:].partition(b"\0")[0]


def _refuse(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise Refused(refusal)
