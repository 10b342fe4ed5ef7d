"""Order notices by number: each is another state, so that a reader can be checked for all of them, in order, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ctprelay.ctp.v1 import events_pb2 as events
from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client.subscriptions import Subscription
from tests.e2e.site import BROKER, DEADLINE_SECONDS, Site, first

_REF = "999999"
_LONG = dict.fromkeys(("StatusMsg", "InstrumentID", "ExchangeInstID"), "一样的状态".ljust(35, "。"))
_SHORT = {"IPAddress": "9" * 32, "BusinessUnit": "9" * 20, "TraderID": "9" * 20, "MacAddress": "9" * 20}


async def tell_orders(site: Site, investor_id: str, numbers: Iterable[int]) -> None:
    """The counter tells the investor of these states, half a kilobyte each; a later login does not get them again."""
    records = site.counter.records
    same = {"BrokerID": BROKER, "InvestorID": investor_id, "UserID": investor_id, "OrderRef": _REF}
    same |= _LONG | _SHORT
    for number in numbers:
        notice = records.notice(investor_id, "OnRtnOrder", {**same, "SequenceNo": number})
        await site.counter.front.flood(notice, 1, patient=True)


def number_of(order: ctp.Order) -> int | None:
    """Which of them it is; None for any other order's."""
    return order.sequence_no if order.order_ref.strip() == _REF else None


async def numbers_until(orders: Subscription[ctp.Order], last: int) -> list[int]:
    """Every number that comes, up to `last`."""
    numbers: list[int] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for order in orders:
            number = number_of(order)
            if number is not None:
                numbers.append(number)
            if number == last:
                return numbers
    raise AssertionError(f"the subscription ended after {numbers[-1:]}")


async def refusal_of(notices: Subscription[events.Event]) -> tuple[int, str]:
    """CTP's number and words of the order that is refused next."""
    event = await first(notices, lambda event: event.WhichOneof("body") == "rsp_order_insert")
    return event.rsp_info.error_id, event.rsp_info.error_msg
