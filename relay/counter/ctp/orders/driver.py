"""Does for one counter session what its `OrderRouter` decides: the API, the order map, timers, and terminals' futures.

Feed, then carry out. Whatever comes (a call, an event, an answer of the firm's other processes, a timer) is fed to the router; `pump`
then sends what may be sent, does what came out, and sets the one timer for the rest. Nothing between feeding and the end of `pump` waits, so
that the calls of one terminal keep their order by construction. What must wait for another machine is a task, which feeds its answer.

What the API says is fed in the moment in which the session has it, and what terminals get of it is given to them in the
same moment: a turn of the event loop costs an order more than all that is decided about it. The task `_run` has what
takes longer, a login say, or more than one slice of events; while it works, everything waits for it in order.

A refusal is a value up to here. It becomes an exception in `submit`'s future, and in what a login waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Final

import structlog

from ctpabi.api.spi import RawEvent
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.orders import outputs
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.orders.checks import OWN_SECONDS
from relay.counter.ctp.orders.firm import FirmQuestions
from relay.counter.ctp.orders.link import NOT_ATTACHED, SLICE_SECONDS, CtpLink, Detach, HandingOver
from relay.counter.ctp.orders.order_notes import OrderNotes
from relay.counter.ctp.orders.router import OrderRouter
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session import events
from relay.counter.ctp.session.session import CtpSession
from relay.counter.outgoing import OutgoingItems
from relay.counter.port import Attached, CallOutcome, LinkCause, LinkState, LinkStatus, TerminalCall
from relay.logs.alarms import AlarmName
from relay.refusals import call_reasons, relay_reasons, stream_reasons
from relay.refusals.login_advice import password_due_advice
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log: Final = structlog.get_logger(__name__)
_IN_A_MOMENT: Final = 16
"""events; some 0.2 ms"""
_RENEWAL: Final = "查询通道无响应，重建柜台会话 / no query is answered any more: the session is renewed"

LiveHook = Callable[["OrderDriver"], Awaitable[None]]


class OrderDriver:
    """The links of one counter session: in many-to-many there is one, in many-to-one there are all of them."""

    def __init__(self, session: CtpSession, tools: DriverTools, *, on_live: LiveHook | None = None) -> None:
        """`on_live` makes it a shared one: it is awaited after every login, before anything is sent or told."""
        self.session = session
        self._tools = tools
        self._on_live = on_live
        self._router = OrderRouter(
            tools.tables,
            tools.new_lanes(),
            operator_id=session.steps.credentials.user_id if on_live is not None else "",
            has_firm=tools.order_map.shared is not None,
            is_live=lambda: session.live,
            next_request_id=session.next_request_id,
        )
        self._notes = OrderNotes(tools.trail, tools.tables.catalog, self._router.lanes)
        self._firm = FirmQuestions(tools.order_map.shared, self._router, self.pump)
        self._links: dict[RouterLink, CtpLink] = {}
        self._results: dict[OpenCall, asyncio.Future[CallOutcome]] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()
        self._first: asyncio.Future[None] = self._loop.create_future()
        self._work = asyncio.Event()
        self._rests = False
        """whether `_run` has nothing to do: then what comes is fed at once"""
        self._fault: Exception | None = None
        self.handing = HandingOver(tools.turns, self._router.notices.shared, self._links.values())
        self._login: Attached | None = None
        self.logins = 0
        """how often the session went live: what was reported during an earlier login does not stand in this one"""
        self.ended = asyncio.Event()
        self.why_not = relay_reasons.counter_unavailable(why="not logged in yet")
        """why nobody can log in, while the session is not live"""

    def __iter__(self) -> Iterator[CtpLink]:
        return iter(tuple(self._links.values()))

    @property
    def used(self) -> int:
        """How many references of the day are used."""
        return self._router.lanes.used

    # Links ---------------------------------------------------------------------------------------------------

    def add(self, name: str, identity: Identity, on_detach: Detach, *, from_now: bool) -> CtpLink:
        """A link for one more terminal; with the day's notices waiting in it, unless `from_now`."""
        number, limits, items = self._tools.next_lane(), self._tools.limits, OutgoingItems()
        route = self._router.open_link(name, identity, number, limits, items, from_now=from_now)
        self._notes.opened(route)
        link = self._links[route] = CtpLink(self, route, on_detach, self._tools)
        if link.lost_history:
            _log.warning("day_notices_incomplete", investor=identity.investor_id, session=name)
        if self._login is not None:
            link.see(self._login)
        self.pump()
        return link

    async def recall(self, investor_id: str) -> None:
        """Know what other processes of the firm sent for this investor today, before its terminal is told anything."""
        self._router.lanes.recall(await self._firm.of_investor(investor_id))

    def remove(self, link: CtpLink) -> None:
        """The terminal is gone; idempotent."""
        self._router.close_link(link.route, self._loop.time())
        self._links.pop(link.route, None)
        self.pump()

    def start(self) -> None:
        """Begin to take events from the session."""
        self.session.on_items = self._came
        self._tasks.start(self._run(), f"orders of {self.session.name}")

    async def first_login(self) -> None:
        """Wait until the session is live for the first time, or waits for a password; raises Refused."""
        await asyncio.shield(self._first)

    async def stop(self) -> None:
        """Take no more events, and let go of the day: what knows this one may stay until the collector looks at everything."""
        self._rests = False
        await self._tasks.cancel()
        await self._firm.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._first.cancel()
        self._router.start_day()

    # Down ----------------------------------------------------------------------------------------------------

    def submit(self, link: CtpLink, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        """One terminal's request; see `port.CounterLink.submit`."""
        try:
            made = self._router.submit(link.route, call, self._loop.time())
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("request_not_taken", session=link.session)
            made = call_reasons.relay_fault()
        if isinstance(made, OpenCall):
            return self._wait_for(made)
        result: asyncio.Future[CallOutcome] = self._loop.create_future()
        result.set_exception(Refused(made))
        return result

    def _wait_for(self, call: OpenCall) -> asyncio.Future[CallOutcome]:
        call.taken_at, result = perf_counter(), self._loop.create_future()
        self._results[call] = result
        self.pump()
        if not result.done():
            result.add_done_callback(partial(self._given_up, call))
        return result

    def _given_up(self, call: OpenCall, result: asyncio.Future[CallOutcome]) -> None:
        if result.cancelled():
            self._router.give_up(call, self._loop.time())
            self.pump()

    async def ask_itself(self, link: CtpLink, method_name: str) -> int:
        """Send an otherwise empty request in this terminal's name; the answer's ErrorID, or less than 0 without one."""
        method = self._tools.tables.catalog.methods[method_name]
        call = self._router.ask_itself(link.route, method, self._loop.time())
        if isinstance(call, Refusal):
            raise Refused(call)
        try:
            async with asyncio.timeout(2 * OWN_SECONDS):
                return (await self._wait_for(call)).return_code
        except TimeoutError:
            return NEVER_ANSWERED

    def pump(self) -> None:
        """Send everything whose turn it is, do what the router wants done, and set the timer for the rest."""
        while (call := self._router.next(self._loop.time())) is not None:
            self._send(call)
        for output in self._router.take():
            self._carry_out(output)
        if self._timer is not None:
            self._timer.cancel()
        at = self._router.wake_at
        self._timer = None if at is None else self._loop.call_at(at, self.pump)

    def _send(self, call: OpenCall) -> None:
        result = self._results.get(call)  # it had its result where it is sent again
        if result is not None and result.cancelled():  # and `_given_up` has yet to hear of it
            self._router.not_sent(call, stream_reasons.session_gone(), self._loop.time())
            return
        if (body := self._written(call)) is None:
            return
        now, written = self._loop.time(), call.body
        try:
            code = self.session.call(call.method, body, call.request_id)
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            self._notes.sent(call, written, body, None)
            # It may have been sent: its references stay used, so that what comes back is still its terminal's.
            _log.exception("api_call_failed", method=call.method.name)
            self._count(call)
            self._router.not_sent(call, call_reasons.outcome_unknown(), now, for_sure=False)
            return
        self._tools.sent(call, code)
        if code == 0:
            self._count(call)
        else:
            self._tools.order_map.retract(call.outgoing.entries)
        self._notes.sent(call, written, body, code)
        self._router.returned(call, code, now)

    def _count(self, call: OpenCall) -> None:
        """Its references stay used for the day."""
        if more := len(call.outgoing.entries):
            self._tools.ordered(self._router.lanes.used - more, self._router.lanes.used)

    def _written(self, call: OpenCall) -> bytearray | None:
        """Its bytes, once its references are kept on disk; None where it is not to be sent."""
        now = self._loop.time()
        try:
            if (body := self._router.write(call, now)) is not None:
                self._tools.order_map.append(call.outgoing.entries)
        except OSError:
            self._router.not_sent(call, relay_reasons.order_map_unavailable(), now)
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("request_not_rewritten", method=call.method.name)
            self._router.not_sent(call, call_reasons.relay_fault(), now)
        else:
            return body
        return None

    def _carry_out(self, output: outputs.Output) -> None:
        match output:
            case outputs.CallResult(call, result):
                self._give(call, result)
            case outputs.AskFirm():
                self._firm.ask(output)
            case outputs.NewPassword(password):
                self.session.password_changed(password)
            case outputs.LaneIsDead():
                self._tools.alarms.sound(AlarmName.QUERY_LANE_DEAD, session=self.session.name)
            case outputs.RenewSession():
                self.session.renew(_RENEWAL)
            case outputs.Warned(event, facts):
                _log.warning(event, **facts)

    def _give(self, call: OpenCall, result: CallOutcome | Refusal) -> None:
        is_sent = isinstance(result, CallOutcome) and result.return_code == 0
        self._firm.end(call, sent=is_sent, then=partial(_set, self._results.pop(call, None), result))

    # Up ------------------------------------------------------------------------------------------------------

    def _came(self) -> None:
        """The session has items: what the API said is fed at once, for one slice; the rest is for `_run`."""
        if not self._rests:
            return
        try:
            self._rests = isinstance(self.session.items[0], RawEvent) and self._feed()
        except Exception as error:  # noqa: BLE001 - `_run` raises it
            self._rests, self._fault = False, error
        if not self._rests:
            self._work.set()

    def _feed(self) -> bool:
        """Feed what the API said, up to the next change of the session, for one slice; whether nothing is left."""
        now = self._loop.time()
        until = now + SLICE_SECONDS  # a day's replay, or an answer of thousands of rows: others have their turn
        self.handing.begin()
        try:
            while now < until and self._feed_some(now):
                now = self._loop.time()
            self.pump()
        finally:
            self.handing.end()
        return not self.session.items

    def _feed_some(self, now: float) -> bool:
        """Feed what the API said, but no more than takes a moment; whether there may be more."""
        items = self.session.items
        for _ in range(_IN_A_MOMENT):
            if not items or not isinstance(event := items[0], RawEvent):
                break
            items.popleft()
            if event.rsp_info is not None:  # it may refuse an order: after the number that the order got before
                self._notes.look_for_numbers()
                self._notes.heard(event)
            self._router.event(event, now)
        else:
            self._notes.look_for_numbers()
            return True
        self._notes.look_for_numbers()
        return False

    async def _run(self) -> None:
        try:
            while True:
                while items := self.session.items:
                    if isinstance(first := items[0], RawEvent):
                        self._feed()
                        await asyncio.sleep(0)
                    else:
                        items.popleft()
                        await self._session_changed(first)
                        self.pump()
                await self._rest()
        except Refused as refused:  # a full disk, say
            self._end(refused.refusal, LinkCause.RELAY_FAULT)
        except Exception:
            self._end(events.fault().refusal, LinkCause.RELAY_FAULT)
            raise

    async def _rest(self) -> None:
        self._rests = True
        await self._work.wait()
        self._work.clear()
        if self._fault is not None:
            raise self._fault

    async def _session_changed(self, item: events.SessionChange) -> None:
        match item:
            case events.SessionLive():
                await self._live(item)
            case events.SessionPasswordDue(error_id, _):
                self._due(error_id)
            case events.SessionRecovering():
                self.why_not = item.refusal
                self._router.lost(LinkStatus(LinkState.RECOVERING, item.reason, cause=item.cause), self._loop.time())
            case events.CounterSessionEnded():
                self._end(item.refusal, item.cause)

    async def _live(self, item: events.SessionLive) -> None:
        login = item.attached
        self._tools.clock.answered(login.login_time)
        await self._begin_day(login.trading_day, changed=item.day_changed)
        self._router.logged_in(login, self.session.front_info(), self._loop.time())
        self._login, self.logins = login, self.logins + 1
        for link in self:
            link.see(login)
        if self._on_live is not None:
            await self._on_live(self)
        if not self._first.done():
            self._first.set_result(None)
            return
        for link in self:
            if link.route.reported:
                link.put(LinkStatus(LinkState.LIVE, "", link.attached, item.day_changed))

    async def _begin_day(self, trading_day: str, *, changed: bool) -> None:
        is_read = True
        try:
            self._tools.order_map.begin(self._notes.begin_day(trading_day))
        except OSError as error:
            _log.error("order_map_unreadable", error=str(error))
            is_read = False
        if not is_read:
            raise Refused(relay_reasons.order_map_unavailable())
        if changed:
            self._router.start_day()
            self._tools.day_use.start_day()
        elif self._login is None:
            # Orders of this day's earlier life of the relay are known again, by whom they belong to.
            alone = next(iter(self), None) if self._on_live is None else None
            investor = alone.route.lane.identity.investor_id if alone is not None else None
            self._router.lanes.restore(self._tools.order_map.load(investor))
            if investor is not None:
                await self.recall(investor)

    def _due(self, error_id: int) -> None:
        self._router.password_due()
        why = f"password_due: {password_due_advice(error_id)}"
        for link in self:
            link.see(replace(NOT_ATTACHED, must_change_password=error_id))
            if self._first.done():
                link.put(LinkStatus(LinkState.RECOVERING, why, cause=LinkCause.PASSWORD_DUE))
        if not self._first.done():
            self._first.set_result(None)

    def _end(self, refusal: Refusal, cause: LinkCause) -> None:
        self.why_not = refusal
        self.ended.set()  # first of all: whoever keeps the session waits for it, also where the router has a fault
        self._router.lost(LinkStatus(LinkState.ENDED, refusal.told_text, cause=cause), self._loop.time())
        if not self._first.done():
            self._first.set_exception(Refused(refusal))
            self._first.exception()  # many-to-one does not wait for it
        self.pump()


def _set(future: asyncio.Future[CallOutcome] | None, result: CallOutcome | Refusal) -> None:
    if future is None or future.done():
        return  # the router asked by itself, or it was given up
    if isinstance(result, Refusal):
        future.set_exception(Refused(result))
    else:
        future.set_result(result)
