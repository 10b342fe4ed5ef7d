"""What is asked under one token: accounts, the day's orders and trades, positions, funds; page by page, until there is no more.

Orders and trades page by position_str, and rows may be skipped while others come, as Hundsun's book says. So the day is swept
until a sweep finds no row that the one before had not, three times at most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from relay.counter.translated.complaints import Complaints
from relay.counter.translated.native import Row
from relay.counter.translated.values import AnswerLost, NativeRefused, OrderState, TradeState, Values
from relay.counter.ufx.from_native import UfxRowReader, UfxRowUnreadable, text_of
from relay.counter.ufx.replies import UfxRow
from relay.counter.ufx.token import UfxToken
from relay.counter.ufx.words import Ufx

_log = structlog.get_logger(__name__)
_PAGE = 1000
_MOST_PAGES = 1000
_MOST_SWEEPS = 3
_T = TypeVar("_T")


class TokenQueries:
    """Of one account."""

    def __init__(self, token: UfxToken, reader: UfxRowReader, who: Values, complaints: Complaints) -> None:
        self.account_code = ""
        self._token = token
        self._reader = reader
        self._who = who
        self._complaints = complaints

    async def rows(self, function: Ufx, condition: UfxRow) -> list[UfxRow]:
        """One answer's, without those of another account. Raises NativeRefused, AnswerLost, NotSent."""
        return [row for row in await self._page(function, condition) if self._is_mine(row, condition)]

    async def _page(self, function: Ufx, condition: UfxRow) -> Sequence[UfxRow]:
        reply = await self._token.send(function, [condition])
        if reply.error is not None:
            raise NativeRefused(reply.error)
        return reply.rows

    @staticmethod
    def _is_mine(row: UfxRow, condition: UfxRow) -> bool:
        """Asked for one account, a counter may answer with all of its operator's."""
        asked = condition.get("account_code")
        return not asked or text_of(row, "account_code") in {"", asked}

    async def day(self) -> tuple[list[OrderState], list[TradeState], bool]:
        """All orders and trades of the account; and whether each order could be read. Raises NativeRefused, AnswerLost, NotSent."""
        rows = await self._swept(Ufx.ORDERS)
        read = [state for row in rows for state in self._read(self._reader.order, row)]
        orders = {(state.exchange_id, state.native_id): state for state in read}  # of a split close the latest has all
        trades = [state for row in await self._swept(Ufx.TRADES) for state in self._read(self._reader.trade, row)]
        return list(orders.values()), trades, len(read) == len(rows)

    async def dates(self) -> list[str]:
        """Of the first page of orders. Raises NativeRefused, AnswerLost, NotSent."""
        condition = {"account_code": self.account_code, "request_num": str(_PAGE), "position_str": ""}
        return [text_of(row, "entrust_date") for row in await self.rows(Ufx.ORDERS, condition)]

    async def order(self, native_id: str) -> OrderState | None:
        """The order of one entrust. Raises NativeRefused, AnswerLost, NotSent."""
        rows = await self.rows(Ufx.ORDERS, {"account_code": self.account_code, "entrust_no": native_id})
        mine = (row for row in rows if text_of(row, "entrust_no") == native_id)
        return next((state for row in mine for state in self._read(self._reader.order, row)), None)

    async def _swept(self, function: Ufx) -> list[UfxRow]:
        seen: dict[str, UfxRow] = {}
        for _ in range(_MOST_SWEEPS):
            before = len(seen)
            for row in await self._pages(function):
                seen[f"{row.get('entrust_no', '')}/{row.get('deal_no', '')}"] = row
            if len(seen) == before:
                break
        return list(seen.values())

    async def _pages(self, function: Ufx) -> list[UfxRow]:
        found: list[UfxRow] = []
        after = ""
        for _ in range(_MOST_PAGES):
            condition = {"account_code": self.account_code, "request_num": str(_PAGE), "position_str": after}
            page = await self._page(function, condition)
            found += [row for row in page if self._is_mine(row, condition)]
            last = page[-1].get("position_str", "") if page else ""
            if len(page) < _PAGE or not last or last == after:
                return found
            after = last
        _log.warning("ufx_answer_unreadable", function=int(function), why="more pages than a day has")
        raise AnswerLost

    def _read(self, make: Callable[[UfxRow], _T], row: UfxRow) -> list[_T]:
        try:
            return [make(row)]
        except UfxRowUnreadable as error:
            self._complaints.unreadable("answer", error)
            return []

    def answer(self, method: str, values: Values, day: str) -> Awaitable[Sequence[Row]]:
        """A terminal's query. The answer raises NativeRefused, AnswerLost, NotSent."""
        match method:
            case "ReqQryOrder":
                return self._orders()
            case "ReqQryTrade":
                return self._trades()
            case "ReqQryInvestorPosition":
                return self._positions(day)
            case _:
                del values
                return self._funds(day)

    async def _orders(self) -> Sequence[Row]:
        return (await self.day())[0]

    async def _trades(self) -> Sequence[Row]:
        return (await self.day())[1]

    async def _positions(self, day: str) -> Sequence[Row]:
        rows = await self._pages(Ufx.POSITIONS)
        read = [self._read(lambda row: self._reader.positions(row, self._who, day), row) for row in rows]
        return [values for lists in read for part in lists for values in part]

    async def _funds(self, day: str) -> Sequence[Row]:
        """34003 does not say what was paid for the day's trades; they do."""
        rows = await self.rows(Ufx.MARGIN, {"account_code": self.account_code})
        paid = sum(fee for row in await self._swept(Ufx.TRADES) for fee in self._read(self._reader.fee, row))
        funds = [v for row in rows for v in self._read(lambda one: self._reader.funds(one, self._who, day), row)]
        return [{**values, "Commission": paid} for values in funds]


def say_unreadable(of: str, why: str, rows: int) -> None:
    """One line for the log."""
    _log.warning("ufx_row_unreadable", of=of, why=why, rows=rows)
