"""What is known of each request's and event's references is worked out once, at the start."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Struct
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.orders.router import OrderRouter
from relay.counter.ctp.orders.tables import RouterTables
from tests.relay.counter.ctp.ctp_bodies import CATALOG, OWNERSHIP, SCOPES
from tests.relay.counter.ctp.orders.fed_router import LOGIN


def test_a_login_looks_through_few_structs(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are three hundred of them: it took ten milliseconds of the event loop, at each login in many-to-many."""
    tables = RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners())
    looked_through: set[str] = set()
    has = Struct.has

    def looked(struct: Struct, name: str) -> bool:
        looked_through.add(struct.name)
        return has(struct, name)

    monkeypatch.setattr(Struct, "has", looked)
    lanes = Lanes(tables.lane_places, OWNERSHIP)
    router = OrderRouter(tables, lanes, operator_id="", has_firm=False, is_live=lambda: True, next_request_id=lambda: 1)
    router.logged_in(LOGIN, (0, 0), 0.0)

    assert len(looked_through) < 5
