"""Several investors with several terminals on one counter session, through any history: the relay's core promises.

A little counter stands on the other side: it numbers orders, repeats them, trades, replays the whole day after
every reconnect, and another program trades for the same investors beside the relay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from relay.counter.ctp.delivery.delivery import Delivery, Notice
from relay.counter.ctp.delivery.repetitions import Repetitions
from relay.counter.ctp.lanes.lane import Lane
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.requests import Outgoing
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import (
    BROKER,
    NAMES,
    OWNERSHIP,
    PLACES,
    authorized,
    callback,
    event,
    incoming,
    investor,
    method,
    read,
    request,
    show,
)

INVESTORS = ("10001", "10002")
ANY = st.integers(0, 99)
"""Picks one of what there is at that moment."""
FRONT = 2


@dataclass
class CounterOrder:
    """An order as the counter knows it, and what the test knows of who sent it."""

    investor: str
    session: int
    ref: str
    mark: int
    of_lane: int
    """virtual session, or 0 for the other program's"""
    lane_ref: int
    system_id: str = ""
    traded: int = 0


@dataclass
class Terminal:
    """A terminal and all it has seen."""

    lane: Lane
    delivery: Delivery
    seen: list[Notice] = field(default_factory=list)


class SharedSession(RuleBasedStateMachine):
    """One counter session; `day` is its private topic, replayed from the start after each login."""

    @initialize()
    def log_in(self) -> None:
        self.session = 1000
        self.day: list[Notice] = []
        self.used: set[int] = set()
        self.least = 0
        self.stored: list[MapEntry] = []
        self.open: list[Terminal] = []
        self.by_triple: dict[tuple[int, str], CounterOrder] = {}
        self.last_number = 0
        self.lane_numbers = count(1)  # no lane of the day has another's, whatever restarts
        self.lanes = Lanes(PLACES, OWNERSHIP)
        self.came = Repetitions(NAMES)
        self.lanes.rebind(FRONT, self.session, 0)
        for who in (*INVESTORS, INVESTORS[0]):
            self.attach(who)

    # Terminals --------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.open) < 5)
    @rule(who=st.sampled_from(INVESTORS))
    def a_terminal_comes(self, who: str) -> None:
        self.attach(who)

    def attach(self, who: str) -> None:
        """It gets the day so far, but for what was one lane's alone."""
        terminal = Terminal(self.lanes.open(investor(who), next(self.lane_numbers)), Delivery())
        self.open.append(terminal)
        came = Repetitions(NAMES)
        for notice in self.day:
            if came.first_time(notice) and not self.lanes.read(notice.callback, notice.body, learn=False).is_private:
                self._give(terminal, notice)

    @precondition(lambda self: len(self.open) > 2)
    @rule(pick=ANY)
    def a_terminal_goes(self, pick: int) -> None:
        self.lanes.close(self.open.pop(pick % len(self.open)).lane)

    # Orders -----------------------------------------------------------------------------------------------------

    @rule(pick=ANY, step=st.integers(0, 3), gets_through=st.sampled_from([True, True, True, False]))
    def order(self, pick: int, step: int, gets_through: bool) -> None:
        lane = self.open[pick % len(self.open)].lane
        before = lane.max_order_ref
        data = request("ReqOrderInsert", OrderRef=str(before + step) if step else "", UserID="intruder")
        assert authorized("ReqOrderInsert", lane.identity, data) is None
        sent = self.lanes.outgoing(lane, method("ReqOrderInsert"), data)
        assert isinstance(sent, Outgoing)
        if not gets_through:
            self.lanes.retract(lane, sent)
            return
        self.stored += sent.entries
        ref, mark, who = read("InputOrder", data, "OrderRef", "RequestID", "InvestorID")
        assert int(ref) > self.least, "the counter would answer 22"
        self.least = int(ref)
        assert int(ref) not in self.used, "a counter reference was used twice"
        self.used.add(int(ref))
        self._known(CounterOrder(who, self.session, ref, mark, lane.session, before + max(step, 1)))

    @rule(who=st.sampled_from(INVESTORS), ref=st.integers(1, 5))
    def another_program_orders(self, who: str, ref: int) -> None:
        if (77, str(ref)) not in self.by_triple:
            self._known(CounterOrder(who, 77, str(ref), ref, 0, ref))

    def _known(self, order: CounterOrder) -> None:
        self.by_triple[order.session, order.ref] = order
        self._notice("OnRtnOrder", self._order_body(order))

    def _order(self, pick: int) -> CounterOrder:
        return list(self.by_triple.values())[pick % len(self.by_triple)]

    @rule(pick=ANY, ref=st.integers(1, 3))
    def a_used_reference_is_refused(self, pick: int, ref: int) -> None:
        terminal = self.open[pick % len(self.open)]
        if ref <= terminal.lane.max_order_ref:
            data = request("ReqOrderInsert", OrderRef=str(ref))
            refusal = self.lanes.outgoing(terminal.lane, method("ReqOrderInsert"), data)
            assert isinstance(refusal, Refusal)
            assert refusal.code == 22

    @precondition(lambda self: self.by_triple)
    @rule(who=ANY, which=ANY)
    def cancel(self, who: int, which: int) -> None:
        """By the lane's triple: one's own investor's order is found whatever session it is of, nobody else's is."""
        terminal, order = self.open[who % len(self.open)], self._order(which)
        if not order.of_lane:
            return
        own = {"FrontID": terminal.lane.front, "SessionID": order.of_lane, "OrderRef": str(order.lane_ref)}
        data = request("ReqOrderAction", InvestorID=terminal.lane.identity.investor_id, **own)
        sent = self.lanes.outgoing(terminal.lane, method("ReqOrderAction"), data)
        if order.investor != terminal.lane.identity.investor_id:
            assert isinstance(sent, Refusal)
            assert sent.code == 25
        else:
            assert read("InputOrderAction", data, "FrontID", "SessionID", "OrderRef") == (
                FRONT,
                order.session,
                order.ref,
            )

    # The counter ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.by_triple)
    @rule(pick=ANY, trade_first=st.booleans())
    def the_exchange_trades(self, pick: int, trade_first: bool) -> None:
        order = self._order(pick)
        if not order.system_id:
            self.last_number += 1
            order.system_id = f"{self.last_number:>12}"
        order.traded += 1
        trade = event(
            "OnRtnTrade",
            BrokerID=BROKER,
            InvestorID=order.investor,
            ExchangeID="SHFE",
            OrderSysID=order.system_id,
            OrderRef=order.ref,
            TradeID=f"{order.system_id.strip()}-{order.traded}",
            Direction="0",
        )
        notices = [("OnRtnOrder", self._order_body(order)), ("OnRtnTrade", trade)]
        for name, data in reversed(notices) if trade_first else notices:
            self._notice(name, data)

    @precondition(lambda self: self.by_triple)
    @rule(pick=ANY)
    def the_counter_repeats_itself(self, pick: int) -> None:
        order = self._order(pick)
        self._notice("OnRtnOrder", self._order_body(order))

    @precondition(lambda self: self.by_triple)
    @rule(pick=ANY)
    def the_counter_refuses(self, pick: int) -> None:
        order = self._order(pick)
        data = event(
            "OnErrRtnOrderInsert", BrokerID=BROKER, InvestorID=order.investor, OrderRef=order.ref, RequestID=order.mark
        )
        self._notice("OnErrRtnOrderInsert", data, error_id=31)

    @precondition(lambda self: self.day)
    @rule(max_order_ref=st.sampled_from([0, 0, 3, 30]))
    def the_front_breaks_and_comes_back(self, max_order_ref: int) -> None:
        self.lanes.unbind()
        self.session += 1
        self.least = max_order_ref
        self.lanes.rebind(FRONT, self.session, max_order_ref)
        self._replay()

    @precondition(lambda self: self.day)
    @rule()
    def the_relay_restarts(self) -> None:
        """The map comes back from storage; terminals' lanes go on, their delivery starts anew."""
        old, self.open = self.open, []
        self.lanes = Lanes(PLACES, OWNERSHIP)
        self.lanes.restore(self.stored)
        self.came = Repetitions(NAMES)
        self.session += 1
        self.least = 0
        self.lanes.rebind(FRONT, self.session, 0)
        for terminal in old:
            fresh = self.lanes.open(terminal.lane.identity, session=terminal.lane.session)
            fresh.refs = terminal.lane.refs
            terminal.lane, terminal.seen = fresh, []
            terminal.delivery = Delivery()
            self.open.append(terminal)
        self._replay()

    # The promises -----------------------------------------------------------------------------------------------

    def _order_body(self, order: CounterOrder) -> bytes:
        return event(
            "OnRtnOrder",
            BrokerID=BROKER,
            InvestorID=order.investor,
            FrontID=FRONT,
            SessionID=order.session,
            OrderRef=order.ref,
            RequestID=order.mark,
            ExchangeID="SHFE",
            OrderSysID=order.system_id,
            VolumeTraded=order.traded,
        )

    def _notice(self, name: str, data: bytes, error_id: int = 0) -> None:
        notice = Notice(callback(name), data, error_id)
        self.day.append(notice)
        self._up(notice)

    def _replay(self) -> None:
        for notice in self.day:
            self._up(notice)

    def _up(self, notice: Notice) -> None:
        if self.came.first_time(notice):
            for_lanes = {lane.session for lane, _ in incoming(self.lanes, notice.callback, notice.body)}
            for terminal in self.open:
                if terminal.lane.session in for_lanes:
                    self._give(terminal, notice)

    def _give(self, terminal: Terminal, notice: Notice) -> None:
        if OWNERSHIP.belongs(notice.callback, notice.body, terminal.lane.identity):
            for passed in terminal.delivery.accept(notice, self.lanes.keys(notice.callback, notice.body), 0.0):
                seen = show(self.lanes, passed.callback, passed.body)
                terminal.seen.append(Notice(passed.callback, seen, passed.error_id))

    @invariant()
    def nobody_sees_another_investors_events(self) -> None:
        for terminal in self.open:
            who = {read(n.callback.struct, n.body, "InvestorID") for n in terminal.seen}
            assert who <= {terminal.lane.identity.investor_id}

    @invariant()
    def every_order_shows_its_own_lane_and_reference(self) -> None:
        for terminal in self.open:
            for notice in terminal.seen:
                if notice.callback.name == "OnRtnOrder":
                    self._check_triple(terminal, notice.body)

    def _check_triple(self, terminal: Terminal, shown: bytes) -> None:
        front, session, ref, system_id = read("Order", shown, "FrontID", "SessionID", "OrderRef", "OrderSysID")
        if front == FRONT:
            order = self.by_triple[session, ref]
            assert order.of_lane == 0, "an order of a lane was shown with the counter's triple"
        else:
            assert front == terminal.lane.front
            [order] = [o for o in self.by_triple.values() if (o.of_lane, str(o.lane_ref)) == (session, ref)]
        assert order.investor == terminal.lane.identity.investor_id
        assert system_id in {"", order.system_id}

    @invariant()
    def trades_come_once_after_their_order_and_with_its_reference(self) -> None:
        by_number = {o.system_id: o for o in self.by_triple.values() if o.system_id}
        for terminal in self.open:
            known: set[str] = set()
            trades: list[str] = []
            for notice in terminal.seen:
                if notice.callback.name == "OnRtnOrder":
                    known.add(read("Order", notice.body, "OrderSysID"))
                elif notice.callback.name == "OnRtnTrade":
                    system_id, ref, trade_id = read("Trade", notice.body, "OrderSysID", "OrderRef", "TradeID")
                    order = by_number[system_id]
                    assert system_id in known
                    assert ref == (str(order.lane_ref) if order.of_lane else order.ref)
                    trades.append(trade_id)
            assert len(trades) == len(set(trades))

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """Every trade of the investor's day and every refusal of the terminal's own orders, each once."""
        for terminal in self.open:
            assert terminal.delivery.held == 0
            for name in ("OnRtnTrade", "OnErrRtnOrderInsert"):
                due = {n.body for n in self.day if self._is_for(terminal, n, name)}
                got = [n.body for n in terminal.seen if n.callback.name == name]
                assert len(got) == len(set(got)) == len(due)

    def _is_for(self, terminal: Terminal, notice: Notice, name: str) -> bool:
        if notice.callback.name != name:
            return False
        struct = notice.callback.struct
        own = bool(read(struct, notice.body, "InvestorID") == terminal.lane.identity.investor_id)
        if name == "OnRtnTrade":
            return own
        ref, mark = read(struct, notice.body, "OrderRef", "RequestID")
        [order] = [o for o in self.by_triple.values() if (o.ref, o.mark) == (ref, mark)]
        return own and order.of_lane == terminal.lane.session


SharedSession.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSharedSession = SharedSession.TestCase
