"""Asks the firm's other relay processes what the router wants to know of them, one task for each call that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.orders.calls import OpenCall
from relay.counter.ctp.orders.outputs import AskFirm
from relay.counter.ctp.orders.router import OrderRouter
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log: Final = structlog.get_logger(__name__)


class FirmQuestions:
    """The questions of one counter session; without `shared` the firm has one process, and there are none."""

    def __init__(self, shared: OrdersInDatabase | None, router: OrderRouter, pump: Callable[[], None]) -> None:
        """The answers are fed to `router`; then `pump` is called."""
        self._shared = shared
        self._router = router
        self._pump = pump
        self._tasks = Tasks()
        self._asking: dict[OpenCall, asyncio.Task[None]] = {}

    async def of_investor(self, investor_id: str) -> Iterable[MapEntry]:
        """What other processes sent for this investor today; raises Refused."""
        return () if self._shared is None else await self._shared.of_investor(investor_id)

    def ask(self, ask: AskFirm) -> None:
        """Begin to ask; `end` ends it."""
        self._asking[ask.call] = self._tasks.start(self._ask(ask), f"firm asked for {ask.call.link.name}")

    def end(self, call: OpenCall, *, sent: bool, then: Callable[[], None]) -> None:
        """The call has its result; `then` is called when the other processes can know of it."""
        asking = self._asking.pop(call, None)
        if asking is not None:
            asking.cancel()
        if self._shared is not None and call.claimed:
            self._shared.release(call.link.lane.identity.investor_id, call.order_key, sent=sent)
            if sent:
                self._tasks.start(self._when_known(self._shared, then), f"key of {call.link.name}")
                return
        then()

    async def stop(self) -> None:
        """Ask nothing any more."""
        await self._tasks.cancel()

    async def _ask(self, ask: AskFirm) -> None:
        found: FirstOrder | Refusal | None = None
        entry = None
        try:
            if self._shared is not None and ask.name is not None:
                entry = await self._shared.named(ask.name)
            # Last: a claim that was made is handed to the call, and nothing comes between that could lose it.
            if self._shared is not None and ask.content:
                investor = ask.call.link.lane.identity.investor_id
                found = await self._shared.claim(investor, ask.call.order_key, ask.content)
        except Refused as refused:
            found = refused.refusal
        except Exception:  # noqa: BLE001 - the call must be answered whatever happens
            _log.exception("firm_not_asked", method=ask.call.method.name)
            found = call_reasons.relay_fault()
        del self._asking[ask.call]
        self._router.firm_answered(ask, found, entry, asyncio.get_running_loop().time())
        self._pump()

    @staticmethod
    async def _when_known(shared: OrdersInDatabase, then: Callable[[], None]) -> None:
        """The terminal may go to another process as soon as it has its answer, and repeat the key there."""
        try:
            await shared.settled()
        finally:
            then()  # also where the session ends meanwhile: it was sent
