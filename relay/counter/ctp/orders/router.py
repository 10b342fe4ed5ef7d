"""Orders and everything else the terminals of one counter session ask: what to send when, and whose each event is.

Pure: no loop, clock, file or socket. `OrderDriver` feeds it and does what comes out of it.

What it keeps. A `RouterLink` for each terminal. `Lanes`: whose reference is whose at the counter. `Pacer`: what waits
to be sent, and when it may; `WaitingCalls` has it, and what waits for something else. `Answers`: the calls that may still be
answered, and who asked the same. `Notices`: what the day has brought, and in which order each terminal gets it.

What happens to a call, in this order:

1. `submit` checks it: whether the terminal may send now, whose it is (`scope`), its share of the second. It gets the
   terminal's identity here and nowhere else.
2. It stands in the link's line where the firm's other processes must be asked, or where one before it asks. So calls
   of one terminal keep their order.
3. A public question that is known or under way is answered at once. A cancel of an order that still waits here takes
   it out, and neither is sent; any other action on such an order follows it. Everything else goes to the pacer,
   or passes by it where nothing waits at all.
4. `next` gives the call whose turn it is, `write` its bytes with the counter's references. So the counter sees
   references increase, whatever waited how long. The driver stores the references, calls the API, and says what it
   `returned`.
5. `event` brings its answers. A query that the API or the counter did not take goes back to 4; an order never does.

Between any two calls of these methods it holds: an `OpenCall` whose result is due is parked, in the pacer, passing by it, or in
the driver's hands between `next` and `returned`, and in one of them only. `_give` gives the result, once. Where a call that had its
result cannot be sent again, its answer is what does not come, and `Answers.lose` says so. The API may answer on its own thread
before its call returns, so a call is known as unanswered before it is sent.

A terminal whose report does not stand at the counter sends nothing. A login makes reports anew, so `lost` takes them
away in a shared session; whoever makes them sets `RouterLink.reported`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Method, Shape
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.ctp.delivery.day_notices import DayNotices
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.orders import outputs
from relay.counter.ctp.orders.answers import Answers, Lost
from relay.counter.ctp.orders.calls import NO_BYTES, NOTHING_WRITTEN, OpenCall, RouterLink, repeated
from relay.counter.ctp.orders.checks import CallChecks
from relay.counter.ctp.orders.code_questions import CodeQuestions
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.notices import Notices
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.view import EventView
from relay.counter.ctp.orders.waiting_calls import WaitingCalls
from relay.counter.ctp.pacing.pacing import Outcome, PacingLimits, Step
from relay.counter.ctp.queries.query_lane import Unanswered
from relay.counter.outgoing import OutgoingItems
from relay.counter.port import Attached, CallOutcome, LinkState, LinkStatus, TerminalCall
from relay.refusals import call_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal

_ANSWERS: Final = Shape.RESPONSE, Shape.RESPONSE_ERROR


class OrderRouter:
    """The links and calls of one counter session."""

    def __init__(
        self,
        tables: RouterTables,
        lanes: Lanes,
        *,
        operator_id: str,
        has_firm: bool,
        is_live: Callable[[], bool],
        next_request_id: Callable[[], int],
    ) -> None:
        """With an operator the session is shared; with a firm some calls ask its other processes first.

        `is_live` says whether the session is logged in at this moment, `next_request_id` gives an nRequestID that no
        unanswered request of the session has.
        """
        self._tables = tables
        self.lanes = lanes
        self._checks = CallChecks(tables, is_live)
        self._is_shared = bool(operator_id)
        if self._is_shared:
            lanes.share(tables.catalog)
        self._codes = CodeQuestions(tables.catalog, self._checks.make_question, is_shared=self._is_shared)
        self._next_request_id = next_request_id
        self._out: list[outputs.Output] = []
        view = EventView(tables.messages, tables.ownership, lanes, operator_id)
        self._answers = Answers(tables.catalog, view, self._out)
        day = DayNotices(tables.catalog, tables.ownership, tables.known) if operator_id else None
        self.notices = Notices(tables, lanes, view, day)
        self._waiting = WaitingCalls(lanes, has_firm=has_firm)
        self._pacer = self._waiting.pacer
        self._held = Unanswered()
        self._links: dict[int, RouterLink] = {}
        self._was_live = False
        self.wake_at: float | None = None
        """when `next` has something to do, if nothing comes before; known once it had nothing to send"""

    def __iter__(self) -> Iterator[RouterLink]:
        return iter(tuple(self._links.values()))

    def take(self) -> list[outputs.Output]:
        """What is to be done, in order; each is given once."""
        taken = self._out.copy()
        self._out.clear()
        return taken

    # Links ---------------------------------------------------------------------------------------------------

    def open_link(
        self, name: str, identity: Identity, number: int, limits: LinkLimits, items: OutgoingItems, *, from_now: bool
    ) -> RouterLink:
        """A link for one more terminal, on lane `number`; with the day's notices in `items`, unless `from_now`."""
        link = RouterLink(name, self.lanes.open(identity, number), limits, items)
        self._links[number] = link
        self._tables.known.learn(identity.investor_id, identity.accounts)
        self.notices.open(link, from_now=from_now)
        return link

    def close_link(self, link: RouterLink, now: float) -> None:
        """The terminal is gone; idempotent."""
        if self._links.pop(link.lane.session, None) is None:
            return
        link.is_open = False
        link.line.clear()
        own = [call for call in link.unanswered if call.is_own]
        for call in (*self._waiting.of(link, in_line=True), *own):
            self._give(call, stream_reasons.session_gone(), now)
        self._answers.unanswered.forget(link)
        self.notices.close(link)
        self.lanes.close(link.lane)

    # Down: a call comes --------------------------------------------------------------------------------------

    def submit(self, link: RouterLink, call: TerminalCall, now: float) -> OpenCall | Refusal:
        """One terminal's request; its result comes out as `CallResult`. Ask `next` afterwards."""
        made = self._checks.checked(link, call, now)
        if isinstance(made, Refusal):
            return made
        if (refusal := made.begin_waiting(now)) is not None:
            return refusal
        if not link.line and self._waiting.ask_of_firm(made) is None:
            self._admit(made, now)
        elif self._waiting.stand_in_line(made):
            self._serve_line(link, now)
        return made

    def ask_itself(self, link: RouterLink, method: Method, now: float) -> OpenCall | Refusal:
        """An otherwise empty request in this terminal's name; its answer comes out as its `CallResult`."""
        made = self._checks.make_question(link, method, now)
        if isinstance(made, OpenCall):
            self._admit(made, now)
        return made

    def give_up(self, call: OpenCall, now: float) -> None:
        """The result is not waited for any more: what was not sent is not sent."""
        if call.result_due:
            self._give(call, stream_reasons.session_gone(), now)

    def firm_answered(
        self, ask: outputs.AskFirm, found: FirstOrder | Refusal | None, entry: MapEntry | None, now: float
    ) -> None:
        """What the other processes say: the order that the call's key named first, and the one that it names."""
        call = ask.call
        call.claimed = found is None and bool(ask.content)
        if entry is not None and entry.investor_id == call.link.lane.identity.investor_id:
            self.lanes.recall([entry])
        if found is not None:
            self._give(call, found if isinstance(found, Refusal) else repeated(found), now)
        else:
            self._leave_line(call, now)

    def _serve_line(self, link: RouterLink, now: float) -> None:
        """The first in line asks, or goes on; the next one follows when that was sent or has its place."""
        if not link.line or (first := link.line[0]).asks:
            return
        ask = self._waiting.ask_of_firm(first)
        first.asks = ask is not None
        if ask is not None:
            self._out.append(ask)
        else:
            self._leave_line(first, now)

    def _leave_line(self, call: OpenCall, now: float) -> None:
        if (refusal := self._checks.not_ready(call.link, call.method)) is not None:  # it was ready, before it waited
            self._give(call, refusal, now)
        else:
            self._waiting.take_out(call)
            self._admit(call, now)

    def _admit(self, call: OpenCall, now: float) -> None:
        """Answer it, park it behind the order it names, or put it into the pacer."""
        call.came_at = now
        if not self._codes.concern(call) and self._waiting.pass_by(call, now):
            return
        if self._answers.known(call):
            self._give(call, CallOutcome(0), now)
        elif call.priority is Priority.QUERY and (left := self._held.seconds_left(call.question, now)):
            self._give(call, call_reasons.query_not_answered(name=call.method.name, seconds=left), now)
        elif not self._acts_on_waiting(call, now):
            self._queue(call, now)

    def _acts_on_waiting(self, call: OpenCall, now: float) -> bool:
        """Whether it names orders that still wait here: a cancel takes them out, any other action follows them."""
        orders, ends_them = self._waiting.named_by(call)
        if orders and ends_them:
            for order in orders:
                self._give(order, call_reasons.cancelled_before_sent(), now)
            self._give(call, CallOutcome(0), now)
        elif orders:
            self._waiting.follow(call, orders)
        return bool(orders)

    def _queue(self, call: OpenCall, now: float) -> None:
        """It waits for its turn; behind a question of the relay's own, where it names what only the counter knows."""
        ahead, new = self._codes.ahead_of(call, now)
        if ahead:
            self._waiting.follow(call, ahead)
            for question in new:
                self._queue(question, now)
        elif (refusal := self._waiting.queue(call)) is not None:
            self._give(call, refusal, now)

    # Down: a call is sent ------------------------------------------------------------------------------------

    def next(self, now: float) -> OpenCall | None:
        """The call to send now: say `write`, and then `returned` or `not_sent`. Ask until there is none."""
        for late in self._waiting.expired(now):
            self._give(late, call_reasons.deadline_passed(), now)
        while (step := self._step(now)).send is None and self._waiting.lines:
            self._serve_line(self._waiting.lines.popleft(), now)
        if step.send is not None:
            return step.send
        self._waiting.name_orders()
        lane_at, wanted = self._waiting.look_at_lane(now)
        self._out += wanted
        times = step.wake_at, lane_at, self.notices.release(now), self._waiting.wake_at
        self.wake_at = min((at for at in times if at is not None), default=None)
        return None

    def _step(self, now: float) -> Step[OpenCall]:
        """What passes by, or what the pacer says; nothing expires any more at this moment."""
        while not self._waiting.passing:
            step = self._pacer.next(now)
            for call in step.expired:
                self._give(call, call_reasons.deadline_passed(), now, Lost.LATE)
            if step.unanswered is not None:
                self._held.gave_up(step.unanswered.question, now)
                self._give(step.unanswered, CallOutcome(NEVER_ANSWERED), now, Lost.LATE)
            if step.send is not None or not (step.expired or step.unanswered):
                return step
        return Step(self._waiting.passing.popleft())

    def write(self, call: OpenCall, now: float) -> bytearray | None:
        """Its bytes with the counter's references, which are in `outgoing`; None where nothing is to be sent."""
        call.outgoing = NOTHING_WRITTEN
        body = bytearray(call.body)  # a query may be sent again, and then begins with what its terminal wrote
        lane, refusal = call.link.lane, self._codes.confine(call, body)
        outgoing = refusal or self.lanes.outgoing(lane, call.method, body, call.order_key)
        if isinstance(outgoing, Refusal):
            self.not_sent(call, outgoing, now)
            return None
        if outgoing.first is not None:
            self._pacer.not_sent(call, for_sure=True)
            self._give(call, repeated(outgoing.first), now)
            return None
        call.outgoing = outgoing
        call.request_id = self._next_request_id()
        self._answers.unanswered.add(call)
        return body

    def returned(self, call: OpenCall, code: int, now: float) -> None:
        """What the API said to it."""
        outcome = self._pacer.returned(call, code, now)
        sent = CallOutcome(code, order_ref=call.outgoing.order_ref)
        if outcome is Outcome.SENT:
            if not call.is_question:
                call.body = NO_BYTES  # it is never sent again, and may be kept all day
            if not call.is_own:
                self._give(call, sent, now)
            return
        self._retract(call)
        if outcome is Outcome.FAILED:
            self._give(call, sent, now, Lost.UNSENT)

    def not_sent(self, call: OpenCall, refusal: Refusal, now: float, *, for_sure: bool = True) -> None:
        """The driver could not send it. Its references stay used unless that is `for_sure`."""
        self._pacer.not_sent(call, for_sure=for_sure)
        if for_sure:
            self._retract(call)
        self._give(call, refusal, now)

    def _retract(self, call: OpenCall) -> None:
        self._answers.unanswered.settle(call)
        self.lanes.retract(call.link.lane, call.outgoing)
        call.outgoing = NOTHING_WRITTEN

    def _give(self, call: OpenCall, result: CallOutcome | Refusal, now: float, why: Lost = Lost.BROKEN) -> None:
        """The call's result, and wherever it waited it waits no longer.

        It had one where it was sent and put back: then its answer does not come, and `why` says so.
        """
        self._waiting.take_out(call)
        failed = isinstance(result, Refusal) or result.return_code != 0
        if not call.result_due:
            if failed:
                self._answers.lose(call, why)
            return
        call.end_waiting()
        if call.is_own:
            self._codes.ended(call, result, now)
        if failed:
            self._answers.drop(call)
        if call.ahead and isinstance(result, CallOutcome):
            waited = round((now - call.came_at) * 1000)
            result = replace(result, queue_position=call.ahead, waited_milliseconds=waited)
        self._out.append(outputs.CallResult(call, result))
        for follower in self._waiting.followers(call):
            self._queue(follower, now)

    # Up ------------------------------------------------------------------------------------------------------

    def event(self, event: RawEvent, now: float) -> None:
        """One callback of the API that is no step of the session's own. Ask `next` afterwards."""
        callback, body = event.callback, event.body
        if callback.shape in _ANSWERS:
            self._answer(event, now)
        elif body is not None:
            if (read := self.lanes.read(callback, body)).order is not None:
                self._answers.unanswered.noticed(read.order)
            notice = Notice(callback, body) if event.rsp_info is None else Notice(callback, body, *event.error)
            self.notices.notify(notice, read, now)

    def _answer(self, event: RawEvent, now: float) -> None:
        request_id, is_last, error_id = event.request_id, event.is_last, event.error[0]
        call = self._answers.unanswered.find(request_id)
        is_answer = self._pacer.answered(request_id, now, is_last=is_last, error_id=error_id)
        if call is None:
            if event.callback.name == "OnRspError" and request_id == 0:
                self._answers.give_unasked(event, () if self._is_shared else self)
            return
        if is_last or not is_answer:
            self._answers.unanswered.settle(call)
        if not is_answer:
            return  # the pacer sends it again
        if is_last:
            self._held.answered(call.question)
        self._codes.learn(event)
        if not call.is_own:
            self._answers.give(call, event)
        elif is_last:
            self._give(call, CallOutcome(error_id), now)
        if call.new_password and error_id == 0:
            self._out.append(outputs.NewPassword(call.new_password))

    # The counter session -------------------------------------------------------------------------------------

    def start_day(self) -> None:
        """A new trading day begins with the login that follows."""
        self.lanes.start_day()
        self._codes.start_day()
        self.notices.start_day()

    def logged_in(self, login: Attached, front_info: tuple[int, int], now: float) -> None:
        """The session is live; `front_info` is how many queries and packages a second it stands, 0 unlimited."""
        self._answers.cache.forget()
        self._codes.logged_in()
        if not self._was_live:
            self.notices.logged_in(login.login_time, now)
        self._was_live, self._checks.password_due = True, False
        self.lanes.rebind(login.front_id, login.session_id, login.max_order_ref)
        queries, packages = front_info
        self._pacer.limit(PacingLimits(queries_per_second=queries, packages_per_second=packages))

    def password_due(self) -> None:
        """The login waits for another password: only its change may be sent."""
        self._checks.password_due = True

    def lost(self, status: LinkStatus, now: float) -> None:
        """The session broke or ended: what waits is refused, what was sent is not answered, then `status` is told."""
        self.lanes.unbind()
        self._pacer.disconnected()
        self.notices.broke(now)
        is_over = status.state is LinkState.ENDED  # then nothing answers any more, the firm neither
        for call in [call for link in self for call in self._waiting.of(link, in_line=is_over)]:
            self._give(call, relay_reasons.counter_unavailable(why="not logged in"), now)
        for call in self._answers.unanswered.drain():
            self._give(call, CallOutcome(NEVER_ANSWERED), now)
        for link in self:
            # A report stands in the login it was made in; in a shared session the next login needs another.
            link.reported = link.reported and not self._is_shared
            link.items.put(status)
