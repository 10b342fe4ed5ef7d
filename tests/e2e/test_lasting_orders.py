"""An order is sent once, in its time, or never: whatever waits, breaks or is repeated meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from terminal_client import CallRefused, Reply
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WILL_REST, Site, buy, counter_state, eventually, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVESTOR = INVESTORS[0]
PATIENT_SECONDS = 20.0
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)

Sent = Reply[ctp.InputOrder]


async def test_with_the_front_down_an_order_is_refused_and_never_sent_later(site: Site) -> None:
    """However long it may wait: the market at the front's return cannot be known before."""
    async with site.logged_in(INVESTORS[3]) as terminal:
        statuses, before = terminal.statuses(), site.called("ReqOrderInsert")
        await site.counter.stop_listening()
        await counter_state(statuses, "recovering")
        with pytest.raises(CallRefused) as caught:
            await terminal.request("order_insert", buy(), valid_for=PATIENT_SECONDS)
        await site.counter.listen()
        await counter_state(statuses, "live")
        await trade(terminal)

    assert (caught.value.refusal.source, caught.value.refusal.reason) == ("relay", "counter_unavailable")
    assert site.called("ReqOrderInsert") == before + 1


@both_modes
async def test_what_waits_too_long_is_answered_and_never_sent(start_site: StartRelay, mode: Mode) -> None:
    """A front that takes three packages a second: of four orders at once the impatient one is not sent any more."""
    site = await slow_front(start_site, mode)
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTOR)
        patient = [terminal.request("order_insert", buy(WILL_REST), valid_for=PATIENT_SECONDS) for _ in range(3)]
        impatient = terminal.request("order_insert", buy(WILL_REST), valid_for=0.05)
        *sent, late = await asyncio.gather(*patient, impatient, return_exceptions=True)
        await trade(terminal)

    assert all(isinstance(reply, Reply) for reply in sent)
    assert isinstance(late, CallRefused)
    assert late.refusal.reason == "deadline_passed"
    assert site.called("ReqOrderInsert") == len(sent) + 1


@both_modes
async def test_what_waits_when_the_front_goes_down_is_never_sent(start_site: StartRelay, mode: Mode) -> None:
    """It is refused at once, not kept for the time after."""
    site = await slow_front(start_site, mode)
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTOR)
        statuses = terminal.statuses()
        waiting = [
            asyncio.ensure_future(terminal.request("order_insert", buy(WILL_REST), valid_for=PATIENT_SECONDS))
            for _ in range(8)
        ]
        await eventually("the first is at the counter", lambda: site.called("ReqOrderInsert") > 0)
        await site.counter.stop_listening()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        arrived = site.called("ReqOrderInsert")
        site.counter.control.frequencies()
        await site.counter.listen()
        await counter_state(statuses, "live")
        await trade(terminal)

    refused = [result.refusal.reason for result in results if isinstance(result, CallRefused)]
    assert refused
    assert set(refused) == {"counter_unavailable"}
    assert site.called("ReqOrderInsert") == arrived + 1


async def test_a_forced_logout_is_final(start_site: StartRelay) -> None:
    """The terminal learns who ended its session and why; the relay does not log it in again, others trade on."""
    site = await start_site(Mode.MANY_TO_MANY)
    async with site.terminal() as forced, site.terminal() as other:
        await log_in(forced, INVESTORS[0])
        await log_in(other, INVESTORS[1])
        statuses, logins = forced.statuses(), site.called("ReqUserLogin")

        site.counter.control.force_out(INVESTORS[0])
        ended = await counter_state(statuses, "ended")
        await eventually("its stream has ended", lambda: forced.state.value == "ended")
        await trade(other)
        async with site.terminal() as later:
            await log_in(later, INVESTORS[2])

        assert "logged this session out" in ended.reason
        assert site.called("ReqUserLogin") == logins + 1
    assert ended.cause == "counter_logged_out"
    said = {"kind": "counter_ended", "reason": ended.reason}
    assert said in [e.data for e in site.relay.ledger() if e.kind == "terminal_logout"]


async def test_an_operator_who_is_forced_out_comes_back(start_site: StartRelay) -> None:
    """In many-to-one every terminal gets the reason, stays, and trades on; the relay is not restarted."""
    site = await start_site(Mode.MANY_TO_ONE)
    async with site.terminal() as one, site.terminal() as other:
        await log_in(one, INVESTORS[0])
        await log_in(other, INVESTORS[1])
        both = [one.statuses(), other.statuses()]

        site.counter.control.force_out("op0001")
        for statuses in both:
            assert "logged" in (await counter_state(statuses, "recovering")).reason
            await counter_state(statuses, "live")
        await one.requests.order_insert(buy(WILL_REST))

        assert site.called("ReqUserLogin") == 2


async def test_the_same_key_names_one_order(site: Site) -> None:
    """Sent twice, one after the other or at once, it is one order at the counter; the answer names it."""
    before = site.called("ReqOrderInsert")
    async with site.logged_in(INVESTORS[3]) as terminal:
        order = buy(WILL_REST)
        first: Sent = await terminal.requests.order_insert(order, client_order_key="one-after-the-other")
        again: Sent = await terminal.requests.order_insert(order, client_order_key="one-after-the-other")
        at_once = await asyncio.gather(
            *(terminal.requests.order_insert(order, client_order_key="at-once") for _ in range(5))
        )
        with pytest.raises(CallRefused) as caught:
            await terminal.requests.order_insert(buy(WILL_REST, volume=2), client_order_key="at-once")
        await trade(terminal)

    assert first.outcome.first_order_ref == ""
    assert again.outcome.first_order_ref == first.order_ref
    assert len({reply.order_ref for reply in at_once}) == 1
    assert caught.value.refusal.reason == "order_key_reused"
    assert site.called("ReqOrderInsert") == before + 2 + 1


async def test_a_key_names_one_order_whichever_session_of_its_investor_sends_it(site: Site) -> None:
    """In many-to-many each has a session at the counter; of two orders under one key at once one is sent."""
    before = site.called("ReqOrderInsert")
    async with site.logged_in(INVESTORS[3]) as one, site.logged_in(INVESTORS[3]) as other:
        same = [
            terminal.requests.order_insert(buy(WILL_REST), client_order_key="two-sessions")
            for _ in range(3)
            for terminal in (one, other)
        ]
        differing = [
            terminal.requests.order_insert(buy(WILL_REST, volume=volume), client_order_key="two-orders")
            for volume, terminal in ((1, one), (2, other))
        ]
        sent = await asyncio.gather(*same)
        raced = await asyncio.gather(*differing, return_exceptions=True)
        await trade(one)

    assert [reply.outcome.first_order_ref for reply in sent].count("") == 1
    assert [reply.refusal.reason for reply in raced if isinstance(reply, CallRefused)] == ["order_key_reused"]
    assert site.called("ReqOrderInsert") == before + 2 + 1


@both_modes
async def test_a_key_is_known_after_the_relay_was_killed(start_site: StartRelay, mode: Mode) -> None:
    """A terminal that does not know whether its order left asks with the same key, and gets the first order's name."""
    site = await start_site(mode)
    order = buy(WILL_REST)
    async with site.terminal() as terminal:
        await log_in(terminal, INVESTOR)
        first: Sent = await terminal.requests.order_insert(order, client_order_key="over-the-restart")
        await eventually("it is at the counter", lambda: site.called("ReqOrderInsert") == 1)
        await site.relay.kill()
    await site.relay.start()

    async with site.terminal() as terminal:
        await log_in(terminal, INVESTOR)
        again: Sent = await terminal.requests.order_insert(order, client_order_key="over-the-restart")
        await trade(terminal)

    assert again.outcome.first_order_ref == first.order_ref
    assert site.called("ReqOrderInsert") == 1 + 1


async def slow_front(start_site: StartRelay, mode: Mode, **settings: object) -> Site:
    """A counter that takes three packages a second, and says so."""
    site = await start_site(mode, prepare=lambda control: control.frequencies(packets=3), **settings)
    if mode is Mode.MANY_TO_ONE:
        await eventually("the operator is logged in", lambda: "op0001" in site.counter.control.status()["logged_in"])
    return site
