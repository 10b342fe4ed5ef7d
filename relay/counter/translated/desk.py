"""One account at a counter that is not CTP's: its terminals, the book of its day, and what they ask.

What is kept: `book`, the links of the account's terminals in this process, and for each order that was sent the future of
its answer. In many-to-many each link has a native session of its own, in many-to-one they share one; both feed this desk.

What may happen in which order: `add` a link; `rebuilt` after each login of a native session, with all that its counter
says of the day; in between `heard_order` and `heard_trade`, answers, and calls. A call is carried out in two steps. The first
does not wait, so the calls of one terminal are sent in their order: checked, on disk, given to the native session, and
its result set. The second waits for the answer, in a task. Before both, a call whose key the firm's other processes may know
waits for them in `key_lines`, with what its terminal sends behind it.

What holds between two events:

* A notice is encoded once and goes to every link of the account. An answer goes to who asked.
* An order is sent once. Where its answer is lost it is in doubt, and told as unknown. The next rebuild finds it by its
  number; where the counter has none that could be it, it is refused to its terminal. It is never sent again.
* A name that is on disk stays there unless nothing was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator

import structlog

from ctpabi.codec.text import encode
from relay.counter.ctp.identity.scope import Identity
from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.refs import RefSpace, greatest_ref, parse_ref
from relay.counter.port import CallOutcome, CounterEvent, NativeError, TerminalCall
from relay.counter.translated.book import AccountBook, Notice, shape_of
from relay.counter.translated.elsewhere import hear_of_elsewhere, name_elsewhere
from relay.counter.translated.key_lines import KeyLines
from relay.counter.translated.link import Detach, TranslatedLink
from relay.counter.translated.names import content_of, name_of
from relay.counter.translated.native import NativeSession, Row
from relay.counter.translated.questions import ask
from relay.counter.translated.reading import ReadCall
from relay.counter.translated.tools import LOST, DeskTools, TakenCall, in_slices
from relay.counter.translated.values import (
    AnswerLost,
    KnownOrder,
    NativeRefused,
    NewOrder,
    NotSent,
    OrderState,
    TradeState,
    Values,
)
from relay.counter.waiting import Waiting
from relay.refusals import call_reasons, relay_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
NOT_THERE = NativeError("", "未到达柜台，可重新报单 / the order did not reach the counter")


class AccountDesk:
    """Of one account in this process."""

    def __init__(self, broker_id: str, investor_id: str, tools: DeskTools) -> None:
        self.investor_id = investor_id
        self.book = AccountBook(broker_id, investor_id)
        self.front = tools.names.front
        self._tools = tools
        self._links: list[TranslatedLink] = []
        self._answers: dict[int, asyncio.Future[None]] = {}
        """by id of the order: done with its answer"""
        self._tasks = Tasks()
        self._lines = KeyLines(tools.names, self._carry_out_later, self._tasks)

    def __iter__(self) -> Iterator[TranslatedLink]:
        return iter(tuple(self._links))

    # Links ----------------------------------------------------------------------------------------------------

    def add(self, session: str, identity: Identity, native: NativeSession, on_detach: Detach) -> TranslatedLink:
        """A link for one more terminal; `welcome` it when it is logged in."""
        limits = self._tools.limits().by_class()
        link = TranslatedLink(session, identity, self, native, limits, Waiting(self._tools.figures), on_detach)
        link.lane = self._tools.next_lane()
        return link

    def welcome(self, link: TranslatedLink, *, from_now: bool) -> None:
        """It is logged in: from now on it hears everything, and first what happened today, unless `from_now`."""
        if len(self.book) and not from_now:
            link.put_later(self._made(self.book.day()))
        self._links.append(link)

    def remove(self, link: TranslatedLink) -> None:
        """The terminal is gone; idempotent."""
        if link in self._links:
            self._links.remove(link)
        self._lines.forget(link)

    async def stop(self) -> None:
        """Wait for no answer any more."""
        await self._tasks.cancel()

    # Up -------------------------------------------------------------------------------------------------------

    def begin_day(self, trading_day: str) -> bool:
        """Be at this day; whether it is another one than before. Raises Refused."""
        try:
            self._tools.names.begin(trading_day)
        except OSError:
            raise Refused(relay_reasons.order_map_unavailable()) from None
        before = self.book.trading_day
        if before == trading_day:
            return False
        self.book.begin_day(trading_day)
        return bool(before)

    def heard_order(self, state: OrderState) -> None:
        """The counter says this of an order of the account."""
        self._tell(self.book.order(state))

    def heard_trade(self, trade: TradeState) -> list[tuple[str, str]]:
        """The counter says this of a trade; returns its order (exchange, number) where that must be asked for first."""
        self._tell(self.book.trade(trade))
        contract = trade.exchange_id, trade.native_id
        return [] if self.book.numbered(*contract) is not None else [contract]

    def cancel_failed(self, exchange_id: str, native_id: str, error: NativeError) -> None:
        """The counter took a cancel of this order before, and says now that it failed."""
        order = self.book.numbered(exchange_id, native_id)
        if order is not None:
            for link in self._links:
                link.put(self._tools.events.notice("OnErrRtnOrderAction", self.book.action_values(order), error))

    def doubts(self) -> list[KnownOrder]:
        """Orders whose answer is lost: take them before the day is asked for, since what is sent later is not in it."""
        return [order for order in self.book.in_doubt() if id(order) not in self._answers]

    async def rebuilt(
        self, orders: Iterable[OrderState], trades: Iterable[TradeState], doubts: Iterable[KnownOrder] = ()
    ) -> None:
        """All that the counter says of the day, after a login: told as far as it is new, and these doubts are decided.

        In slices, between which others have their turn. Where the day changes meanwhile, the rest is of no day any more.
        """
        day = self.book.trading_day
        async for state in in_slices(orders):
            if self.book.trading_day == day:
                self.heard_order(state)
        async for trade in in_slices(trades):
            if self.book.trading_day == day:
                self.heard_trade(trade)
        nameless = self.book.nameless_shapes()
        for order in doubts:
            if order.in_doubt and shape_of(order.state) not in nameless:
                self._refused_order(order, NOT_THERE)

    def _tell(self, notices: Iterable[Notice]) -> None:
        for event in self._encoded(notices):
            for link in self._links:
                link.put(event)

    def _encoded(self, notices: Iterable[Notice]) -> list[CounterEvent]:
        return list(self._made(notices)) if self._links else []

    def _made(self, notices: Iterable[Notice]) -> Iterator[CounterEvent]:
        return (self._tools.events.notice(callback, values) for callback, values in notices)

    # Down -----------------------------------------------------------------------------------------------------

    def submit(self, link: TranslatedLink, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        """One terminal's request; see `port.CounterLink.submit`."""
        read = self._tools.reader.read(call, link.identity)
        if isinstance(read, Refusal):
            return _refused(read)
        pending = TakenCall(link, call, read)
        refusal = self._why_not(link, read, call) or link.limits[read.request_class].take(_now())
        if refusal is not None:
            return _refused(refusal)
        pending.result.add_done_callback(lambda _: _left(link, read))
        if not self._lines.takes(pending):
            self._carry_out(pending)
        return pending.result

    def _why_not(self, link: TranslatedLink, read: ReadCall, call: TerminalCall) -> Refusal | None:
        if not link.is_open:
            return stream_reasons.session_gone()
        if not link.native.live:
            return relay_reasons.counter_unavailable(why="not logged in")
        if read.is_question and call.request_id in link.questions:
            return call_reasons.request_id_in_use(request_id=call.request_id)
        return None

    def _carry_out_later(self, pending: TakenCall) -> None:
        """It waited, and could be carried out before it did."""
        refusal = self._why_not(pending.link, pending.read, pending.call)
        if refusal is not None:
            pending.refused(refusal)
        else:
            self._carry_out(pending)

    def _carry_out(self, pending: TakenCall) -> None:
        try:
            self._begin(pending)
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("request_not_taken", session=pending.link.session)
            pending.refused(call_reasons.outcome_unknown())

    def _begin(self, pending: TakenCall) -> None:
        match pending.read.method:
            case "ReqOrderInsert":
                self._insert(pending)
            case "ReqOrderAction":
                self._cancel(pending)
            case _:
                pending.link.questions.add(pending.call.request_id)
                self._tasks.start(ask(self._tools, pending, self._shown), f"query of {pending.link.session}")

    # Orders ---------------------------------------------------------------------------------------------------

    def _insert(self, pending: TakenCall) -> None:
        link, call, values = pending.link, pending.call, pending.read.values
        content = content_of(values) if call.client_order_key else b""
        if call.client_order_key:
            first = self._tools.names.first(self.investor_id, call.client_order_key, content)
            if isinstance(first, Refusal):
                pending.refused(first)
                return
            if first is not None:
                pending.repeated(first)
                return
        ref = self._reference(link, values)
        refusal = (
            ref
            if isinstance(ref, Refusal)
            else self._tools.no_room(self.investor_id) or link.native.check_order(values)
        )
        if isinstance(ref, Refusal) or refusal is not None:
            pending.refused(refusal or call_reasons.relay_fault())
            return
        self._send(pending, ref, content)

    def _reference(self, link: TranslatedLink, values: Values) -> int | Refusal:
        """The terminal's OrderRef, or the next one of its own."""
        given = parse_ref(encode(values["OrderRef"]))
        if given is None:
            return call_reasons.reference_malformed(field="OrderRef")
        if given and given <= link.last_ref:
            return call_reasons.reference_not_increasing(
                field="OrderRef", given=values["OrderRef"].strip(), last=link.last_ref
            )
        ref = given or link.last_ref + 1
        return call_reasons.references_used_up(field="OrderRef") if ref > greatest_ref(RefSpace.ORDER) else ref

    def _send(self, pending: TakenCall, ref: int, content: bytes) -> None:
        link, call, values = pending.link, pending.call, pending.read.values
        try:
            entry = self._tools.names.take(link.lane, ref, self.investor_id, key=call.client_order_key, content=content)
        except OSError:
            pending.refused(relay_reasons.order_map_unavailable())
            return
        if isinstance(entry, Refusal):
            pending.refused(entry)
            return
        name = name_of(entry)
        order = NewOrder(name, {**values, "OrderRef": name.ref})
        known = self.book.sent(order, link.session, call.request_id)
        try:
            answer = link.native.place(order)
        except NotSent:
            self.book.refused(known)
            self._tools.names.give_back(entry)
            pending.refused(relay_reasons.counter_unavailable(why="not logged in"))
            return
        link.last_ref = ref
        self._tools.ordered(pending)
        self._tools.notes.sent(link, name, order.values, self.book.trading_day, call.client_order_key)
        pending.sent(order_ref="" if values["OrderRef"].strip() else name.ref)
        self._answers[id(known)] = asyncio.get_running_loop().create_future()
        self._tasks.start(self._placed(link, known, answer), f"order of {link.session}")

    async def _placed(self, link: TranslatedLink, order: KnownOrder, answer: Awaitable[str]) -> None:
        """The answer to an order, whatever it is."""
        try:
            native_id = await answer
        except NativeRefused as refused:
            self._tools.notes.refused(link, "ReqOrderInsert", order, refused.error, self.book.trading_day)
            self._refused_order(order, refused.error)
        except AnswerLost:
            self._tell(self.book.lost(order))
        else:
            self._tell(self.book.accepted(order, native_id))
            self._tools.notes.numbered(link, order, self.book.trading_day)
        finally:
            done = self._answers.pop(id(order), None)
            if done is not None and not done.done():
                done.set_result(None)

    def _refused_order(self, order: KnownOrder, error: NativeError) -> None:
        """The counter has no such order: its terminal hears OnRspOrderInsert, all of the account OnErrRtnOrderInsert."""
        self.book.refused(order)
        for link in self._links:
            if link.session == order.sender:
                link.put(self._tools.events.answer("OnRspOrderInsert", order.sent, order.request_id, error=error))
            link.put(self._tools.events.notice("OnErrRtnOrderInsert", order.sent, error))

    def _cancel(self, pending: TakenCall) -> None:
        values = pending.read.values
        if values["ActionFlag"] != "0":
            pending.refused(call_reasons.value_not_offered_by_counter(field="ActionFlag", value=values["ActionFlag"]))
            return
        order = self.book.of_cancel(values)
        name = name_elsewhere(self._tools.names, values) if order is None else None
        if name is not None:
            self._tasks.start(self._cancel_elsewhere(pending, name), f"cancel of {pending.link.session}")
        elif order is None:
            pending.refused(call_reasons.order_not_found())
        elif order.state.native_id:
            self._send_cancel(pending, order)
        else:
            self._tasks.start(self._cancel_later(pending, order), f"cancel of {pending.link.session}")

    async def _cancel_elsewhere(self, pending: TakenCall, name: OrderName) -> None:
        """See `elsewhere`."""
        refusal = await hear_of_elsewhere(self._tools.names, name, pending, self._shown)
        refusal = refusal or self._why_not(pending.link, pending.read, pending.call)
        order = self.book.of_cancel(pending.read.values)
        if refusal is not None or order is None:
            pending.refused(refusal or call_reasons.order_not_found())
        else:
            await self._cancel_later(pending, order)

    async def _cancel_later(self, pending: TakenCall, order: KnownOrder) -> None:
        """The order's number is not known yet: its answer is waited for."""
        answered = self._answers.get(id(order))
        try:
            async with asyncio.timeout(pending.call.valid_for):
                if answered is not None:
                    await asyncio.shield(answered)
        except TimeoutError:
            pending.refused(call_reasons.deadline_passed())
            return
        if not order.state.native_id:
            pending.refused(call_reasons.order_not_found())
        else:
            self._send_cancel(pending, order)

    def _send_cancel(self, pending: TakenCall, order: KnownOrder) -> None:
        try:
            answer = pending.link.native.cancel(order)
        except NotSent:
            pending.refused(relay_reasons.counter_unavailable(why="not logged in"))
            return
        self._tools.figures.called("ReqOrderAction", 0)
        self._tools.notes.canceled(pending.link, order, pending.read.values, self.book.trading_day)
        pending.sent()
        self._tasks.start(self._canceled(pending, order, answer), f"cancel of {pending.link.session}")

    async def _canceled(self, pending: TakenCall, order: KnownOrder, answer: Awaitable[OrderState | None]) -> None:
        link, values = pending.link, pending.read.values
        try:
            state = await answer
        except NativeRefused as refused:
            self._tools.notes.refused(link, "ReqOrderAction", order, refused.error, self.book.trading_day)
            link.put(
                self._tools.events.answer("OnRspOrderAction", values, pending.call.request_id, error=refused.error)
            )
            for other in self._links:
                other.put(self._tools.events.notice("OnErrRtnOrderAction", values, refused.error))
        except AnswerLost:
            link.put(self._tools.events.never_answered(pending.call.request_id, LOST))
        else:
            if state is not None:
                self.heard_order(state)

    def _shown(self, row: Row) -> Values:
        """What a terminal sees of a row; orders and trades as the book has them, which hears of them too."""
        if isinstance(row, OrderState):
            self.heard_order(row)
            known = self.book.numbered(row.exchange_id, row.native_id)
            return self.book.order_values(known) if known is not None else {}
        if isinstance(row, TradeState):
            self.heard_trade(row)
            return self.book.trade_values(row)
        return row


def _now() -> float:
    return asyncio.get_running_loop().time()


def _left(link: TranslatedLink, read: ReadCall) -> None:
    link.limits[read.request_class].waiting -= 1


def _refused(refusal: Refusal) -> asyncio.Future[CallOutcome]:
    result: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
    result.set_exception(Refused(refusal))
    return result
