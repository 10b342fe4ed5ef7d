"""A relay in front of a CTS counter, with a terminal as it is: the same client, the same orders, another language behind it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import CallRefused, LoginRejected, RelayTerminal
from terminal_client.collectors import Collectors
from terminal_client.proof import auth_info
from terminal_client.subscriptions import Subscription
from tests.e2e.cts_relay import REPORTED, CtsRelayProcess, collectors_in, cts_site, log_in_at_cts
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.relay_pair import relay_pair
from tests.e2e.relay_process import TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    INVESTORS,
    TERMINAL,
    WILL_FILL,
    WILL_REST,
    Site,
    buy,
    eventually,
    first,
    trade,
)
from tests.e2e.test_relay_failover import cancel
from tests.e2e.test_slow_reader import everything_left

pytestmark = pytest.mark.asyncio(loop_scope="session")
BUYER, OTHER = INVESTORS[0], INVESTORS[1]
KEPT_BYTES, PUSHES = 64 * 1024, 1500
"""what the relay keeps for a terminal to resume from, and trades of which each is told with its order"""
KNOCK = {
    "acctId": BUYER, "exchId": "S", "contractNum": "1", "stkId": "rb2701", "bsFlag": "B", "f_offSetFlag": "OPEN",
    "knockQty": 1, "knockPrice": 3500, "returnType": "2",
}  # fmt: skip
MORE_THAN_THERE_IS = 400
"""lots at the market's best price"""


async def status_of(order_ref: str, status: str, orders: Subscription[ctp.Order]) -> ctp.Order:
    """This terminal's order, when it has come to this status."""
    return await first(orders, lambda item: (item.order_ref, chr(item.order_status)) == (order_ref, status))


@pytest.mark.parametrize("own_mode", list(Mode), ids=lambda mode: mode.value)
async def test_a_terminal_trades_through_a_cts_counter(own_mode: Mode, tls: TlsFiles, tmp_path: Path) -> None:
    """What is CTS's own: names, the terminal's information, refusals; the relay is killed or stopped and comes back.

    The day that ends as at every other system, with its break, is test_every_system's.
    """
    async with cts_site(own_mode, tls, tmp_path, sessions__journal_bytes=KEPT_BYTES) as site:
        collectors = collectors_in(tmp_path)
        async with site.terminal() as terminal:
            canceled = await bought_and_canceled(terminal, collectors)
            await refused_in_time(terminal)
        await nothing_without_information(site)
        if own_mode is Mode.MANY_TO_ONE:  # the same file on disk in both modes, and a start costs seconds
            await known_after_a_kill(site, collectors, canceled)
        else:
            await cut_where_it_reads_nothing(site, collectors)
            await stopped_with_an_order_on_its_way(site, collectors)
        reports = [row for row in site.counter.tmdb.reports(user_id=BUYER) if row.inner_info]
        verified = site.relay.command("ledger", "verify").returncode

    assert verified == 0
    assert {(row.kind, row.inner_info) for row in reports} == {("cts", REPORTED)}
    kinds = [entry.kind for entry in site.relay.ledger()]
    assert kinds.index("terminal_admitted") < kinds.index("terminal_report")
    assert leaks(site.relay) == []


async def bought_and_canceled(terminal: RelayTerminal, collectors: Collectors) -> str:
    """The OrderRef of an order that is partly filled and canceled."""
    info = await log_in_at_cts(terminal, BUYER, collectors)
    orders = terminal.orders()
    resting = (await terminal.requests.order_insert(buy(WILL_FILL, MORE_THAN_THERE_IS))).order_ref
    await status_of(resting, "1", orders)
    await terminal.requests.order_action(cancel(info, resting))
    await status_of(resting, "5", orders)

    assert info.counter is not None
    assert info.counter.system == "cts"
    assert {"SHFE=S(futures)", "DCE=D(futures)", "unmapped=E"} <= set(map(str, info.counter.exchanges))
    assert info.counter.accounts == (BUYER,)
    return resting


async def refused_in_time(terminal: RelayTerminal) -> None:
    """What CTS has no word for, and another's account: neither reaches the counter."""
    for change, reason in (
        ({"stop_price": 1.0}, "field_not_offered_by_counter"),
        ({"investor_id": OTHER}, "not_your_investor"),
    ):
        order = buy(WILL_REST)
        order.MergeFrom(ctp.InputOrder(**change))
        with pytest.raises(CallRefused) as refused:
            await terminal.requests.order_insert(order)
        assert refused.value.refusal.reason == reason
    with pytest.raises(CallRefused) as refused:
        await terminal.requests.qry_settlement_info(ctp.QrySettlementInfo())
    assert refused.value.refusal.reason == "not_offered_by_counter"


async def known_after_a_kill(site: Site, collectors: Collectors, order_ref: str) -> None:
    """Another process of the relay knows whose the order was, by its number on disk; and which order a key names."""
    order = buy(WILL_REST)
    async with site.terminal() as terminal:
        await log_in_at_cts(terminal, BUYER, collectors)
        keyed = await terminal.requests.order_insert(order, client_order_key="over-the-kill")
        await status_of(keyed.order_ref, "3", terminal.orders())
        before = site.called("ReqOrderInsert")
        await site.relay.kill()
    await site.relay.start()
    async with site.terminal() as terminal:
        info = await log_in_at_cts(terminal, BUYER, collectors)
        found = (await terminal.requests.qry_order(ctp.QryOrder())).rows
        repeated = await terminal.requests.order_insert(order, client_order_key="over-the-kill")
        again = await trade(terminal)

    assert {order_ref, keyed.order_ref} <= {row.order_ref for row in found}
    assert info.session_id
    assert again.volume == 1
    assert repeated.outcome.first_order_ref == keyed.order_ref
    assert site.called("ReqOrderInsert") == before + 1  # the one that traded


async def cut_where_it_reads_nothing(site: Site, collectors: Collectors) -> None:
    """The slow terminal's stream ends with the reason, the log names its session, and another investor's goes on meanwhile."""
    push = site.counter.control.commands()["cts_push"]
    async with site.terminal() as other, slow_stream(site) as slow:
        await log_in_at_cts(other, OTHER, collectors)
        await slow.log_in(await raw_login(slow))
        for number in range(PUSHES):
            push(acct_id=BUYER, values={**KNOCK, "knockCode": f"slow{number}"})
            await asyncio.sleep(0)
        await eventually("it is cut", lambda: "terminal_too_slow" in site.relay.output)
        filled = await trade(other)
        _, goodbye = await everything_left(slow)

    told = [line for line in map(json.loads, site.relay.output.splitlines()) if line["event"] == "terminal_too_slow"]
    assert len(told) == 1
    assert told[0]["session"] in {
        entry.session
        for entry in site.relay.ledger()
        if (entry.kind, entry.data.get("user_id")) == ("counter_login", BUYER)
    }
    assert goodbye.startswith("slow_reader")
    assert filled.volume == 1


def slow_stream(site: Site) -> AbstractAsyncContextManager[RawStream]:
    """GRPC reads ahead for a program by megabytes, unless it is set not to."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024)]
    return open_raw(site.relay.port, site.tls.authority.read_bytes(), options)


async def raw_login(stream: RawStream) -> pb.Login:
    """With the vendor's information, and without CTP's."""
    return pb.Login(
        auth_info=auth_info(AUTH_CODE, await stream.hello(TERMINAL)),
        broker_id=BROKER,
        investor_id=BUYER,
        password=demo_accounts.password_of(BUYER),
        collected=[pb.CollectedInfo(kind="cts:demo", info=REPORTED, length=len(REPORTED))],
        start_from=pb.START_FROM_NOW,
    )


async def stopped_with_an_order_on_its_way(site: Site, collectors: Collectors) -> None:
    """SIGTERM before the counter's answer: the relay ends in order, and the next process knows whose the order is; it is sent once."""
    order, before = buy(WILL_REST), site.called("ReqOrderInsert")
    site.counter.control.commands()["cts_delay"](msg_type=15001, seconds=60.0)
    async with site.terminal() as terminal:
        own = (await log_in_at_cts(terminal, BUYER, collectors)).session_id
        sent = await terminal.requests.order_insert(order, client_order_key="over-the-stop")
        await eventually("the counter has it", lambda: site.called("ReqOrderInsert") == before + 1)
        status = await site.relay.stop()
    await site.relay.start()
    async with site.terminal() as terminal:
        await log_in_at_cts(terminal, BUYER, collectors)
        found = (await terminal.requests.qry_order(ctp.QryOrder())).rows
        again = await terminal.requests.order_insert(order, client_order_key="over-the-stop")

    assert status == 0
    mine = [row for row in found if (row.session_id, row.order_ref) == (own, sent.order_ref)]
    assert [chr(row.order_status) for row in mine] == ["3"]
    assert again.outcome.first_order_ref == sent.order_ref
    assert site.called("ReqOrderInsert") == before + 1


@pytest.mark.postgres
async def test_a_key_orders_once_at_both_relays(tls: TlsFiles, tmp_path: Path, postgres_url: str) -> None:
    """Sent to both at once, and repeated where the terminal goes when the first relay is killed."""
    order, collectors = buy(WILL_REST), collectors_in(tmp_path)
    async with (
        SimulatedCounter(CounterConfig(system="cts")) as counter,
        relay_pair(Mode.MANY_TO_MANY, tls, tmp_path, counter, postgres_url, process=CtsRelayProcess) as (one, other),
        other.terminal() as there,
    ):
        await log_in_at_cts(there, BUYER, collectors)
        async with one.terminal() as here:
            name = await log_in_at_cts(here, BUYER, collectors)
            sent = await here.requests.order_insert(order, client_order_key="K1")
            calls = (at.requests.order_insert(order, client_order_key="K2") for at in (here, there))
            raced = await asyncio.gather(*calls, return_exceptions=True)
            await one.relay.kill()
        again = (await there.requests.order_insert(order, client_order_key="K1")).outcome
        second = (await there.requests.order_insert(order, client_order_key="K2")).outcome
        await trade(there)
        called = other.called("ReqOrderInsert")

    refused = [one.refusal.reason for one in raced if isinstance(one, CallRefused)]
    assert (again.first_front_id, again.first_session_id) == (name.front_id, name.session_id)
    assert again.first_order_ref == sent.order_ref
    assert second.first_order_ref
    assert set(refused) <= {"order_key_in_doubt"}
    assert called == 3


async def nothing_without_information(site: Site) -> None:
    """The counter asks for it, and this terminal has none."""
    async with site.terminal() as terminal:
        with pytest.raises(LoginRejected) as rejected:
            await log_in_at_cts(terminal, BUYER, Collectors())
    assert rejected.value.reason == "collected_info_missing"
    assert "cts:demo" in rejected.value.message
