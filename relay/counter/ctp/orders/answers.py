"""The way up of answers: whose each is, who else asked the same, and what of it each of them gets.

Answers are known by the request id the counter echoes (CTP fact 52). OnRspError may answer any request, and without
a request id it speaks of the connection (CTP fact 62).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from typing import Final

from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Catalog
from ctpabi.codec import text
from ctpabi.codec.cells import text_cell
from relay.counter.ctp.identity.scope_table import Priority
from relay.counter.ctp.orders.calls import OpenCall, RouterLink, UnansweredCalls
from relay.counter.ctp.orders.outputs import Output, Warned
from relay.counter.ctp.orders.view import EventView
from relay.counter.ctp.queries.query_cache import QueryCache, Row
from relay.counter.port import CounterEvent

_FUNDS: Final = "OnRspQryTradingAccount"
_NO_ERROR: Final = 0, b""
_Asker = tuple[RouterLink, int]
"""who asked, and its own request id"""


class Lost(Enum):
    """Why an answer will not come; the value is what whoever asked is told."""

    BROKEN = "连接中断，未得到答复 / the connection broke before the answer"
    LATE = "柜台未在时限内答复 / the counter did not answer in time"
    UNSENT = "请求未能发出 / the request could not be sent"


class Answers:
    """The answers of one counter session."""

    def __init__(self, catalog: Catalog, view: EventView, out: list[Output]) -> None:
        """`out` gets what is to be done beside."""
        self._view = view
        self._out = out
        self.unanswered = UnansweredCalls()
        self.cache: QueryCache[_Asker] = QueryCache(catalog)
        self._withheld: set[tuple[str, str]] = set()
        self._account_cell = text_cell(catalog.structs["TradingAccount"], "AccountID")

    def known(self, call: OpenCall) -> bool:
        """Whether a public answer is known or under way; what there is of it is given at once."""
        if not call.is_public:
            return False
        call.cache_key = self.cache.key(call.method, call.body)
        known = self.cache.ask(call.cache_key, (call.link, call.number), fresh=call.fresh)
        if known is None:
            return False
        call.link.items.put_later(call.number, self._rows(call.link, call.number, known, _NO_ERROR))
        return True

    def give(self, call: OpenCall, event: RawEvent) -> None:
        """One callback of the answer to `call`."""
        row, rsp = _row(event), event.error
        askers: tuple[_Asker, ...] = ((call.link, call.number),)
        if call.cache_key is not None:
            askers = self.cache.answered(call.cache_key, row, error_id=rsp[0])
        is_row = call.priority is Priority.QUERY
        for link, number in askers:
            shown = self._rows(link, number, (row,), rsp)
            if is_row:
                link.items.put_later(number, shown)
            elif (item := next(shown)) is not None:
                link.items.put(item)

    def give_unasked(self, event: RawEvent, links: Iterable[RouterLink]) -> None:
        """An error that answers no request speaks of the connection, 4040 say: the API and the front do not match.

        It is logged, and told to the terminal whose own session it is; an operator's session is no terminal's business.
        """
        error_id, message = event.error
        self._out.append(Warned("counter_error", {"error_id": error_id, "text": text.decode(message)}))
        for link in links:
            link.items.put(self._view.answer(_row(event), 0, link.lane.identity, event.error))

    def lose(self, call: OpenCall, why: Lost, *, asker_knows: bool = False) -> None:
        """The answer will not come: everybody who waits hears of it, but for the asker where it was told already."""
        self.unanswered.settle(call)
        first = call.link, call.number
        askers = self.cache.abandon(call.cache_key) if call.cache_key is not None else (first,)
        for link, number in askers:
            if not asker_knows or (link, number) != first:
                if call.is_question:
                    link.questions.discard(number)
                link.items.put(self._view.lost(number, why.value))

    def drop(self, call: OpenCall) -> None:
        """It was not sent, as its result says: its number is free, and who joined its question hears of it."""
        if call.is_question:
            call.link.questions.discard(call.number)
        if call.cache_key is not None:
            self.lose(call, Lost.UNSENT, asker_knows=True)
        self.unanswered.settle(call)

    def _rows(
        self, link: RouterLink, number: int, rows: tuple[Row, ...], rsp: tuple[int, bytes]
    ) -> Iterator[CounterEvent | None]:
        """Rows as this terminal sees them; None for one of somebody else. An answer ends all the same."""
        for row in rows:
            if row.is_last:
                link.questions.discard(number)
            if self._view.is_own(row, link.lane.identity):
                self._learn_account(link, row)
                yield self._view.answer(row, number, link.lane.identity, rsp)
                continue
            self._warn_withheld(link, row)
            yield self._view.answer(replace(row, body=None), number, link.lane.identity, rsp) if row.is_last else None

    def _learn_account(self, link: RouterLink, row: Row) -> None:
        """Which fund account is this investor's, as the counter tells his own session: transfers name only that.

        An operator's session hears of everybody's accounts, so nothing is learned there: the directory decides.
        """
        identity = link.lane.identity
        if row.callback.name != _FUNDS or row.body is None or self._account_cell is None or identity.operator_id:
            return  # other answers may only repeat what a terminal wrote
        account = text.decode(self._account_cell.read(row.body))
        if account and account not in identity.accounts:
            link.lane.identity = replace(identity, accounts=identity.accounts | {account})

    def _warn_withheld(self, link: RouterLink, row: Row) -> None:
        """Said once of each kind: the directory may lack an account of the investor."""
        key = link.lane.identity.investor_id, row.callback.name
        if key not in self._withheld:
            self._withheld.add(key)
            facts: dict[str, object] = {"investor": key[0], "callback": key[1], "session": link.name}
            self._out.append(Warned("row_of_another_withheld", facts))


def _row(event: RawEvent) -> Row:
    """The callback of an answer, as the cache keeps it."""
    return Row(event.callback, event.body, event.is_last)
