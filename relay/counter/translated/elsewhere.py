"""A cancel that names an order which another relay process of the firm sent, by front, session and reference.

The counter's rows say whose an order is, so the book knows such an order as soon as it heard of it. Where no push brought it
here yet, or the counter pushes no orders, the shared order map (`counter.ctp.order_map`) says whether the investor has an order of
that name; only then are the day's orders read, which have the counter's number for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ctpabi.codec.text import encode
from relay.counter.ctp.lanes.lane import is_virtual
from relay.counter.ctp.lanes.named_orders import OrderName
from relay.counter.ctp.lanes.refs import RefSpace, parse_ref
from relay.counter.translated.names import OrderNames
from relay.counter.translated.native import Row
from relay.counter.translated.tools import TakenCall, in_slices
from relay.counter.translated.values import AnswerLost, NativeRefused, NotSent, Values
from relay.refusals import call_reasons, relay_reasons
from relay.refusals.refusal import Refusal, Refused

_log = structlog.get_logger(__name__)


def name_elsewhere(names: OrderNames, values: Values) -> OrderName | None:
    """What a cancel names as a terminal of another process does; None where it names no such order."""
    front, ref = values["FrontID"], parse_ref(encode(values["OrderRef"]))
    is_theirs = is_virtual(front) and front != names.front
    if names.shared is None or not is_theirs or not ref or values["OrderSysID"].strip():
        return None
    return RefSpace.ORDER, front, values["SessionID"], ref


async def hear_of_elsewhere(
    names: OrderNames, name: OrderName, pending: TakenCall, shown: Callable[[Row], object]
) -> Refusal | None:
    """Where the investor has such an order, `shown` has all orders of the day after this; else why not."""
    try:
        async with asyncio.timeout(pending.call.valid_for):
            entry = await names.shared.named(name) if names.shared is not None else None
            if entry is None or entry.investor_id != pending.link.identity.investor_id:
                return call_reasons.order_not_found()
            names.sent_elsewhere(entry)
            await _read_orders(pending, shown)
    except Refused as refused:
        return refused.refusal
    except TimeoutError:
        return call_reasons.deadline_passed()
    except (AnswerLost, NotSent, NativeRefused):
        return relay_reasons.counter_unavailable(why="(the day's orders could not be read)")
    except Exception:  # noqa: BLE001 - the call must be answered whatever happens
        _log.exception("firm_not_asked", method=pending.read.method)
        return call_reasons.relay_fault()
    return None


async def _read_orders(pending: TakenCall, shown: Callable[[Row], object]) -> None:
    native = pending.link.native
    async with native.questions:
        async for row in in_slices(await native.ask("ReqQryOrder", {})):
            shown(row)
