"""Calls that wait because a client_order_key is asked of the firm's other relay processes, and those behind them.

What is kept: each link's line, empty nearly always, with one task that serves it. A call stands in it where its key is new
in this process, or where one before it stands there. The key is claimed in the shared order map (`counter.ctp.order_map`) and the
order is sent when the claim is this process's; so of two processes that get a key at once one sends.

What holds between two events:

* The calls of one terminal are carried out in the order in which they came. Other terminals wait for none of them.
* A claim is released once: when its call has its result, or had one before the claim came.
* An order that was sent has its result when the other processes can know of it: the terminal may move to one of them at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.translated.link import TranslatedLink
from relay.counter.translated.names import OrderNames, content_of
from relay.counter.translated.tools import TakenCall
from relay.refusals import call_reasons, stream_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_Line = deque[tuple[TakenCall, asyncio.TimerHandle]]
"""each call with what ends it when its time is over"""


class KeyLines:
    """Of one desk; where the firm has one process only, nothing waits here."""

    def __init__(self, names: OrderNames, carry_out: Callable[[TakenCall], None], tasks: Tasks) -> None:
        """`carry_out` sends a call or refuses it, and does not wait."""
        self._names = names
        self._shared = names.shared
        self._carry_out = carry_out
        self._tasks = tasks
        self._lines: dict[TranslatedLink, _Line] = {}

    def takes(self, call: TakenCall) -> bool:
        """Whether it has to wait; then it is carried out when it is its turn, or has its result."""
        line = self._lines.get(call.link)
        if line is None:
            if not self._content_to_ask(call):
                return False
            line = self._lines[call.link] = deque()
            self._tasks.start(self._serve(call.link, line), f"line of {call.link.session}")
        timer = asyncio.get_running_loop().call_later(call.call.valid_for, call.refused, call_reasons.deadline_passed())
        line.append((call, timer))
        return True

    def forget(self, link: TranslatedLink) -> None:
        """The terminal is gone: what waits is not sent."""
        for call, _ in self._lines.get(link, ()):
            call.refused(stream_reasons.session_gone())

    async def _serve(self, link: TranslatedLink, line: _Line) -> None:
        try:
            while line:
                call, timer = line[0]
                await self._ask(call)
                line.popleft()
                timer.cancel()
                if not call.result.done():
                    self._carry_out(call)
                self._end(call)
        finally:
            del self._lines[link]
            for call, timer in line:  # it was canceled
                timer.cancel()
                call.refused(stream_reasons.session_gone())
                self._end(call)

    async def _ask(self, call: TakenCall) -> None:
        """Claim its key where it is new; or it has its result."""
        while not call.result.done() and (content := self._content_to_ask(call)):
            day = self._names.trading_day
            claiming = self._tasks.start(self._claim(call, content), f"key of {call.link.session}")
            await asyncio.wait({claiming, call.result}, return_when=asyncio.FIRST_COMPLETED)
            claiming.cancel()  # where the call has its result first
            if not call.claimed or self._names.trading_day == day:
                return
            self._end(call)

    async def _claim(self, call: TakenCall, content: bytes) -> None:
        investor_id, key = call.link.identity.investor_id, call.call.client_order_key
        found: FirstOrder | Refusal | None = None
        try:
            if self._shared is not None:
                found = await self._shared.claim(investor_id, key, content)
        except Refused as refused:
            found = refused.refusal
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("firm_not_asked", method=call.read.method)
            found = call_reasons.relay_fault()
        if isinstance(found, Refusal):
            call.refused(found)
        elif found is not None:
            call.repeated(found)
        else:
            call.claimed = True
            if call.result.done():
                self._end(call)

    def _end(self, call: TakenCall) -> None:
        """Release its claim, where it has one; an order that was sent has its result when the others can know of it."""
        if self._shared is None or not call.claimed:
            return
        call.claimed, sent = False, call.held is not None
        self._shared.release(call.link.identity.investor_id, call.call.client_order_key, sent=sent)
        if sent:
            told = self._tasks.start(self._shared.settled(), f"key of {call.link.session}")
            told.add_done_callback(lambda _: call.give_held())  # also where the desk stops meanwhile: it was sent

    def _content_to_ask(self, call: TakenCall) -> bytes:
        """What it orders under a key that is new here; empty where no other process is to be asked."""
        key = call.call.client_order_key
        if self._shared is None or not key or call.read.method != "ReqOrderInsert":
            return b""
        content = content_of(call.read.values)
        known = self._names.first(call.link.identity.investor_id, key, content)
        return content if known is None else b""
