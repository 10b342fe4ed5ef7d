"""What must hold whenever all is still: each terminal's view against the counter's own books."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from relay.counter.port import Mode
from tests.stateful import relay_errors
from tests.stateful.counter_side import OrderTruth
from tests.stateful.firm import Firm, Placed
from tests.stateful.small_day import QUIET_NOTICES
from tests.stateful.terminal import TerminalSession


def check(firm: Firm) -> None:
    """Raises AssertionError naming the promise that was broken."""
    nothing_went_wrong_on_the_way(firm)
    counter_references_increase_and_are_never_reused(firm)
    nothing_is_sent_twice_and_nothing_is_forgotten(firm)
    for terminal in firm.terminals:
        if terminal.lost_history:
            only_who_has_much_loses_history(firm, terminal)
            continue
        orders_are_the_counters(firm, terminal)
        trades_are_the_counters(firm, terminal)
        every_leg_is_traded(firm, terminal)
        refusals_are_told_once(firm, terminal)
    keys_name_one_order(firm)


def nothing_went_wrong_on_the_way(firm: Firm) -> None:
    """What terminals, the counter and the ledger noticed themselves: another's event, a repetition, a secret."""
    faults = [*firm.faults, *firm.side.faults, *firm.relay.witness.faults]
    for terminal in firm.terminals:
        faults += terminal.faults
    faults += relay_errors.heard
    assert faults == [], faults[:5]


def counter_references_increase_and_are_never_reused(firm: Firm) -> None:
    of_session: dict[int, list[int]] = defaultdict(list)
    for insert in firm.side.inserts:
        of_session[insert.session].append(insert.ref)
    for session, refs in of_session.items():
        assert all(a < b for a, b in pairwise(refs)), f"session {session} used references {refs}"
    if firm.mode is Mode.MANY_TO_ONE:
        day = Counter(insert.ref for insert in firm.side.inserts)
        twice = [ref for ref, times in day.items() if times > 1]
        assert twice == [], f"counter references {twice} were used twice in the day"


def nothing_is_sent_twice_and_nothing_is_forgotten(firm: Firm) -> None:
    arrived = Counter(insert.mark for insert in firm.side.inserts)
    twice = [mark for mark, times in arrived.items() if times > 1]
    assert twice == [], f"{twice} were sent twice"
    refused = arrived.keys() & firm.refused
    assert refused == set(), f"{refused} arrived, and were answered as refused"
    lost = [p.mark for p in firm.placed.values() if p.mark not in arrived and not p.may_be_lost]
    assert lost == [], f"{lost} never arrived, and were answered as sent"
    for insert in firm.side.inserts:
        placed = firm.placed.get(insert.mark)
        assert placed is not None, f"{insert.mark} was sent by no terminal"
        assert insert.investor == placed.investor, f"{insert.mark} was sent for {insert.investor}"


def only_who_has_much_loses_history(firm: Firm, terminal: TerminalSession) -> None:
    """However full the day is of others' orders."""
    has = len(firm.side.orders(terminal.investor)) + len(firm.side.trades(terminal.investor))
    assert has > QUIET_NOTICES, f"{terminal.investor} has {has} orders and trades, and his day was not kept"


def orders_are_the_counters(firm: Firm, terminal: TerminalSession) -> None:
    """Exactly the investor's orders, each in the state the counter has it, under the triple its sender knows."""
    truth = firm.side.orders(terminal.investor)
    who = f"{terminal.investor} in {terminal.front_and_session}"
    unlike = (terminal.orders.keys() ^ truth.keys()) - firm.side.forgotten
    assert unlike == set(), f"{who}: {sorted(unlike)}"
    for mark, order in truth.items():
        shown = terminal.orders[mark][-1]
        # A state that comes again under another name is no repetition; one under the same name is noticed as it comes.
        states, sent = list(dict.fromkeys(seen.state for seen in terminal.orders[mark])), firm.side.states[mark]
        if firm.mode is Mode.MANY_TO_ONE and states != sent:
            # Who came later was given the order as it stood.
            sent = sent[-len(states) :]
        if firm.side.flow_was_cleared:
            # Who logs in now hears what the emptied flow holds: each order as it stood then, and what came since.
            left = iter(sent)
            in_order = set(states) <= set(sent) if firm.orders_came_late else all(state in left for state in states)
            assert in_order, f"{who}: {mark} is shown as {states}, the counter sent {sent}"
            assert firm.orders_came_late or states[-1] == order.state
        elif firm.orders_came_late:
            # The counter sent an earlier state last, and who came later was given the order as far as it was.
            assert set(states) <= set(firm.side.states[mark]), (
                f"{who}: {mark} is shown as {states}, the counter sent {sent}"
            )
        else:
            assert states == sent, f"{who}: {mark} is shown as {states}, the counter sent {sent}"
            assert states[-1] == order.state
        allowed = _triples(firm, terminal, order)
        assert shown.triple in allowed, f"{who}: {mark} is shown as {shown.triple}, should be {allowed}"


def _triples(firm: Firm, terminal: TerminalSession, order: OrderTruth) -> set[tuple[int, int, str]]:
    placed = firm.placed.get(order.mark)
    is_new_session = firm.relay_was_restarted or (firm.mode is Mode.MANY_TO_MANY and terminal is not placed_by(placed))
    if placed is not None and firm.side.flow_was_cleared and is_new_session:
        # The order map keeps the counter's names of orders, not the exchange's: a counter session that began after the
        # clearing does not recognize them.
        return {placed.triple, *firm.side.triples[order.mark]}
    if placed is None:
        return firm.side.triples[order.mark]
    if firm.mode is Mode.MANY_TO_ONE or placed.session is terminal or _was_before(firm, placed, terminal):
        return {placed.triple}
    # Many-to-many: each terminal has a counter session of its own, and sees what others send as CTP shows it.
    return {placed.triple, *firm.side.triples[order.mark]}


def placed_by(placed: Placed | None) -> TerminalSession | None:
    return placed.session if placed is not None else None


def _was_before(firm: Firm, placed: Placed, terminal: TerminalSession) -> bool:
    return list(firm.placed).index(placed.mark) < terminal.after


def trades_are_the_counters(firm: Firm, terminal: TerminalSession) -> None:
    """Every trade of the investor, once; that it follows its order was seen when it came."""
    truth = firm.side.trades(terminal.investor)
    assert terminal.trades.keys() == truth, (
        f"{terminal.investor} in {terminal.front_and_session}: trades {sorted(terminal.trades.keys() ^ truth)}"
    )


def every_leg_is_traded(firm: Firm, terminal: TerminalSession) -> None:
    """What an order has traded, its trades say of each contract it is for: of both legs of a combination."""
    for mark, order in firm.side.orders(terminal.investor).items():
        lots = dict.fromkeys(order.contracts, order.state.traded) if order.state.traded else {}
        reported = dict(terminal.traded.get(mark, ()))
        assert reported == lots, (
            f"{terminal.investor} in {terminal.front_and_session}: {mark} traded {lots}, reported {reported}"
        )


def refusals_are_told_once(firm: Firm, terminal: TerminalSession) -> None:
    """An order the counter refused is answered to its sender, once each way; one it took is answered by notices."""
    taken = firm.side.orders(terminal.investor)
    arrived = {insert.mark for insert in firm.side.inserts}
    for placed in firm.placed.values():
        if placed.session is not terminal or placed.may_be_lost or placed.mark in firm.side.forgotten:
            continue
        errors = [s for s in terminal.answers.get(placed.request_id, ()) if s.error_id > 0]
        if placed.mark in taken:
            assert errors == [], f"{placed.mark} stands in the book and was refused"
        elif placed.mark in arrived:
            assert len(errors) == 1, f"{placed.mark} was refused {len(errors)} times"
            times = terminal.refusals[placed.mark]
            assert times == 1, f"the refusal of {placed.mark} was sent {times} times"


def keys_name_one_order(firm: Firm) -> None:
    """No two orders of an investor have the same client_order_key."""
    keys = Counter((p.investor, p.key) for p in firm.placed.values() if p.key)
    twice = [key for key, times in keys.items() if times > 1]
    assert twice == [], f"client_order_keys {twice} gave two orders"
