"""On one operator's session: nobody acts on what is somebody else's, floods it, or comes in under another spelling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from terminal_client import CallRefused, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.refusals import Attempt, refused
from tests.e2e.site import INVESTORS, WILL_REST, Site, buy, collect_now, first

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def reason_of(call: Awaitable[Any]) -> str:
    """Why it was refused; empty where it was sent."""
    try:
        await call
    except CallRefused as error:
        return error.refusal.reason
    return ""


def cancel_of(number: str, exchange: str = "SHFE", **more: Any) -> ctp.InputOrderAction:
    return ctp.InputOrderAction(
        exchange_id=exchange, order_sys_id=number, action_flag=enums.ACTION_FLAG_DELETE, instrument_id="rb2701", **more
    )


def cancelled(terminal: RelayTerminal, body: ctp.InputOrderAction) -> Awaitable[Any]:
    return terminal.request("order_action", body, deadline=30, valid_for=20)


async def test_another_investors_order_is_cancelled_in_no_spelling_and_ones_own_in_every(
    start_site: StartRelay,
) -> None:
    """The stranger's cancels never reach the counter; the owner cancels by the number as he likes to write it."""
    site = await start_site(Mode.MANY_TO_ONE)
    async with site.logged_in(INVESTORS[0]) as owner, site.logged_in(INVESTORS[1]) as stranger:
        notices = owner.orders()
        await owner.request("order_insert", buy(WILL_REST), deadline=30)
        number = (await first(notices, lambda item: bool(item.order_sys_id.strip()))).order_sys_id
        plain = number.strip()
        spellings = [
            number, plain, plain.ljust(20), f"\t{plain}", f"{plain}\t", plain.rjust(20, "0"), f"\u3000{plain}",
            "".join(chr(ord(digit) + 0xFEE0) for digit in plain),
        ]  # fmt: skip

        tried = [await reason_of(cancelled(stranger, cancel_of(one, at))) for one in spellings for at in ("SHFE", "")]
        unsent = site.called("ReqOrderAction")
        await cancelled(owner, cancel_of(spellings[-1]))
        ended = await first(notices, lambda item: item.order_status == enums.ORDER_STATUS_CANCELED)

    assert set(tried) == {"number_not_shown"}
    assert unsent == 0
    assert ended.order_sys_id == number


async def test_a_trading_code_must_be_the_investors_by_the_counters_own_answer(start_site: StartRelay) -> None:
    """His own is sent, after one question; another's is refused by name, and an empty field asks nothing."""
    site = await start_site(Mode.MANY_TO_ONE)
    async with site.logged_in(INVESTORS[0]) as terminal:
        asked: list[int | str] = [site.called("ReqQryTradingCode")]
        for code in ("", INVESTORS[0], INVESTORS[1], INVESTORS[0]):
            order = buy(WILL_REST)
            order.client_id = code
            asked.append(await reason_of(terminal.request("order_insert", order, deadline=30, valid_for=20)))
            asked.append(site.called("ReqQryTradingCode"))

    assert asked == [0, "", 0, "", 1, "not_your_trading_code", 1, "", 1]


async def test_a_flood_of_parked_orders_is_refused_by_name_and_reaches_no_other_terminal(
    start_site: StartRelay,
) -> None:
    """Every one of three hundred is answered; the counter gets what the class allows, and others trade."""
    site = await start_site(Mode.MANY_TO_ONE, limits__others_per_second=5, limits__transfers_per_second=2)
    async with site.logged_in(INVESTORS[0]) as busy, site.logged_in(INVESTORS[1]) as calm:
        before = site.called("ReqParkedOrderInsert"), site.called("ReqFromBankToFutureByFuture")

        async def park() -> str:
            return await reason_of(
                busy.request("parked_order_insert", ctp.ParkedOrder(instrument_id="rb2701"), deadline=30)
            )

        async def transfer() -> str:
            body = ctp.ReqTransfer(account_id=INVESTORS[0], bank_id="1", trade_amount=1.0, currency_id="CNY")
            return await reason_of(busy.request("from_bank_to_future_by_future", body, deadline=30))

        flood = asyncio.gather(*(park() for _ in range(300)), *(transfer() for _ in range(300)))
        order = await reason_of(calm.request("order_insert", buy(WILL_REST), deadline=30))
        reasons = await flood

    assert order == ""
    assert (len(reasons), set(reasons)) == (600, {"", "too_fast"})
    parked, moved = (site.called(name) for name in ("ReqParkedOrderInsert", "ReqFromBankToFutureByFuture"))
    sent = sum(not one for one in reasons)
    assert parked + moved - sum(before) == sent
    assert sent < 300


@pytest.mark.parametrize(
    "written", [f" {INVESTORS[0]}", f"{INVESTORS[0]} ", f"{INVESTORS[0]}\t", f"\uff11{INVESTORS[0][1:]}"]
)
async def test_an_investors_id_comes_in_one_spelling_in_both_modes(
    site: Site, bystander: RelayTerminal, written: str
) -> None:
    """Refused by name, with the right password, before anything reaches the counter."""
    refusal = await refused(site, bystander, Attempt(investor_id=written).log_in(site, await collect_now()))

    assert refusal.reason == "request_malformed"
