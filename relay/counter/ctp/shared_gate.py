"""What a call has to ask the firm's other relay processes before it is sent, and the order of those that wait.

Two kinds ask: an insert with a client_order_key that is new here, and a cancel of an order that another process
named. Everything else passes at once, unless such a call of the same terminal waits before it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

from relay.counter.ctp.link import CtpCall, CtpLink
from relay.counter.ctp.request_desk import repeated
from relay.counter.port import CallOutcome
from relay.counter.shared_orders import SharedOrders
from relay.domain.lanes import Lanes
from relay.domain.order_keys import FirstOrder
from relay.refusals import call_reasons
from relay.refusals.refusal import Refused

Send = Callable[[CtpLink, CtpCall, bytearray, Callable[[], None]], Awaitable[CallOutcome]]
"""sends a call; says so with the last argument once its place in the queue of its counter session is taken"""


class SharedGate:
    """The gate of one counter session."""

    def __init__(self, shared: SharedOrders, lanes: Lanes) -> None:
        self._shared = shared
        self._lanes = lanes

    def is_open(self, link: CtpLink, call: CtpCall, body: bytearray) -> bool:
        """Whether the call may be sent without asking, and without overtaking one that asks."""
        if link.line:
            return False
        return not self._new_key(link, call, body) and self._lanes.named_elsewhere(link.lane, call.method, body) is None

    async def recall(self, investor_id: str) -> None:
        """Know what other processes sent for this investor today; raises Refused."""
        self._lanes.recall(await self._shared.of_investor(investor_id))

    async def send(self, link: CtpLink, call: CtpCall, body: bytearray, send: Send) -> CallOutcome:
        """Ask, then send; raises Refused, e.g. where the call's time runs out first."""
        clock = asyncio.get_running_loop().time
        until = clock() + call.valid_for
        with link.line.place() as place:
            try:
                async with asyncio.timeout_at(until):
                    await place.reached()
                    content = self._new_key(link, call, body)
                    first = await self._claim(link, call, content) if content else None
                    await self._look_up(link, call, body)
            except TimeoutError:
                raise Refused(call_reasons.deadline_passed()) from None
            if first is not None:
                return repeated(first)
            call = dataclasses.replace(call, valid_for=until - clock())
            if not content:
                return await send(link, call, body, place.leave)
            return await self._send_claimed(link, call, body, place.leave, send)

    async def _send_claimed(
        self, link: CtpLink, call: CtpCall, body: bytearray, leave: Callable[[], None], send: Send
    ) -> CallOutcome:
        sent = False
        try:
            outcome = await send(link, call, body, leave)
            sent = outcome.return_code == 0
        finally:
            self._shared.release(link.lane.identity.investor_id, call.client_order_key, sent=sent)
        if sent:
            # The terminal may go to another process as soon as it has its answer, and repeat the key there.
            await self._shared.settled()
        return outcome

    def _new_key(self, link: CtpLink, call: CtpCall, body: bytearray) -> bytes:
        """What the call's key would stand for, where this process does not know it yet."""
        if not call.client_order_key:
            return b""
        content = self._lanes.content(call.method, body)
        return b"" if self._lanes.knows_key(link.lane, call.client_order_key, content) else content

    async def _claim(self, link: CtpLink, call: CtpCall, content: bytes) -> FirstOrder | None:
        return await self._shared.claim(link.lane.identity.investor_id, call.client_order_key, content)

    async def _look_up(self, link: CtpLink, call: CtpCall, body: bytearray) -> None:
        name = self._lanes.named_elsewhere(link.lane, call.method, body)
        entry = await self._shared.named(name) if name is not None else None
        if entry is not None and entry.investor_id == link.lane.identity.investor_id:
            self._lanes.recall([entry])
