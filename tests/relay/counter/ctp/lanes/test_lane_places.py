"""What is known of each request's and event's references is worked out once, at the start."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Struct
from relay.counter.ctp.delivery import repetitions
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.lanes import lane_places as places_of_lanes
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.orders.router import OrderRouter
from relay.counter.ctp.orders.tables import RouterTables
from tests.relay.counter.ctp.ctp_bodies import CATALOG, OWNERSHIP, SCOPES


def test_a_session_looks_through_no_struct(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are three hundred of them: it took seven milliseconds of the event loop, at each login in many-to-many."""
    tables = RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners())
    looked_through: list[str] = []

    def looked(struct: Struct) -> None:
        looked_through.append(struct.name)

    for module in (places_of_lanes, repetitions):
        monkeypatch.setattr(module, "ref_places", looked)
    lanes = Lanes(tables.lane_places, OWNERSHIP)
    OrderRouter(tables, lanes, operator_id="", has_firm=False, is_live=lambda: True, next_request_id=lambda: 1)

    assert looked_through == []
