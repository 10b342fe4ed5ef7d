"""What `ctp-relay status` shows of the counter: whatever it is, never whose accounts are behind it."""

from __future__ import annotations

from ctprelay.v1 import terminal_pb2 as pb
from relay.admin.status import described
from relay.counter.port import CounterDescription, LoginLevel, OfferedLimit, Pushes
from relay.sessions import frames

OFFERED = CounterDescription(
    "cts",
    "1",
    product="rootnet 5.0",
    trading_day="20261123",
    seconds_ahead=0.5,
    levels=(LoginLevel("connection", up=True),),
    accounts=("30001", "30002"),
    limits=(OfferedLimit("orders", 50, 1.0),),
    pushes=Pushes(orders=True, trades=True, replay="query"),
    since="2026-11-23T09:00:00+08:00",
)


def test_no_account_of_an_investor_is_in_the_status() -> None:
    """An operator's screen is seen by others; everything else of the description is there, the product first of all."""
    shown = described(OFFERED)

    whole = frames.description(OFFERED)
    assert list(shown.accounts) == []
    assert b"30001" not in shown.SerializeToString()
    kept = {member.name for member, _ in whole.ListFields()} - {"accounts", "not_offered"}
    assert {member.name for member, _ in shown.ListFields()} == kept
    assert shown.product == "rootnet 5.0"
    assert isinstance(shown, pb.CounterDescription)
