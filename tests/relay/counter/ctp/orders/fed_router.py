"""An order router without a loop: a test feeds it, and keeps what comes out."""

from __future__ import annotations

import itertools
from typing import Any

from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.orders import outputs
from relay.counter.ctp.orders.calls import OpenCall, RouterLink
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.router import OrderRouter
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.outgoing import OutgoingItems
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkState, LinkStatus
from relay.refusals.refusal import Refusal
from tests.relay.counter.ctp.ctp_bodies import CATALOG, OWNERSHIP, PLACES, SCOPES, investor, request
from tests.relay.counter.ctp.played_board import OPERATOR, order_fields
from tests.relay.counter.ctp.terminal_calls import terminal_call

LOGIN = Attached("20261123", "09:30:00", 1, 77, 0, "3", "", 0)
BROKEN = LinkStatus(LinkState.RECOVERING, "front disconnected")


class Fed:
    """A router, and everything that came out of it."""

    def __init__(self, *, packages: int = 0, firm: bool = False) -> None:
        self.now = 0.0
        self.live = True
        self.packages = packages
        ids = itertools.count(1)
        self.router = OrderRouter(
            RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners()),
            Lanes(PLACES, OWNERSHIP),
            operator_id=OPERATOR,
            has_firm=firm,
            is_live=lambda: self.live,
            next_request_id=lambda: next(ids),
        )
        self._lane_numbers = itertools.count(1)
        self.codes: list[int] = []
        """each is what the API returns to one call; then 0"""
        self.sent: list[OpenCall] = []
        self.written: list[bytes] = []
        """each is what was written of one call: a call forgets it once it is sent"""
        self.results: list[tuple[OpenCall, CallOutcome | Refusal]] = []
        self.asks: list[outputs.AskFirm] = []
        self.log_in()

    def log_in(self) -> None:
        self.live = True
        self.router.logged_in(LOGIN, (1, self.packages), self.now)
        for link in self.router:
            link.reported = True

    def break_off(self) -> None:
        self.live = False
        self.router.lost(BROKEN, self.now)
        self.pump()

    def link(self, investor_id: str = "100001", limits: LinkLimits | None = None) -> RouterLink:
        limits, items = limits or LinkLimits(0, 0), OutgoingItems()
        identity = investor(investor_id, operator=OPERATOR)
        return self.router.open_link("s", identity, next(self._lane_numbers), limits, items, from_now=True)

    def submit(
        self, link: RouterLink, name: str, number: int, *, valid_for: float = 3.0, key: str = "", **fields: Any
    ) -> OpenCall | Refusal:
        call = terminal_call(name, request(name, **fields), number, valid_for, client_order_key=key)
        made = self.router.submit(link, call, self.now)
        self.pump()
        return made

    def order(self, link: RouterLink, ref: int, key: str = "") -> OpenCall | Refusal:
        return self.submit(link, "ReqOrderInsert", ref, key=key, **order_fields(OrderRef=str(ref)))

    def cancel(self, link: RouterLink, ref: int) -> OpenCall | Refusal:
        return self.submit(link, "ReqOrderAction", 1000 + ref, OrderRef=str(ref), ActionFlag="0")

    def pump(self) -> None:
        while (call := self.router.next(self.now)) is not None:
            if (body := self.router.write(call, self.now)) is not None:
                self.sent.append(call)
                self.written.append(bytes(body))
                self.router.returned(call, self.codes.pop(0) if self.codes else 0, self.now)
        for output in self.router.take():
            if isinstance(output, outputs.CallResult):
                self.results.append((output.call, output.result))
            elif isinstance(output, outputs.AskFirm):
                self.asks.append(output)

    def move(self, seconds: float) -> None:
        self.now += seconds
        self.pump()

    def answered(self, number: int, first: FirstOrder | None = None) -> None:
        self.router.firm_answered(self.asks[number], first, None, self.now)
        self.pump()

    def result(self, call: OpenCall | Refusal) -> str | int:
        """The reason it is refused with, or its return code; fails unless it has exactly one result."""
        assert isinstance(call, OpenCall)
        (found,) = [result for of, result in self.results if of is call]
        return found.reason if isinstance(found, Refusal) else found.return_code

    @property
    def names(self) -> list[str]:
        return [call.method.name for call in self.sent]


def events(link: RouterLink) -> list[tuple[int, int, bool]]:
    """(request id, ErrorID, is_last) of the answers that wait for a terminal."""
    items = [*link.items.take(), *link.items.make(lambda: 0.0, 1.0)]
    return [(item.request_id, item.error_id, item.is_last) for item in items if isinstance(item, CounterEvent)]
