"""An account's queries: every page of them, and the rows as CTP's values; a row that cannot be read is left out, and logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from relay.counter.cts.from_native import RowReader, UnreadableRow
from relay.counter.cts.session import RootNetSession
from relay.counter.cts.to_native import page
from relay.counter.cts.wire import FUTURES, FUTURES_FUNDS, ORDERS, POSITIONS, TRADES, CtsReply, error_of, text_of
from relay.counter.cts.words import ExchangeLetters
from relay.counter.translated.complaints import Complaints
from relay.counter.translated.native import Row
from relay.counter.translated.tools import in_slices
from relay.counter.translated.values import NativeRefused, OrderState, TradeState, Values
from relay.settings.cts_section import CtsSettings

_log = structlog.get_logger(__name__)
MOST_PAGES = 1000
T = TypeVar("T")
NativeRow = Mapping[str, Any]


def _unreadable(of: str, why: str, rows: int) -> None:
    _log.warning("cts_row_unreadable", of=of, why=why, rows=rows)


@dataclass(frozen=True, slots=True)
class QueryTools:
    """What all accounts of a process share."""

    settings: CtsSettings
    letters: ExchangeLetters
    reader: RowReader
    complaints: Complaints = field(default_factory=lambda: Complaints(_unreadable))


class AccountQueries:
    """Who asks holds the session's `questions`. Each raises NotSent, AnswerLost and NativeRefused."""

    def __init__(self, session: RootNetSession, who: Values, tools: QueryTools) -> None:
        self._session = session
        self._who = who
        self._acct_id = who["InvestorID"]
        self._settings = tools.settings
        self._letters = tools.letters
        self._reader = tools.reader
        self._complaints = tools.complaints

    async def day(self) -> tuple[list[OrderState], list[TradeState], bool]:
        """All orders and trades; and whether every order that the counter has is among them."""
        about = {"acctId": self._acct_id}
        orders = await self._pages(ORDERS, "orderInfo", {**about, "withdrawFlag": "N"})
        trades = await self._pages(TRADES, "knockInfo", about)
        states = await self._read(orders, self._reader.order, "16011")
        is_whole = len(states) == len(orders) < MOST_PAGES * self._settings.max_rows
        return states, await self._read(trades, self._reader.trade, "16012"), is_whole

    async def order(self, contract: tuple[str, str]) -> OrderState | None:
        """One order, by exchange and number."""
        exchange, number = contract
        letter = self._letters.by_name.get(exchange, "")
        condition = {"acctId": self._acct_id, "exchId": letter, "contractNum": number, "withdrawFlag": "N"}
        rows = await self._rows(ORDERS, "orderInfo", page(ORDERS, condition, 1, self._settings.max_rows))
        states = await self._read(rows, self._reader.order, "16011")
        return next((state for state in states if (state.exchange_id, state.native_id) == contract), None)

    async def alive(self) -> None:
        """A small question."""
        await self._rows(FUTURES_FUNDS, "acctInfo", self._funds_query())

    async def answer(self, method: str, values: Values, trading_day: str) -> Sequence[Row]:
        """A terminal's query, but for those that the relay answers by itself."""
        letter = self._letters.by_name.get(values.get("ExchangeID", ""), "")
        about = {"acctId": self._acct_id} | ({"exchId": letter} if letter else {})
        about |= {"stkId": values["InstrumentID"]} if values.get("InstrumentID") else {}
        match method:
            case "ReqQryOrder":
                rows = await self._pages(ORDERS, "orderInfo", {**about, "withdrawFlag": "N"})
                return await self._read(rows, self._reader.order, "16011")
            case "ReqQryTrade":
                return await self._read(await self._pages(TRADES, "knockInfo", about), self._reader.trade, "16012")
            case "ReqQryInvestorPosition":
                who = {**self._who, "TradingDay": trading_day}
                rows = await self._pages(POSITIONS, "positionInfo", about)
                parts = await self._read(rows, lambda row: self._reader.positions(row, who), "16006")
                return [position for part in parts for position in part]
            case "ReqQryTradingAccount":
                rows = await self._rows(FUTURES_FUNDS, "acctInfo", self._funds_query())
                return await self._read(rows, lambda row: self._reader.funds(row, self._who, trading_day), "16002")
            case _:
                return await self._instruments(letter)

    def _funds_query(self) -> dict[str, Any]:
        return {"acctId": self._acct_id, "currencyId": self._settings.currency}

    async def _instruments(self, letter: str) -> list[Values]:
        """11003 takes one exchange; without one, all are asked for."""
        found: list[Values] = []
        for one in [letter] if letter else list(self._letters.by_letter):
            rows = await self._pages(FUTURES, "futureList", {"exchId": one})
            found += await self._read(rows, self._reader.instrument, "11003")
        return found

    async def _pages(self, msg_type: int, name: str, condition: dict[str, Any]) -> list[NativeRow]:
        """All rows: pages until one is not full. A counter that gives one page for ever is not believed."""
        size = self._settings.max_rows
        found: list[NativeRow] = []
        before: list[NativeRow] = []
        for number in range(1, MOST_PAGES + 1):
            rows = await self._rows(msg_type, name, page(msg_type, condition, number, size))
            if rows and rows == before:
                _log.warning("cts_pages_repeat", msg_type=msg_type)
                break
            found += rows
            before = rows
            if len(rows) < size:
                break
        return found

    async def _rows(self, msg_type: int, name: str, request: Mapping[str, Any]) -> list[NativeRow]:
        replies = await self._session.send(msg_type, request)
        if not replies[-1].ok:
            raise NativeRefused(error_of(replies[-1]))
        # Asked for one account, a counter may answer with more, as CTP's does an operator.
        return [row for row in _rows_of(replies, name) if text_of(row, "acctId") in {"", self._acct_id}]

    async def _read(self, rows: Sequence[NativeRow], read: Callable[[NativeRow], T], of: str) -> list[T]:
        """In slices, between which others have their turn: a day may have thousands."""
        found: list[T] = []
        async for row in in_slices(rows):
            try:
                found.append(read(row))
            except UnreadableRow as error:
                self._complaints.unreadable(of, error)
        return found


def _rows_of(replies: Sequence[CtsReply], name: str) -> list[Mapping[str, Any]]:
    """The rows of an answer, in a list or one a message; what is no object is left out."""
    rows: list[Mapping[str, Any]] = []
    for reply in replies:
        found = reply.data.get(name)
        rows += [row for row in (found if isinstance(found, list) else [found]) if isinstance(row, dict)]
    return rows
