"""A close that UFX splits (at SHFE today's positions first), shown as the one order that its terminal sent. Pure.

UFX makes several entrusts of such an order, all with its third_reff. Its terminal knows one order, and would take the first
part's end for the order's. So the parts are added up, under the number of the first one that was heard of.

What is kept: for each name its parts, and for each part's number the name. What holds between two events:

* The order ends when each of its parts has ended. What some of them did not trade is canceled then, also where a part was
  rejected and another one was not.
* Its volume is what was sent, until the answer said which parts there are and each of them was heard of; then it is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from relay.counter.translated.book import later_state
from relay.counter.translated.values import OrderState, TradeState

Contract = tuple[str, str]
"""exchange and entrust_no"""


@dataclass(slots=True)
class _Close:
    """One order that closes."""

    number: str = ""
    """the entrust_no under which it is shown"""
    sent: int = 0
    """lots, while the answer is awaited or some of its parts are; 0 where it was not sent here"""
    answered: frozenset[str] | None = None
    parts: dict[str, OrderState] = field(default_factory=dict)
    trades: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    """by what each is told once by: part and lots"""

    def traded(self, part: OrderState) -> int:
        """Lots of it."""
        return max(part.traded, sum(lots for number, lots in self.trades.values() if number == part.native_id))

    def whole(self) -> OrderState:
        """The parts together, as one order."""
        parts = list(self.parts.values())
        volume, traded = sum(part.volume for part in parts), sum(map(self.traded, parts))
        awaited = max(0, self.sent - volume) if self.answered is None or not self.answered <= self.parts.keys() else 0
        is_over = not awaited and all(
            part.is_rejected or part.canceled or self.traded(part) >= part.volume for part in parts
        )
        is_rejected = not awaited and all(part.is_rejected for part in parts)
        return replace(
            parts[0],
            native_id=self.number,
            volume=volume + awaited,
            traded=traded,
            canceled=volume - traded if is_over and not is_rejected else 0,
            is_rejected=is_rejected,
            is_confirmed=any(part.is_confirmed for part in parts),
            text=next((part.text for part in parts if part.text), ""),
        )


class SplitCloses:
    """Of one process, for one day."""

    def __init__(self) -> None:
        self._by_key: dict[str, _Close] = {}
        self._key_of: dict[Contract, str] = {}

    def clear(self) -> None:
        """Numbers of the day before mean nothing any more."""
        self._by_key.clear()
        self._key_of.clear()

    def sent(self, key: str, volume: int) -> None:
        """A close of so many lots is about to be sent."""
        self._by_key.setdefault(key, _Close()).sent = volume

    def lost(self, key: str) -> None:
        """No answer came, or a refusal: what there is of it, the counter's rows say."""
        self._by_key.setdefault(key, _Close()).sent = 0

    def answered(self, key: str, exchange_id: str, numbers: Sequence[str]) -> str:
        """The answer names these parts; under which number the order is shown."""
        close = self._by_key.setdefault(key, _Close())
        close.answered = frozenset(numbers)
        close.number = close.number or numbers[0]
        self._key_of.update(((exchange_id, number), key) for number in numbers)
        return close.number

    def order(self, key: str, state: OrderState) -> OrderState:
        """The counter says this of a part; what it says of the order."""
        close = self._by_key.setdefault(key, _Close())
        close.number = close.number or state.native_id
        self._key_of[state.exchange_id, state.native_id] = key
        before = close.parts.get(state.native_id)
        close.parts[state.native_id] = state if before is None else later_state(before, state)
        return close.whole() if len(close.parts) > 1 or close.sent else replace(state, native_id=close.number)

    def trade(self, key: str, trade: TradeState) -> TradeState:
        """A trade of a part, as one of the order; `key` is empty where the row has none."""
        contract = trade.exchange_id, trade.native_id
        key = self._key_of.get(contract, key)
        if not key:
            return trade
        close = self._by_key.setdefault(key, _Close())
        close.number = close.number or trade.native_id
        self._key_of[contract] = key
        close.trades[trade.key] = trade.native_id, trade.volume
        return replace(trade, native_id=close.number)

    def whole(self, contract: Contract) -> OrderState | None:
        """The order of this number, where it has several parts."""
        close = self._by_key.get(self._key_of.get(contract, ""))
        return close.whole() if close is not None and len(close.parts) > 1 else None

    def number_of(self, contract: Contract) -> str:
        """Under which number the order of this part is shown."""
        close = self._by_key.get(self._key_of.get(contract, ""))
        return contract[1] if close is None else close.number

    def parts_of(self, contract: Contract) -> list[str]:
        """Numbers of all parts of the order that is shown under this one."""
        close = self._by_key.get(self._key_of.get(contract, ""))
        if close is None:
            return [contract[1]]
        return list(dict.fromkeys((*close.parts, *(close.answered or ())))) or [contract[1]]
