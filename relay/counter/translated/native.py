"""What an adapter gives a link: the session to which its terminal's requests go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

from relay.counter.translated.values import KnownOrder, NewOrder, OrderState, TradeState, Values
from relay.refusals.refusal import Refusal

Row = Values | OrderState | TradeState


class NativeSession(Protocol):
    """What a link's requests are given to. `place`, `cancel` and `ask` send before they return, or raise NotSent.

    What they return gives the answer, or raises NativeRefused or AnswerLost.
    """

    @property
    def live(self) -> bool:
        """Whether requests can be sent now."""

    @property
    def questions(self) -> asyncio.Lock:
        """One query at a time: who holds it asks."""

    def check_order(self, values: Values) -> Refusal | None:
        """What the counter has no word for."""

    def place(self, order: NewOrder) -> Awaitable[str]:
        """The counter's number of the order."""

    def cancel(self, order: KnownOrder) -> Awaitable[OrderState | None]:
        """What became of the order, where the counter says so."""

    def ask(self, method: str, values: Values) -> Awaitable[Sequence[Row]]:
        """The rows of a query."""
