"""Any callback on command: what CTP could say that the simulated trading would not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ctpabi.codec import layout
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import investor_ids
from tests.simcounter.raw_shim import RawShim, limit_order

INVESTOR, OTHER = investor_ids()[:2]


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(CounterConfig(trading_day="20261123")) as running:
        yield running


async def test_a_notice_is_told_to_its_investor(counter: SimulatedCounter) -> None:
    """With the fields that were given, and an ErrorID where it is an error notice; to no other."""
    async with RawShim(counter) as shim:
        await shim.log_in()
        counter.control.tell("OnRtnQuote", {"InvestorID": OTHER}, investor_id=OTHER)
        counter.control.tell("OnErrRtnQuoteInsert", {"InvestorID": INVESTOR}, investor_id=INVESTOR, error_id=31)
        event = await shim.event()

    assert (event.callback, event.error_id) == ("OnErrRtnQuoteInsert", 31)
    assert event.values is not None
    assert event.values["InvestorID"] == INVESTOR


async def test_a_request_is_answered_by_another_callback(counter: SimulatedCounter) -> None:
    """Once, under the request's own id; binary fields are given as hexadecimal text."""
    values = {"CaptchaInfoLen": 3, "CaptchaInfo": "00ff41"}
    counter.control.answer("ReqQryOrder", "OnRspGenUserCaptcha", values)
    async with RawShim(counter) as shim:
        await shim.log_in()
        asked = shim.call("ReqQryOrder")
        event = await shim.event()
        shim.call("ReqQryOrder")
        usual = await shim.event()

    assert (event.callback, event.request_id) == ("OnRspGenUserCaptcha", asked)
    assert event.values is not None
    assert event.values["CaptchaInfo"] == b"\x00\xff\x41"
    assert usual.callback == "OnRspQryOrder"


async def test_an_unknown_callback_or_field_is_refused(counter: SimulatedCounter) -> None:
    """A mistyped command is refused with the reason."""
    with pytest.raises(ValueError, match="OnRtnNothing"):
        counter.control.tell("OnRtnNothing", {})
    with pytest.raises(layout.UnknownField, match="Nothing"):
        counter.control.tell("OnRtnQuote", {"Nothing": 1})


async def test_a_refusal_on_command_is_told_as_ctp_tells_it(counter: SimulatedCounter) -> None:
    """OnRsp… to who asked and, where CTP has one, OnErrRtn… to the user."""
    counter.control.refuse("ReqOrderInsert", 31, "资金不足", times=1)
    async with RawShim(counter) as shim:
        await shim.log_in()
        shim.call("ReqOrderInsert", **limit_order())
        sent = [await shim.event(), await shim.event()]

    assert [event.callback for event in sent] == ["OnRspOrderInsert", "OnErrRtnOrderInsert"]
    assert {event.error_msg for event in sent} == {"资金不足"}
