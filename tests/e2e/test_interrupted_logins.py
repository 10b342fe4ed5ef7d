"""Logins that are interrupted: nothing is left behind at the counter, and no terminal gets in twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from terminal_client import LoginRejected, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.refusals import Attempt
from tests.e2e.site import (
    INVESTORS,
    TERMINAL,
    Site,
    collect_now,
    counter_state,
    eventually,
    log_in,
    login_message,
    many_to_many_only,
    trade,
)
from tests.e2e.test_refused_by_the_counter import REPORT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@many_to_many_only
async def test_a_terminal_that_goes_away_during_its_login(site: Site, bystander: RelayTerminal) -> None:
    """The counter session opened for it is ended: no session stays logged in for a terminal that is gone."""
    logins, connections = site.called("ReqUserLogin"), site.counter.control.status()["connections"]
    present = site.counter.control.status()["logged_in"].count(INVESTORS[0])
    site.counter.control.delay("OnRspUserLogin", 1.0, times=1)
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        login = login_message(challenge, INVESTORS[0], await collect_now())
        await stream.send(pb.TerminalMessage(login=login))
        await eventually("the login is at the counter", lambda: site.called("ReqUserLogin") > logins)

    await eventually("the connection is closed", lambda: site.counter.control.status()["connections"] == connections)
    await eventually("the ledger has every login's end", lambda: _without_end(site) == set())
    assert site.counter.control.status()["logged_in"].count(INVESTORS[0]) == present
    await trade(bystander)


async def test_a_relay_that_is_stopped_while_terminals_log_in(start_site: StartRelay) -> None:
    """Each login gets "the relay drains", each stream that only said hello "the relay stops", and the ledger has an end for each."""
    site = await start_site(Mode.MANY_TO_MANY)
    site.counter.control.delay("OnRspUserLogin", 3600, times=3)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(site.raw()) for _ in range(4)]
        for investor_id, stream in zip(INVESTORS[:3], streams, strict=False):
            challenge = await stream.hello(TERMINAL)
            login = login_message(challenge, investor_id, await collect_now())
            await stream.send(pb.TerminalMessage(login=login))
        await streams[3].hello(TERMINAL)
        await eventually("the logins are at the counter", lambda: site.called("ReqUserLogin") == 3)

        stopping = asyncio.ensure_future(site.relay.stop())
        answers = [(await stream.rejection()).reason for stream in streams[:3]]
        goodbye = (await streams[3].receive_until("goodbye")).reason
        status = await stopping

    assert (status, answers) == (0, ["relay_draining"] * 3)
    assert goodbye.startswith("relay_stopping")
    assert [entry.session for entry in site.relay.ledger() if entry.kind == "terminal_admitted"] != []
    assert _without_end(site) == set()
    assert "terminal_logged_in" not in site.relay.output


def _without_end(site: Site) -> set[str]:
    """Logins that the ledger says were admitted, and not what became of them; one that is logged in has its answer."""
    kinds: dict[str, set[str]] = {}
    for entry in site.relay.ledger():
        kinds.setdefault(entry.session, set()).add(entry.kind)
    ends = {"terminal_refused", "terminal_logout", "login_abandoned", "counter_login_answer"}
    return {session for session, seen in kinds.items() if "terminal_admitted" in seen and not seen & ends}


@many_to_many_only
async def test_a_front_that_drops_during_a_login(site: Site, bystander: RelayTerminal) -> None:
    """The terminal is asked to try again, since a front also drops connections it refuses; its next login gets in."""
    site.counter.control.delay("OnRspUserLogin", 3600, times=1)
    logins = site.called("ReqUserLogin")
    login = asyncio.ensure_future(Attempt().log_in(site, await collect_now()))
    await eventually("the login is at the counter", lambda: site.called("ReqUserLogin") > logins)
    site.counter.control.drop(INVESTORS[0])

    with pytest.raises(LoginRejected) as caught:
        await login
    await Attempt().log_in(site, await collect_now())

    assert caught.value.reason == "counter_unavailable"
    assert caught.value.refusal.retry_after_seconds > 0
    await trade(bystander)


async def test_the_same_system_info_at_the_same_time(site: Site) -> None:
    """Of two logins with one collection exactly one gets in."""
    collected = await collect_now()
    attempts = [Attempt().log_in(site, collected) for _ in range(2)]

    ended = await asyncio.gather(*attempts, return_exceptions=True)

    refused = [error for error in ended if isinstance(error, LoginRejected)]
    assert ended.count(None) == 1
    assert [error.reason for error in refused] == ["system_info_replayed"]


async def test_a_report_that_is_refused_when_it_is_made_again(site: Site) -> None:
    """The terminal's session ends with the reason; it does not trade on unreported, and may log in anew."""
    async with site.logged_in(INVESTORS[0]) as terminal:
        statuses = terminal.statuses()
        site.counter.control.return_code(REPORT[site.mode], -5)
        await site.counter.stop_listening()
        await site.counter.listen()
        ended = await counter_state(statuses, "ended")
    site.counter.control.clear()
    async with site.terminal() as terminal:
        await _admitted_in_the_end(terminal)
        await trade(terminal)

    assert "report_illegal_field" in ended.reason


async def _admitted_in_the_end(terminal: RelayTerminal) -> None:
    for _ in range(50):
        try:
            await log_in(terminal, INVESTORS[0])
        except LoginRejected as rejection:
            if not rejection.refusal.retry_after_seconds:
                raise
        else:
            return
    raise AssertionError("never admitted")
