"""Requests on their way down: whose identity, which references, when to send, and the API call itself.

A request is authorized when it comes and gets its references when it is sent, so that the counter sees them
increase whatever the queue did in between. Nothing that carries an order is ever sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

import structlog

from ctpabi.codec import layout
from relay.alarms import AlarmName
from relay.counter.ctp.event_router import Lost
from relay.counter.ctp.link import CtpCall, CtpLink
from relay.counter.ctp.pending import Asked, Pending
from relay.counter.ctp.session import CtpSession
from relay.counter.ctp.tools import SwitchboardTools
from relay.counter.port import CallOutcome
from relay.domain.lane_requests import Outgoing
from relay.domain.lanes import Lanes
from relay.domain.order_keys import FirstOrder
from relay.domain.pacing import Outcome, Pacer, PacingLimits, Stage, Ticket
from relay.domain.query_lane import Unanswered
from relay.domain.scope_table import Priority
from relay.domain.waiting_orders import WaitingOrders
from relay.refusals import call_reasons, relay_reasons
from relay.refusals.refusal import Refusal, Refused

_log = structlog.get_logger(__name__)
_OWN_SECONDS = 10.0
PASSWORD_UPDATE = "ReqUserPasswordUpdate"  # noqa: S105 - a method's name


@dataclass(slots=True)
class _Waiting:
    """What a ticket carries."""

    call: CtpCall
    body: bytearray
    asked: Asked
    sent: asyncio.Future[CallOutcome] = field(repr=False)


class RequestDesk:
    """The way down of one counter session."""

    def __init__(
        self,
        session: CtpSession,
        tools: SwitchboardTools,
        lanes: Lanes,
        pending: Pending,
        unanswered: Callable[[Asked, Lost], None],
    ) -> None:
        """`unanswered` is told of a request that was sent and will have no answer."""
        self._session = session
        self._catalog = tools.catalog
        self._scope = tools.scope
        self._order_map = tools.order_map
        self._day_use = tools.day_use
        self._lanes = lanes
        self._pending = pending
        self._unanswered = unanswered
        self._alarms = tools.alarms
        self._lane_is_dead = False
        self._held = Unanswered()
        self._pacer = Pacer(PacingLimits())
        self._orders: WaitingOrders[Ticket] = WaitingOrders()
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    def prepare(self, link: CtpLink, call: CtpCall) -> bytearray:
        """The request's struct with this terminal's identity written into it; raises Refused."""
        body = bytearray(call.body)
        refusal = self._scope.authorize(call.method, link.lane.identity, body)
        if refusal is not None:
            raise Refused(refusal)
        return body

    def hold_to_limits(self, link: CtpLink, call: CtpCall) -> None:
        """One terminal must not use up what all share, also where the relay itself answers; raises Refused."""
        rule = self._scope.rule(call.method)
        _hold_to_limits(link, rule.priority if rule else Priority.OTHER, self._loop.time())

    async def send(
        self, call: CtpCall, body: bytearray, asked: Asked, queued: Callable[[], None] = lambda: None
    ) -> CallOutcome:
        """Wait for the request's turn and send it; raises Refused, e.g. when its time runs out first.

        `queued` is called when the request's place is taken: what is sent after that comes after it.
        """
        rule = self._scope.rule(call.method)
        priority = rule.priority if rule else Priority.OTHER
        now = self._loop.time()
        if priority is Priority.QUERY and (left := self._held.seconds_left(_question(asked), now)):
            raise Refused(call_reasons.query_not_answered(name=call.method.name, seconds=left))
        if await self._cancelled_here(asked.link, call, body, queued):
            return CallOutcome(0)
        waiting = _Waiting(call, body, asked, self._loop.create_future())
        ticket = Ticket(asked.link, priority, now + call.valid_for, payload=waiting)
        ahead = self._pacer.submit(ticket)
        if isinstance(ahead, Refusal):
            raise Refused(ahead)
        self.pump()
        if ticket.stage is Stage.WAITING and priority is Priority.ORDER:
            self._orders.add(ticket, self._lanes.waiting_names(asked.link.lane, call.method, body))
        queued()
        outcome = await waiting.sent
        if not ahead:
            return outcome
        waited = round((self._loop.time() - now) * 1000)
        return replace(outcome, queue_position=ahead, waited_milliseconds=waited)

    async def _cancelled_here(self, link: CtpLink, call: CtpCall, body: bytearray, queued: Callable[[], None]) -> bool:
        """Whether a cancel's order still waited here and was taken out; nothing is to be sent then.

        An action that cannot end the order like that waits until the order is sent, or is not sent for another reason.
        """
        named = self._lanes.named_by(link.lane, call.method, body)
        if named is None:
            return False
        waiting = [
            ticket for ticket in self._orders.named(named.name) if _investor(ticket) == link.lane.identity.investor
        ]
        if not waiting:
            return False
        if named.ends_it and all(self._orders.is_own(ticket, named.name) for ticket in waiting):
            for ticket in waiting:
                self._pacer.withdraw(ticket)
                self._turn_away(ticket, call_reasons.cancelled_before_sent())
            return True
        futures = [_waiting(ticket).sent for ticket in waiting]
        queued()
        _, unsent = await asyncio.wait(futures, timeout=call.valid_for)
        if unsent:
            raise Refused(call_reasons.deadline_passed())
        return False

    async def ask_itself(self, link: CtpLink, method_name: str) -> int:
        """Send an otherwise empty request in this terminal's name; returns the answer's ErrorID, -1 without one."""
        method = self._catalog.methods[method_name]
        call = CtpCall(method, bytes(self._catalog.structs[method.struct].size), 0, _OWN_SECONDS)
        done: asyncio.Future[int] = self._loop.create_future()
        outcome = await self.send(call, self.prepare(link, call), Asked(link, method, 0, done=done))
        if outcome.return_code != 0:
            return -1
        try:
            return await asyncio.wait_for(done, _OWN_SECONDS)
        except TimeoutError:
            return -1

    def limits(self, queries_per_second: int, packages_per_second: int) -> None:
        """What this login's front allows; 0 is unlimited."""
        self._pacer.limit(PacingLimits(queries_per_second=queries_per_second, packages_per_second=packages_per_second))

    def answered(self, request_id: int, *, is_last: bool, error_id: int) -> bool:
        """An answer came; False: the query is sent again and nobody is told. Call `pump` when it was handled."""
        return self._pacer.answered(request_id, self._loop.time(), is_last=is_last, error_id=error_id)

    def heard(self, asked: Asked) -> None:
        """A request was answered to its end."""
        self._held.answered(_question(asked))

    def drop(self, link: CtpLink, refusal: Refusal) -> None:
        """The terminal, or the session it waited for, is gone: nothing of it is sent any more."""
        for ticket in self._pacer.drop(link):
            self._turn_away(ticket, refusal)

    def disconnected(self) -> None:
        """The counter session broke: no query is in flight any more."""
        self._pacer.disconnected()

    def pump(self) -> None:
        """Send everything whose turn it is; set the alarm for the rest."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while True:
            step = self._pacer.next(self._loop.time())
            for ticket in step.expired:
                self._turn_away(ticket, call_reasons.deadline_passed(), Lost.LATE)
            if step.unanswered is not None:
                self._give_up(step.unanswered)
            if step.send is None:
                break
            self._send(step.send)
        times = [at for at in (step.wake_at, self._look_at_lane()) if at is not None]
        if times:
            self._alarm = self._loop.call_at(min(times), self.pump)

    def _give_up(self, ticket: Ticket) -> None:
        """A query that the counter did not answer in time."""
        asked = self._pending.answered(ticket.request_id, is_last=True)
        if asked is not None:
            self._held.gave_up(_question(asked), self._loop.time())
            self._unanswered(asked, Lost.LATE)

    def _look_at_lane(self) -> float | None:
        """Renew the session where the API takes no query any more; returns when to look again."""
        now = self._loop.time()
        at = self._pacer.lane.renew_at(now)
        if at is not None and not self._lane_is_dead:
            self._alarms.sound(AlarmName.QUERY_LANE_DEAD, session=self._session.name)
        self._lane_is_dead = at is not None
        if at is None or at > now:
            return at
        self._pacer.lane.renewed(now)
        self._session.renew("查询通道无响应, 重建柜台会话 / no query is answered any more: the session is renewed")
        return None

    def close(self) -> None:
        """No more alarms."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _send(self, ticket: Ticket) -> None:
        waiting = _waiting(ticket)
        self._orders.remove(ticket)
        if waiting.sent.cancelled():
            self._pacer.returned(ticket, -1, self._loop.time())
            return
        body = bytearray(waiting.body)  # a query may be sent again, and then begins with what its terminal wrote
        try:
            outgoing = self._write_references(waiting, body)
        except Refused as refused:
            self._not_sent(ticket, refused.refusal)
            return
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("request_not_rewritten", method=waiting.call.method.name)
            self._not_sent(ticket, call_reasons.relay_fault())
            return
        if outgoing.first is not None:
            self._pacer.returned(ticket, -1, self._loop.time())
            waiting.sent.set_result(repeated(outgoing.first))
            return
        self._call(ticket, waiting, body, outgoing)

    def _call(self, ticket: Ticket, waiting: _Waiting, body: bytearray, outgoing: Outgoing) -> None:
        ticket.request_id = self._session.next_request_id()
        # Known before the call: the answer may come on the vendor's thread before the call returns.
        self._pending.add(ticket.request_id, waiting.asked, outgoing.entries)
        try:
            code = self._session.call(waiting.call.method, body, ticket.request_id)
        except Exception:  # noqa: BLE001 - the same
            # It may have been sent: its references stay used, so that what comes back is still its terminal's.
            _log.exception("api_call_failed", method=waiting.call.method.name)
            self._pending.answered(ticket.request_id, is_last=True)
            self._not_sent(ticket, call_reasons.outcome_unknown())
            return
        outcome = self._pacer.returned(ticket, code, self._loop.time())
        if outcome is not Outcome.SENT:
            self._pending.answered(ticket.request_id, is_last=True)
            self._lanes.retract(waiting.asked.link.lane, outgoing)
            self._order_map.retract(outgoing.entries)
        if outcome is Outcome.REQUEUED:
            return
        if not waiting.sent.done():
            waiting.sent.set_result(CallOutcome(code, order_ref=outgoing.order_ref))
        elif outcome is Outcome.FAILED:
            self._unanswered(waiting.asked, Lost.UNSENT)

    def _write_references(self, waiting: _Waiting, body: bytearray) -> Outgoing:
        """The lane's references become the counter's, and are kept on disk before the order is sent."""
        lane, used = waiting.asked.link.lane, self._lanes.used
        outgoing = self._lanes.outgoing(lane, waiting.call.method, body, waiting.call.client_order_key)
        if isinstance(outgoing, Refusal):
            raise Refused(outgoing)
        try:
            self._order_map.append(outgoing.entries)
        except OSError:
            self._lanes.retract(lane, outgoing)
            raise Refused(relay_reasons.order_map_unavailable()) from None
        except Exception:
            self._lanes.retract(lane, outgoing)
            raise
        if percent := self._day_use.inserted(used, self._lanes.used):
            self._alarms.sound(AlarmName.ORDERS_RUN_OUT, percent=percent, limit=self._day_use.total)
        return outgoing

    def _not_sent(self, ticket: Ticket, refusal: Refusal) -> None:
        self._pacer.returned(ticket, -1, self._loop.time())
        self._turn_away(ticket, refusal)

    def _turn_away(self, ticket: Ticket, refusal: Refusal, lost: Lost = Lost.BROKEN) -> None:
        """The request is not sent: whoever asked hears of it, once."""
        waiting = _waiting(ticket)
        self._orders.remove(ticket)
        if waiting.sent.cancelled():
            return
        if waiting.sent.done():
            # Sent before and put back because the counter asked for a retry: by now an answer is waited for.
            self._unanswered(waiting.asked, lost)
        else:
            waiting.sent.set_exception(Refused(refusal))

    def new_password(self, call: CtpCall, body: bytearray) -> str:
        """What a password change would make the password; empty for every other request."""
        if call.method.name != PASSWORD_UPDATE:
            return ""
        return str(layout.get(self._catalog.structs[call.method.struct], body, "NewPassword"))


def _waiting(ticket: Ticket) -> _Waiting:
    if not isinstance(ticket.payload, _Waiting):
        raise TypeError("a ticket of another desk")
    return ticket.payload


def _investor(ticket: Ticket) -> bytes:
    return _waiting(ticket).asked.link.lane.identity.investor


def repeated(first: FirstOrder) -> CallOutcome:
    """An order whose key named another before: nothing is sent."""
    return CallOutcome(0, first_order_ref=first.order_ref, first_front_id=first.front, first_session_id=first.session)


def _question(asked: Asked) -> Hashable:
    """What is asked, by which of all terminals; what is public is asked for all."""
    return asked.cache_key or (asked.link.lane.identity.investor, asked.method.name)


def not_ready(link: CtpLink, *, live: bool) -> Refusal | None:
    """Why nothing can be sent for this terminal now."""
    return None if live and link.reported else relay_reasons.counter_unavailable(why="not logged in")


def _hold_to_limits(link: CtpLink, priority: Priority, now: float) -> None:
    """One terminal must not use up what all share; raises Refused."""
    match priority:
        case Priority.CANCEL | Priority.ORDER:
            window, what, most = link.orders, "orders 报撤单", link.limits.orders
        case Priority.QUERY:
            window, what, most = link.queries, "queries 查询", link.limits.queries
        case _:
            return
    if window.free_at(now) > now:
        raise Refused(call_reasons.too_fast(what=what, most=most))
    window.take(now)
