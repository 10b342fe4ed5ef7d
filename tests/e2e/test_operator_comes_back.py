"""The one operator of a firm: whatever keeps it from logging in, the relay needs no restart, and terminals stay."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from typing import Any

import pytest

from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, Site, counter_state, eventually, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATOR = demo_accounts.OPERATOR_ID
PASSWORD_EXPIRED = 141


async def test_an_expired_password_is_replaced_while_the_relay_runs(start_site: StartRelay, free_port: int) -> None:
    """A supervisor gets the reason why no login succeeds; the new password is read when a person says so."""
    site = await start_site(
        Mode.MANY_TO_ONE,
        prepare=lambda control: control.account(OPERATOR, expired=True),
        metrics__address=f"127.0.0.1:{free_port}",
    )
    await eventually("the operator is refused", lambda: "operator_password_due" in site.relay.output)
    refused = await asyncio.to_thread(readiness, free_port)
    assert site.relay.status() is None

    site.counter.accounts.users[OPERATOR].change_password("replaced-password")
    (site.relay.directory / "operator.secret").write_text("replaced-password", encoding="utf-8")
    site.relay.signal(signal.SIGHUP)
    await eventually("the operator is logged in", lambda: operator_logins(site) == 1)
    async with site.logged_in(INVESTORS[0]) as terminal:
        await trade(terminal)
        ready = await asyncio.to_thread(readiness, free_port)

    assert refused["reason"] == "operator_refused"
    assert str(PASSWORD_EXPIRED) in refused["message"]
    assert (ready["ready"], ready["faults"]) == (True, [])
    assert site.called("ReqUserLogin") == 2


async def test_a_login_answered_after_its_deadline_is_not_lost(start_site: StartRelay) -> None:
    """The counter holds the operator for logged in and would answer no other login of it; terminals trade on."""
    site = await start_site(Mode.MANY_TO_ONE, counter__login_timeout_seconds=1.0)
    async with site.logged_in(INVESTORS[0]) as terminal:
        statuses = terminal.statuses()
        site.counter.control.delay("OnRspUserLogin", 2.0, times=1)
        site.counter.control.drop()
        await counter_state(statuses, "live")
        await trade(terminal)

    assert site.called("ReqUserLogin") == 2


def readiness(port: int) -> dict[str, Any]:
    """What /readyz says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            said: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            said = json.loads(refused.read())
    return said


def operator_logins(site: Site) -> int:
    """How often the counter took the operator's login."""
    return site.counter.control.status()["logins_today"].get(OPERATOR, 0)  # type: ignore[no-any-return]
