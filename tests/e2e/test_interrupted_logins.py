"""Logins that something cuts into: nothing is left behind at the counter, and nobody gets in twice."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import LoginRejected, RelayTerminal
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
    """The counter session opened for it is taken down: nobody stays logged in for a terminal that is not there."""
    logins, connections = site.called("ReqUserLogin"), site.counter.control.status()["connections"]
    present = site.counter.control.status()["logged_in"].count(INVESTORS[0])
    site.counter.control.delay("OnRspUserLogin", 1.0, times=1)
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        login = login_message(challenge, INVESTORS[0], await collect_now())
        await stream.send(pb.TerminalMessage(login=login))
        await eventually("the login is at the counter", lambda: site.called("ReqUserLogin") > logins)

    await eventually("the connection is closed", lambda: site.counter.control.status()["connections"] == connections)
    assert site.counter.control.status()["logged_in"].count(INVESTORS[0]) == present
    await trade(bystander)


@many_to_many_only
async def test_a_front_that_drops_during_a_login(site: Site, bystander: RelayTerminal) -> None:
    """The terminal is told to try again, since a front also drops whom it refuses; its next login gets in."""
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
    """The terminal's session ends and it is told why; it does not trade on unreported, and may log in anew."""
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
