"""91004 and 91105 under one token: each is sent once, and its answer read."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

import structlog

from relay.counter.port import NativeError
from relay.counter.translated.complaints import Complaints
from relay.counter.translated.values import AnswerLost, KnownOrder, NativeRefused, NewOrder, OrderState
from relay.counter.ufx.from_native import OPENS, text_of
from relay.counter.ufx.replies import FUNCTION_LEVEL, UfxReply, UfxRow
from relay.counter.ufx.split_closes import SplitCloses
from relay.counter.ufx.to_native import cancel_row
from relay.counter.ufx.token import UfxToken
from relay.counter.ufx.words import Ufx

_log = structlog.get_logger(__name__)
_TAKEN = "1"
"""success_flag of a cancel"""


class OrderOwner(Protocol):
    """Whose orders they are."""

    def heard_order(self, state: OrderState) -> None:
        """What an answer says of an order that its terminal must hear."""

    def look_at(self, error: NativeError | None) -> None:
        """An answer's error."""

    def read_soon(self) -> None:
        """The day is to be read: what became of an order is not known."""


class TokenOrders:
    """Of one account."""

    def __init__(self, owner: OrderOwner, token: UfxToken, closes: SplitCloses, complaints: Complaints) -> None:
        self._owner = owner
        self._token = token
        self._closes = closes
        self._complaints = complaints

    def place(self, order: NewOrder, row: UfxRow) -> Awaitable[str]:
        """The number under which it is shown; the answer raises NativeRefused, AnswerLost. Raises NotSent."""
        answer = self._token.send(Ufx.ORDER, [row])
        if order.values["CombOffsetFlag"] == OPENS:
            return self._opened(answer)
        self._closes.sent(order.name.key, order.values["VolumeTotalOriginal"])
        return self._closed(order, answer)

    async def _opened(self, answer: Awaitable[UfxReply]) -> str:
        return (await self._numbers(answer))[0]

    async def _closed(self, order: NewOrder, answer: Awaitable[UfxReply]) -> str:
        """Of a close that the counter split, the answer has a row for each part."""
        try:
            numbers = await self._numbers(answer)
        except (AnswerLost, NativeRefused):
            self._closes.lost(order.name.key)
            raise
        exchange = order.values["ExchangeID"]
        shown = self._closes.answered(order.name.key, exchange, numbers)
        whole = self._closes.whole((exchange, shown))
        if whole is not None:
            self._owner.heard_order(whole)
        return shown

    async def _numbers(self, answer: Awaitable[UfxReply]) -> list[str]:
        try:
            reply = await answer
        except AnswerLost:
            self._owner.read_soon()
            raise
        self._owner.look_at(reply.error)
        if reply.error is not None and self._token.is_dead(reply.error):
            raise AnswerLost  # what became of it, the day says under the next token
        if reply.error is not None:
            raise NativeRefused(reply.error)
        numbers = [text_of(row, "entrust_no") for row in reply.rows]
        if not numbers or not all(0 < len(number) <= 20 and number.isascii() for number in numbers):
            self._complaints.unreadable("order", "entrust_no is no identifier")
            self._owner.read_soon()
            raise AnswerLost
        return numbers

    def cancel(self, order: KnownOrder) -> Awaitable[Sequence[str]]:
        """The entrusts that it was sent for, where it was taken; the answer raises NativeRefused, AnswerLost. Raises NotSent."""
        parts = self._closes.parts_of((order.state.exchange_id, order.state.native_id))
        return self._canceled(self._token.send(Ufx.CANCEL, list(map(cancel_row, parts))), parts)

    async def _canceled(self, answer: Awaitable[UfxReply], parts: Sequence[str]) -> Sequence[str]:
        """Taken where one part of it was: others may be over."""
        reply = await answer
        self._owner.look_at(reply.error)
        if reply.error is not None:
            raise NativeRefused(reply.error)
        if _TAKEN not in {text_of(row, "success_flag") for row in reply.rows}:
            row = reply.rows[0] if reply.rows else {}
            cause = self._token.without_token(text_of(row, "fail_cause"))
            raise NativeRefused(NativeError(text_of(row, "success_flag"), cause, FUNCTION_LEVEL))
        return parts
