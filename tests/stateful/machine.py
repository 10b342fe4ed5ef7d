"""The steps of a history: everything terminals, the market, the counter and the machine room may do, in any order."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from ctpabi.api.binding import Binding
from ctpabi.facts.errors import NEVER_ANSWERED
from relay.counter.port import CallOutcome, Mode
from relay.refusals.refusal import Refused
from simcounter import demo_accounts
from simcounter.session import Values
from tests.stateful.counter_side import BUSY, INVESTORS, MOST_SESSIONS, CounterSide, State, trade_name
from tests.stateful.firm import DELAY_SECONDS, PATIENCE_SECONDS, Firm, Placed
from tests.stateful.promises import check
from tests.stateful.relay_life import ANSWER_SECONDS
from tests.stateful.small_day import TOO_MANY_ORDERS
from tests.stateful.terminal import TerminalSession, Triple

CONTRACTS = {"rb2701": ("SHFE", 1.0), "m2701": ("DCE", 1.0)}
COMBINATIONS = {
    "SPD SR701&SR705": ("CZCE", 1.0),
    "SP m2701&m2705": ("DCE", 1.0),
    "STD SR701C5600&SR701P5600": ("CZCE", 0.5),
}
INSTRUMENTS = {**CONTRACTS, **COMBINATIONS}
MOST_TERMINALS = 6
PACKETS = 8
"""a second, while the front takes few"""
ANY = st.integers(0, 999)
"""Picks one of what there is at that moment."""


def wish(instrument: str, direction: str, away: int, volume: int, kind: str) -> Values:
    """An order `away` ticks from where the market began, as a limit, FAK or FOK order."""
    exchange, tick = INSTRUMENTS[instrument]
    centre = Histories.centres[instrument]
    return {
        "InstrumentID": instrument,
        "ExchangeID": exchange,
        "Direction": direction,
        "CombOffsetFlag": "0",
        "CombHedgeFlag": "1",
        "OrderPriceType": "2",
        "LimitPrice": centre + away * tick,
        "VolumeTotalOriginal": volume,
        "TimeCondition": "3" if kind == "limit" else "1",
        "VolumeCondition": "3" if kind == "fok" else "1",
        "MinVolume": 1,
        "ContingentCondition": "1",
        "ForceCloseReason": "0",
    }


good_wishes = st.builds(
    lambda *values: values,
    st.sampled_from([*CONTRACTS, *CONTRACTS, *COMBINATIONS]),
    st.sampled_from("01"),
    st.integers(-12, 12),
    st.integers(1, 40),
    st.sampled_from(["limit", "limit", "limit", "fak", "fok"]),
)
refs = st.sampled_from(["", "", "{}", "{:>12}", "{:012d}"])
steps = st.integers(1, 3)
rarely = st.sampled_from([False, False, False, True])
"""for steps that last a second or two, because the relay waits for what does not come"""


class Histories(RuleBasedStateMachine):
    """One history; the class attributes are set for a run."""

    mode: ClassVar[Mode]
    binding: ClassVar[Binding]
    runner: ClassVar[asyncio.Runner]
    monitoring_key: ClassVar[str]
    centres: ClassVar[dict[str, float]] = {}
    steps_done: ClassVar[int] = 0
    failures: ClassVar[list[str]]
    """as they came: one that depends on the threads' luck may be gone when the history is repeated"""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory(prefix="ctp-stateful-")
        self._keys = itertools.count(1)
        self.firm: Firm = self.run(self._open())

    async def _open(self) -> Firm:
        side = await CounterSide.open(self.monitoring_key)
        firm = Firm(self.mode, self.binding, side, Path(self._directory.name))
        for name, market in side.counter.kernel.desk.markets.by_id.items():
            Histories.centres[name] = market.instrument.price(market.instrument.reference_ticks)
        await firm.start()
        for investor in (*INVESTORS[:2], INVESTORS[0]):
            await firm.log_in(investor)
        await firm.rest()
        return firm

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def step(self, work: Coroutine[Any, Any, Any]) -> None:
        """One step, until all is still; then every promise is checked."""

        async def to_rest() -> None:
            await work
            await self.firm.rest()
            check(self.firm)

        type(self).steps_done += 1
        try:
            self.run(to_rest())
        except Exception:
            type(self).failures.append(traceback.format_exc())
            raise

    def teardown(self) -> None:
        self.run(self.firm.close())
        self._directory.cleanup()

    def terminal(self, pick: int) -> TerminalSession:
        return self.firm.terminals[pick % len(self.firm.terminals)]

    # Terminals ------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.firm.terminals) < MOST_TERMINALS)
    @rule(investor=st.sampled_from(INVESTORS))
    def a_terminal_logs_in(self, investor: str) -> None:
        async def work() -> None:
            await self.firm.log_in(investor)

        self.step(work())

    @precondition(lambda self: len(self.firm.terminals) > 1)
    @rule(pick=ANY)
    def a_terminal_logs_out(self, pick: int) -> None:
        self.step(self.firm.log_out(self.terminal(pick)))

    @precondition(lambda self: len(self.firm.terminals) < MOST_TERMINALS)
    @rule(investor=st.sampled_from(INVESTORS), yields=st.integers(0, 12))
    def a_terminal_logs_in_while_the_connections_break(self, investor: str, yields: int) -> None:
        async def work() -> None:
            firm = self.firm
            login = asyncio.ensure_future(firm.log_in(investor))
            for _ in range(yields):
                await asyncio.sleep(0.0002)
            await firm.cut(firm.side.counter.drop_all, list(firm.terminals))
            await login

        self.step(work())

    @precondition(lambda self: len(self.firm.terminals) > 1)
    @rule(pick=ANY, burst=st.lists(good_wishes, min_size=1, max_size=4))
    def a_terminal_leaves_with_orders_on_their_way(self, pick: int, burst: list[tuple[Any, ...]]) -> None:
        async def work() -> None:
            terminal = self.terminal(pick)
            await asyncio.gather(*(self.firm.place(terminal, wish(*what), "") for what in burst))
            await self.firm.log_out(terminal)

        self.step(work())

    # Orders ---------------------------------------------------------------------------------------------------

    @rule(pick=ANY, what=good_wishes, ref=refs, step=steps)
    def a_terminal_orders(self, pick: int, what: tuple[Any, ...], ref: str, step: int) -> None:
        self.step(self._must_be_sent(self.terminal(pick), wish(*what), ref, step))

    @rule(pick=ANY, what=good_wishes, ref=refs)
    def a_terminal_orders_under_a_key(self, pick: int, what: tuple[Any, ...], ref: str) -> None:
        key = f"key-{next(self._keys)}"
        self.step(self._must_be_sent(self.terminal(pick), wish(*what), ref, 1, key))

    @rule(
        buys=ANY,
        sells=ANY,
        instrument=st.sampled_from(list(COMBINATIONS)),
        volumes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
        cut=st.sampled_from([False, False, True]),
    )
    def a_combination_is_traded(
        self, buys: int, sells: int, instrument: str, volumes: tuple[int, int], *, cut: bool
    ) -> None:
        """Two terminals order against each other, of one investor or of two: each leg of each side has a trade."""

        async def work() -> None:
            buyer, seller = self.terminal(buys), self.terminal(sells)
            await self.firm.place(buyer, wish(instrument, "0", 0, volumes[0], "limit"), "")
            await self.firm.place(seller, wish(instrument, "1", 0, volumes[1], "limit"), "")
            if cut:
                await self.firm.cut(self.firm.side.counter.drop_all, list(self.firm.terminals))

        self.step(work())

    async def _must_be_sent(self, terminal: TerminalSession, what: Values, ref: str, step: int, key: str = "") -> None:
        own = ref.format(terminal.max_order_ref + step)
        outcome = await self.firm.place(terminal, what, own, key)
        assert isinstance(outcome, CallOutcome), f"{outcome}"
        assert outcome.return_code == 0, f"{outcome}"
        assert bool(outcome.order_ref) == (own == ""), f"{outcome} for reference {own!r}"

    @rule(pick=ANY, what=good_wishes, how=st.sampled_from(["instrument", "volume", "price", "half", "direction"]))
    def a_terminal_orders_nonsense(self, pick: int, what: tuple[Any, ...], how: str) -> None:
        """Refused by the counter or the exchange."""
        kinds: dict[str, Values] = {
            "instrument": {"InstrumentID": "zz9999"},
            "volume": {"VolumeTotalOriginal": 0},
            "price": {"LimitPrice": 1e6},
            "half": {"LimitPrice": self.centres[what[0]] + 0.25},
            "direction": {"Direction": "9"},
        }
        self.step(self._must_be_sent(self.terminal(pick), {**wish(*what), **kinds[how]}, "", 1))

    @rule(pick=ANY, what=good_wishes, back=st.integers(0, 3))
    def a_terminal_uses_a_reference_again(self, pick: int, what: tuple[Any, ...], back: int) -> None:
        async def work() -> None:
            used = [t for t in self.firm.terminals if t.max_order_ref]
            if not used:
                return
            terminal = used[pick % len(used)]
            again = max(1, terminal.max_order_ref - back)
            outcome = await self.firm.place(terminal, wish(*what), str(again))
            assert isinstance(outcome, Refused), f"reference {again} was taken again: {outcome}"
            assert outcome.refusal.code == 22, f"{outcome}"

        self.step(work())

    @rule(
        burst=st.lists(st.tuples(ANY, good_wishes), min_size=2, max_size=8), cut=st.sampled_from([False, False, True])
    )
    def terminals_order_at_once(self, burst: list[tuple[int, tuple[Any, ...]]], cut: bool) -> None:
        """With `cut` the connections break while the orders are on their way."""

        async def work() -> None:
            sent = [self.firm.place(self.terminal(pick), wish(*what), "") for pick, what in burst]
            await asyncio.gather(*sent)
            if cut:
                await self.firm.cut(self.firm.side.counter.drop_all, list(self.firm.terminals))

        self.step(work())

    @rule(pick=ANY, which=ANY)
    def a_key_is_sent_again(self, pick: int, which: int) -> None:
        async def work() -> None:
            keyed = [p for p in self.firm.placed.values() if p.key]
            first = keyed[which % len(keyed)] if keyed else None
            mates = [t for t in self.firm.terminals if first and t.investor == first.investor]
            if first and mates:
                terminal = mates[pick % len(mates)]
                _, outcome = await terminal.call("ReqOrderInsert", first.key, **first.values)
                assert isinstance(outcome, CallOutcome), f"{outcome}"
                assert outcome.first_order_ref == first.triple[2], "a client_order_key gave a second order"

        self.step(work())

    # Cancels --------------------------------------------------------------------------------------------------

    @rule(pick=ANY, which=ANY, how=st.sampled_from(["triple", "triple", "number", "short"]))
    def a_terminal_cancels(self, pick: int, which: int, how: str) -> None:
        """One of its investor's orders, from any terminal, as the terminal sees it."""

        async def work() -> None:
            seeing = [t for t in self.firm.terminals if t.orders]
            if not seeing:
                return
            terminal = seeing[pick % len(seeing)]
            mark = list(terminal.orders)[which % len(terminal.orders)]
            if mark in self.firm.side.forgotten:
                return
            shown = terminal.orders[mark][-1]
            own = shown.triple[:2] == terminal.front_and_session
            by = "triple" if (how == "short" and not own) or (how == "number" and not shown.state.system_id) else how
            was_final = self.firm.side.orders(terminal.investor)[mark].is_final
            request_id, outcome = await terminal.call("ReqOrderAction", **_naming(by, shown.triple, shown.state))
            assert isinstance(outcome, CallOutcome), f"{outcome}"
            assert outcome.return_code == 0, f"{outcome}"
            await self.firm.rest()
            assert self.firm.side.orders(terminal.investor)[mark].is_final, f"{mark} was not canceled by {by}"
            errors = [said.error_id for said in terminal.answers.get(request_id, ())]
            assert errors == ([26] if was_final else []), f"{mark}: the cancel was answered {errors}"

        self.step(work())

    @rule(pick=ANY, which=ANY, how=st.sampled_from(["triple", "number", "counter"]))
    def a_terminal_tries_to_cancel_anothers_order(self, pick: int, which: int, how: str) -> None:
        async def work() -> None:
            terminal = self.terminal(pick)
            others = [p for p in self.firm.placed.values() if p.investor != terminal.investor]
            if others:
                await self._cannot_cancel(terminal, others[which % len(others)], how)

        self.step(work())

    async def _cannot_cancel(self, terminal: TerminalSession, placed: Placed, how: str) -> None:
        before = self.firm.side.orders(placed.investor).get(placed.mark)
        if before is None:
            return
        triple = before.triple if how == "counter" else placed.triple
        by = "number" if how == "number" and before.state.system_id else "triple"
        request_id, outcome = await terminal.call("ReqOrderAction", **_naming(by, triple, before.state))
        await self.firm.rest()
        if isinstance(outcome, Refused):
            assert outcome.refusal.code == 25, f"{outcome}"
        else:
            errors = [said.error_id for said in terminal.answers[request_id]]
            assert errors == [25], f"a cancel of another's order was answered {errors}"
        after = self.firm.side.orders(placed.investor)[placed.mark]
        assert after == before, f"{terminal.investor} changed an order of {placed.investor}"

    # Questions ------------------------------------------------------------------------------------------------

    @rule(pick=ANY, trouble=st.sampled_from([0, 0, 0, 90, -2, -3]))
    def a_terminal_asks_for_its_orders(self, pick: int, trouble: int) -> None:
        """Its investor's, all of them, numbered as the notices showed them; troubles pass unnoticed."""

        async def work() -> None:
            terminal, control = self.terminal(pick), self.firm.side.counter.control
            if trouble > 0:
                control.refuse("ReqQryOrder", trouble, times=1)
            elif trouble < 0:
                await self._return_code("ReqQryOrder", trouble)
            asked = asyncio.ensure_future(terminal.call("ReqQryOrder", InvestorID=terminal.investor))
            await asyncio.sleep(0)
            if trouble < 0:
                await self._return_code("ReqQryOrder", 0)
            request_id, outcome = await asked
            assert isinstance(outcome, CallOutcome), f"{outcome}"
            await self.firm.until(lambda: _is_answered(terminal, request_id), "a query was not answered")
            seen = {
                row.business_unit: (row.front_id, row.session_id, row.order_ref) for row in terminal.rows(request_id)
            }
            forgotten = self.firm.side.forgotten
            known = {mark: seen[-1].triple for mark, seen in terminal.orders.items() if mark not in forgotten}
            if terminal.lost_history:
                seen = {mark: triple for mark, triple in seen.items() if mark in known}
            assert seen == known, f"the query says {seen}, the notices said {known}"

        self.step(work())

    async def _return_code(self, method: str, code: int) -> None:
        self.firm.side.counter.control.return_code(method, code)
        await self.firm.rest()

    @rule(pick=ANY, method=st.sampled_from(["ReqQryTrade", "ReqQryInvestorPosition", "ReqQryTradingAccount"]))
    def a_terminal_asks(self, pick: int, method: str) -> None:
        """Rows are kept apart by investor: the terminal would report another investor's row."""

        async def work() -> None:
            terminal = self.terminal(pick)
            request_id, outcome = await terminal.call(method, InvestorID=terminal.investor)
            assert isinstance(outcome, CallOutcome), f"{outcome}"
            await self.firm.until(lambda: _is_answered(terminal, request_id), "a query was not answered")
            if method == "ReqQryTrade":
                rows = [
                    trade_name(row.exchange_id, row.trade_id, row.instrument_id, chr(row.direction))
                    for row in terminal.rows(request_id)
                ]
                if terminal.lost_history:
                    rows = [name for name in rows if name in terminal.trades]
                assert sorted(rows) == sorted(terminal.trades), "the query and the notices tell other trades"

        self.step(work())

    @rule(pick=ANY, what=good_wishes, code=st.sampled_from([-2, -3, -1]))
    def the_api_takes_no_order(self, pick: int, what: tuple[Any, ...], code: int) -> None:
        """The terminal gets the return code, nothing was sent, and its reference is free again."""

        async def work() -> None:
            terminal = self.terminal(pick)
            await self._return_code("ReqOrderInsert", code)
            ref = str(terminal.max_order_ref + 1)
            outcome = await self.firm.place(terminal, wish(*what), ref, f"key-{next(self._keys)}")
            assert isinstance(outcome, CallOutcome), f"{outcome}"
            assert outcome.return_code == code, f"{outcome}"
            await self._return_code("ReqOrderInsert", 0)
            again = await self.firm.place(terminal, wish(*what), ref)
            assert isinstance(again, CallOutcome), f"{again}"
            assert again.return_code == 0, f"{again}"

        self.step(work())

    # The market and the counter -------------------------------------------------------------------------------

    @rule(investor=st.sampled_from(INVESTORS), what=good_wishes)
    def another_program_orders(self, investor: str, what: tuple[Any, ...]) -> None:
        async def work() -> None:
            self.firm.side.another_program_orders(investor, wish(*what))

        self.step(work())

    @rule(instrument=st.sampled_from(list(INSTRUMENTS)), away=st.integers(-15, 15))
    def the_market_moves(self, instrument: str, away: int) -> None:
        async def work() -> None:
            price = self.centres[instrument] + away * INSTRUMENTS[instrument][1]
            self.firm.side.counter.control.move_market(instrument, price)

        self.step(work())

    @precondition(lambda self: self.firm.mode is Mode.MANY_TO_ONE)
    @rule(pick=ANY, when=rarely)
    def the_day_does_not_fit(self, pick: int, *, when: bool) -> None:
        """Somebody else orders more than the relay keeps; a terminal that comes now is given its investor's day."""

        async def work() -> None:
            if not when:
                return
            terminal = self.terminal(pick)
            await self.firm.side.counter.control.fill_day(BUSY, TOO_MANY_ORDERS)
            await self.firm.rest()
            await self.firm.log_in(terminal.investor)
            await self.firm.log_out(terminal)

        self.step(work())

    @rule(how=st.sampled_from(["trades first", "in order", "orders twice", "trades twice", "order late", "trade late"]))
    def the_counter_misbehaves(self, how: str) -> None:
        """From the next order on."""

        async def work() -> None:
            control = self.firm.side.counter.control
            match how:
                case "trades first" | "in order":
                    control.trades_first(on=how == "trades first")
                case "orders twice" | "trades twice":
                    control.duplicate("OnRtnOrder" if how == "orders twice" else "OnRtnTrade", times=3)
                case _:
                    self.firm.delays_armed = True
                    self.firm.orders_came_late = self.firm.orders_came_late or how == "order late"
                    control.delay("OnRtnOrder" if how == "order late" else "OnRtnTrade", DELAY_SECONDS, times=1)

        self.step(work())

    @rule(error_id=st.sampled_from([7, 4040]))
    def the_counter_tells_an_error_of_no_request(self, error_id: int) -> None:
        """Nothing that was asked is answered by it."""

        async def work() -> None:
            self.firm.side.counter.control.rsp_error(error_id)

        self.step(work())

    @rule(
        pick=ANY,
        method=st.sampled_from(["ReqQryOrder", "ReqQryTrade", "ReqQryInvestorPosition", "ReqQryTradingAccount"]),
    )
    def an_answer_holds_foreign_rows(self, pick: int, method: str) -> None:
        """The operator's answers; the terminal would tell of a row that is not its investor's."""

        async def work() -> None:
            terminal, control = self.terminal(pick), self.firm.side.counter.control
            control.foreign_rows(method, times=1)
            request_id, outcome = await terminal.call(method, InvestorID=terminal.investor)
            assert isinstance(outcome, CallOutcome), f"{outcome}"
            await self.firm.until(lambda: _is_answered(terminal, request_id), "a query was not answered")

        self.step(work())

    @rule(pick=ANY, when=rarely)
    def a_query_is_not_answered(self, pick: int, *, when: bool) -> None:
        """The query is answered so, and the API takes queries again, whatever the relay has to do for it."""

        async def work() -> None:
            if not when:
                return
            firm, terminal = self.firm, self.terminal(pick)
            firm.side.counter.control.ignore("ReqQryInvestor", times=1)
            request_id, _ = await terminal.call("ReqQryInvestor", InvestorID=terminal.investor)
            await firm.until(lambda: _is_answered(terminal, request_id), "an unanswered query has no end")
            assert [said.error_id for said in terminal.answers[request_id]] == [NEVER_ANSWERED]
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self._is_told_its_account(terminal):  # noqa: ASYNC110 - the relay says nothing of it
                    await asyncio.sleep(0.01)

        self.step(work())

    async def _is_told_its_account(self, terminal: TerminalSession) -> bool:
        request_id, outcome = await terminal.call("ReqQryTradingAccount", InvestorID=terminal.investor)
        if isinstance(outcome, Refused) or outcome.return_code != 0:
            return False
        await self.firm.until(lambda: _is_answered(terminal, request_id), "a query was not answered")
        return any(terminal.rows(request_id))

    # Breaks ---------------------------------------------------------------------------------------------------

    @rule(pick=ANY)
    def connections_are_cut(self, pick: int) -> None:
        """All of them, or those of one user at the counter."""

        async def work() -> None:
            firm = self.firm
            whom = [
                t for t in firm.terminals if firm.mode is Mode.MANY_TO_ONE or t.investor == self.terminal(pick).investor
            ]
            user = demo_accounts.OPERATOR_ID if firm.mode is Mode.MANY_TO_ONE else self.terminal(pick).investor
            await firm.cut(lambda: firm.side.cut(user), whom)

        self.step(work())

    @rule(burst=st.lists(st.tuples(ANY, good_wishes), min_size=PACKETS, max_size=PACKETS + 2))
    def the_front_takes_few_packets(self, burst: list[tuple[int, tuple[Any, ...]]]) -> None:
        """More than it takes in a second; what waits is sent in its turn."""

        async def work() -> None:
            control = self.firm.side.counter.control
            control.frequencies(packets=PACKETS)
            await self.firm.rest()
            await asyncio.gather(*(self.firm.place(self.terminal(pick), wish(*what), "") for pick, what in burst))
            control.frequencies()

        self.step(work())

    @rule(pick=ANY, what=good_wishes)
    def the_front_is_down_for_a_while(self, pick: int, what: tuple[Any, ...]) -> None:
        """Meanwhile nothing is taken, and nothing that was refused is sent afterwards."""

        async def work() -> None:
            firm = self.firm
            firm.orders_may_be_lost()
            breaks = {terminal: terminal.breaks for terminal in firm.terminals}
            await firm.side.counter.control.pause()
            await firm.until(lambda: all(t.breaks > n for t, n in breaks.items()), "a break went unnoticed")
            outcome = await firm.place(self.terminal(pick), wish(*what), "")
            assert isinstance(outcome, Refused), f"{outcome}"
            await firm.side.counter.control.resume()

        self.step(work())

    @rule(torn=st.booleans(), burst=st.lists(st.tuples(ANY, good_wishes), max_size=4))
    def the_relay_is_killed_and_started(self, torn: bool, burst: list[tuple[int, tuple[Any, ...]]]) -> None:
        """With orders on their way."""

        async def work() -> None:
            await asyncio.gather(*(self.firm.place(self.terminal(pick), wish(*what), "") for pick, what in burst))
            self.firm.orders_may_be_lost()
            await self.firm.restart_relay(torn=torn)

        self.step(work())

    @rule()
    def the_trading_day_changes(self) -> None:
        async def work() -> None:
            firm = self.firm
            await firm.cut(firm.side.next_day, list(firm.terminals))
            await firm.until(firm._all_live, "a terminal did not come back")
            firm.day_is_over()

        self.step(work())

    @rule(late=st.sampled_from([1.1, 1.5]), when=rarely)
    def a_login_is_answered_late(self, late: float, *, when: bool) -> None:
        """Later than the relay waits: it comes back all the same."""

        async def work() -> None:
            if not when:
                return
            firm = self.firm
            firm.side.counter.control.delay("OnRspUserLogin", late * ANSWER_SECONDS, times=1)
            await firm.cut(firm.side.counter.drop_all, list(firm.terminals))

        self.step(work())

    @rule(pick=ANY)
    def a_break_leaves_the_session_counted(self, pick: int) -> None:
        """The next login gets 60, until the counter notices the break, too."""

        async def work() -> None:
            firm, control = self.firm, self.firm.side.counter.control
            user = demo_accounts.OPERATOR_ID if firm.mode is Mode.MANY_TO_ONE else self.terminal(pick).investor
            whom = [t for t in firm.terminals if firm.mode is Mode.MANY_TO_ONE or t.investor == user]
            control.session_limit(firm.side.sessions_of(user))
            logins = firm.side.logins_tried
            await firm.cut(lambda: control.half_open(user), whom)
            await firm.until(lambda: firm.side.logins_tried > logins, "no login was tried again")
            control.notice_breaks()
            await firm.until(firm._all_live, "a terminal did not come back")
            control.session_limit(MOST_SESSIONS)

        self.step(work())

    @precondition(lambda self: self.firm.mode is Mode.MANY_TO_ONE)
    @rule(silently=st.booleans())
    def the_operator_is_forced_out(self, *, silently: bool) -> None:
        """Whatever the cause: the relay logs in again, and terminals stay."""

        async def work() -> None:
            firm = self.firm
            control = firm.side.counter.control
            await firm.cut(
                lambda: control.force_out(demo_accounts.OPERATOR_ID, silently=silently), list(firm.terminals)
            )

        self.step(work())

    @rule()
    def the_flow_is_cleared(self) -> None:
        """A restart within the day: the counter's orders come again under other names, and are the ones they were."""

        async def work() -> None:
            firm = self.firm
            await firm.cut(firm.side.clear_flow, list(firm.terminals))

        self.step(work())


def _naming(by: str, triple: Triple, state: State) -> Values:
    if by == "number":
        return {"ExchangeID": state.exchange, "OrderSysID": state.system_id, "ActionFlag": "0"}
    front, session = (0, 0) if by == "short" else triple[:2]
    return {"FrontID": front, "SessionID": session, "OrderRef": triple[2], "ActionFlag": "0"}


def _is_answered(terminal: TerminalSession, request_id: int) -> bool:
    return any(said.is_last for said in terminal.answers.get(request_id, ()))
