"""One terminal's day, the same at whatever counter: it never asks which system stands behind the relay.

Log in, read what the counter offers, buy one lot, buy more than is offered, see the counter go and come back, cancel the
rest, see the market fall, look at everything, log out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client import RelayTerminal
from terminal_client.collectors import Collectors
from terminal_client.session import CounterInfo
from terminal_client.subscriptions import Subscription
from tests.e2e.site import BROKER, WILL_FILL, buy, collect_now, counter_state, first

MORE_THAN_OFFERED = 40
"""lots; 29 are offered at the price at which they are asked for"""


class Funds(NamedTuple):
    """Yuan."""

    balance: float
    available: float
    margin: float
    commission: float


class Held(NamedTuple):
    """A position, by instrument and side: lots, and those of them that were opened today."""

    instrument: str
    side: str
    lots: int
    of_today: int


class Traded(NamedTuple):
    instrument: str
    side: str
    offset: str
    lots: int
    price: float


class Ordered(NamedTuple):
    """What became of an order."""

    instrument: str
    status: str
    lots: int
    traded: int
    price: float


@dataclass(frozen=True, slots=True)
class DayEnd:
    """What the terminal has in the end, as plain values."""

    funds: Funds
    positions: tuple[Held, ...]
    trades: tuple[Traded, ...]
    """as queried"""
    heard: tuple[Traded, ...]
    """as notices"""
    orders: tuple[Ordered, ...]


@dataclass(frozen=True, slots=True)
class World:
    """What happens to the terminal."""

    cut: Callable[[], object]
    """the counter's connections break"""
    fall: Callable[[], object]
    """the price falls under what was paid"""


async def spend_day(
    terminal: RelayTerminal, investor_id: str, password: str, collectors: Collectors, world: World
) -> tuple[CounterInfo, DayEnd]:
    info = await terminal.login(
        BROKER, investor_id, password, await collect_now(), confirm_settlement=True, collectors=collectors
    )
    assert info.counter is not None
    orders, heard, statuses = terminal.orders(), terminal.trades(), terminal.statuses()
    one = await terminal.requests.order_insert(buy(WILL_FILL, 1))
    await _reaches(orders, one.order_ref, enums.ORDER_STATUS_ALL_TRADED)
    more = await terminal.requests.order_insert(buy(WILL_FILL, MORE_THAN_OFFERED))
    partly = await _reaches(orders, more.order_ref, enums.ORDER_STATUS_PART_TRADED_QUEUEING)
    world.cut()
    await counter_state(statuses, "recovering")
    await counter_state(statuses, "live")
    await terminal.requests.order_action(
        ctp.InputOrderAction(
            exchange_id=partly.exchange_id,
            instrument_id=partly.instrument_id,
            order_sys_id=partly.order_sys_id,
            action_flag=enums.ACTION_FLAG_DELETE,
        )
    )
    await first(
        orders, lambda o: (o.order_sys_id, o.order_status) == (partly.order_sys_id, enums.ORDER_STATUS_CANCELED)
    )
    world.fall()
    end = await _look(terminal)
    await terminal.close()
    told = tuple(sorted([_traded(trade) async for trade in heard]))
    return info.counter, replace(end, heard=told)


async def _reaches(orders: Subscription[ctp.Order], order_ref: str, status: int) -> ctp.Order:
    return await first(orders, lambda o: (o.order_ref.strip(), o.order_status) == (order_ref.strip(), status))


async def _look(terminal: RelayTerminal) -> DayEnd:
    account = (await terminal.requests.qry_trading_account(ctp.QryTradingAccount())).row
    positions = await terminal.requests.qry_investor_position(ctp.QryInvestorPosition())
    trades = await terminal.requests.qry_trade(ctp.QryTrade())
    orders = await terminal.requests.qry_order(ctp.QryOrder())
    return DayEnd(
        funds=Funds(
            *(round(y, 2) for y in (account.balance, account.available, account.curr_margin, account.commission))
        ),
        positions=_held(positions.rows),
        trades=tuple(sorted(map(_traded, trades.rows))),
        heard=(),
        orders=tuple(sorted(map(_ordered, orders.rows))),
    )


def _held(rows: Sequence[ctp.InvestorPosition]) -> tuple[Held, ...]:
    """Counters tell today's and yesterday's lots in one row or in two."""
    names = sorted({(row.instrument_id, row.posi_direction) for row in rows if row.position})
    found = []
    for instrument, direction in names:
        own = [row for row in rows if (row.instrument_id, row.posi_direction) == (instrument, direction)]
        lots, today = sum(row.position for row in own), sum(row.today_position for row in own)
        found.append(Held(instrument, enums.PosiDirection.Name(direction), lots, today))
    return tuple(found)


def _traded(row: ctp.Trade) -> Traded:
    return Traded(
        row.instrument_id,
        enums.Direction.Name(row.direction),
        enums.OffsetFlag.Name(row.offset_flag),
        row.volume,
        row.price,
    )


def _ordered(row: ctp.Order) -> Ordered:
    status = enums.OrderStatus.Name(row.order_status)
    return Ordered(row.instrument_id, status, row.volume_total_original, row.volume_traded, row.limit_price)
