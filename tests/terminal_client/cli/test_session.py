"""Which notices tell a command that it failed."""

from __future__ import annotations

import pytest

from ctprelay.ctp.v1 import events_pb2
from terminal_client.cli.session import error_id_of

FAILED = [
    events_pb2.Event(rsp_info={"error_id": 31}, err_rtn_order_insert={}),
    events_pb2.Event(rtn_from_bank_to_future_by_future={"error_id": 1006}),
    events_pb2.Event(rsp_info={"error_id": 90}, rsp_error={}),
]
WENT_WELL = [
    events_pb2.Event(rtn_order={"order_ref": "1"}),
    events_pb2.Event(rtn_from_bank_to_future_by_future={"trade_amount": 1.0}),
    events_pb2.Event(),
]


@pytest.mark.parametrize("notice", FAILED)
def test_a_failure_is_seen_wherever_the_counter_writes_it(notice: events_pb2.Event) -> None:
    """Beside the struct, or inside it as the bank does: money that did not move is no success."""
    assert error_id_of(notice) != 0


@pytest.mark.parametrize("notice", WENT_WELL)
def test_a_success_is_no_failure(notice: events_pb2.Event) -> None:
    """Structs with and without an ErrorID of their own."""
    assert error_id_of(notice) == 0
