"""One investor's positions and funds: lots opened today or before, what open orders have frozen, margin, profit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simcounter.trading.book import Side
from simcounter.trading.instruments import Instrument

OPEN = "0"
CLOSE_TODAY = "3"
CLOSE_FLAGS = frozenset({"1", "3", "4"})
"""CTP's OffsetFlag: close, close today, close yesterday"""

LastTicks = Callable[[str], int]
"""last price in ticks of an InstrumentID"""


@dataclass(slots=True)
class Lot:
    """One opening trade, as far as it is still open."""

    trade_id: str
    open_date: str
    ticks: int
    volume: int
    is_today: bool
    closed: int = 0


@dataclass(frozen=True, slots=True)
class PositionKey:
    instrument_id: str
    side: Side
    """BUY: a long position"""
    hedge_flag: str


@dataclass(slots=True)
class Position:
    """Lots of one instrument, side and hedge flag; the sums are kept, not counted, because orders ask for them."""

    instrument: Instrument
    today_lots: deque[Lot] = field(default_factory=deque)
    yesterday_lots: deque[Lot] = field(default_factory=deque)
    today: int = 0
    yesterday: int = 0
    cost: float = 0.0
    """yuan; yesterday's lots count at the previous settlement price"""
    open_cost: float = 0.0
    """yuan, at the opening prices"""
    frozen_today: int = 0
    """lots reserved by closing orders that have not traded"""
    frozen_yesterday: int = 0
    opened: int = 0
    closed: int = 0
    commission: float = 0.0
    close_profit: float = 0.0
    yesterday_at_start: int = 0

    @property
    def total(self) -> int:
        return self.today + self.yesterday

    @property
    def lots(self) -> list[Lot]:
        return [*self.yesterday_lots, *self.today_lots]

    @property
    def margin(self) -> float:
        return self.cost * self.instrument.product.margin_ratio

    def profit(self, side: Side, last_ticks: int) -> float:
        gain = self.instrument.turnover(last_ticks, self.total) - self.cost
        return gain if side is Side.BUY else -gain

    def open(self, lot: Lot) -> None:
        if lot.is_today:
            self.today_lots.append(lot)
            self.today += lot.volume
            self.opened += lot.volume
        else:
            self.yesterday_lots.append(lot)
            self.yesterday += lot.volume
            self.yesterday_at_start += lot.volume
        self.cost += self.instrument.turnover(self._basis(lot), lot.volume)
        self.open_cost += self.instrument.turnover(lot.ticks, lot.volume)

    def _basis(self, lot: Lot) -> int:
        return lot.ticks if lot.is_today else self.instrument.reference_ticks

    def closable(self, offset: str) -> int:
        """Lots an order with `offset` may still close."""
        free_today = self.today - self.frozen_today
        free_yesterday = self.yesterday - self.frozen_yesterday
        if not self.instrument.product.tells_today_from_yesterday:
            return free_today + free_yesterday
        return free_today if offset == CLOSE_TODAY else free_yesterday

    def freeze(self, offset: str, volume: int) -> int:
        """Reserves `volume` lots, yesterday's first where the exchange does not ask; returns how many are today's."""
        if self.instrument.product.tells_today_from_yesterday:
            today = volume if offset == CLOSE_TODAY else 0
        else:
            today = max(0, volume - (self.yesterday - self.frozen_yesterday))
        self.frozen_today += today
        self.frozen_yesterday += volume - today
        return today

    def thaw(self, today: int, yesterday: int) -> None:
        self.frozen_today -= today
        self.frozen_yesterday -= yesterday

    def close(self, side: Side, ticks: int, today: int, yesterday: int) -> float:
        """Takes lots off, oldest first; returns the profit by date, in yuan."""
        gain = self._take(self.yesterday_lots, ticks, yesterday) + self._take(self.today_lots, ticks, today)
        self.today -= today
        self.yesterday -= yesterday
        self.closed += today + yesterday
        profit = gain if side is Side.BUY else -gain
        self.close_profit += profit
        return profit

    def _take(self, lots: deque[Lot], ticks: int, volume: int) -> float:
        gain = 0.0
        while volume:
            lot = lots[0]
            taken = min(volume, lot.volume)
            cost = self.instrument.turnover(self._basis(lot), taken)
            gain += self.instrument.turnover(ticks, taken) - cost
            self.cost -= cost
            self.open_cost -= self.instrument.turnover(lot.ticks, taken)
            lot.volume -= taken
            lot.closed += taken
            volume -= taken
            if not lot.volume:
                lots.popleft()
        return gain


@dataclass(slots=True)
class Portfolio:
    investor_id: str
    previous_balance: float
    deposit: float = 0.0
    withdraw: float = 0.0
    commission: float = 0.0
    close_profit: float = 0.0
    frozen_margin: float = 0.0
    frozen_commission: float = 0.0
    positions: dict[PositionKey, Position] = field(default_factory=dict)
    confirmed_on: str = ""
    """trading day of the settlement confirmation"""
    confirmed_at: str = ""

    def position(self, key: PositionKey, instrument: Instrument) -> Position:
        return self.positions.setdefault(key, Position(instrument))

    @property
    def margin(self) -> float:
        return sum(position.margin for position in self.positions.values())

    def position_profit(self, last_ticks: LastTicks) -> float:
        return sum(p.profit(key.side, last_ticks(key.instrument_id)) for key, p in self.positions.items())

    def balance(self, last_ticks: LastTicks) -> float:
        moved = self.deposit - self.withdraw + self.close_profit - self.commission
        return self.previous_balance + moved + self.position_profit(last_ticks)

    def available(self, last_ticks: LastTicks) -> float:
        """Money for new orders: floating losses count, floating profits do not."""
        floating = max(0.0, self.position_profit(last_ticks))
        return self.balance(last_ticks) - floating - self.margin - self.frozen_margin - self.frozen_commission
