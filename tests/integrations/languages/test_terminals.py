"""Each example terminal, compiled by what Debian has, trades through a real relay in front of the simulated counter, in both modes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from simcounter import demo_accounts
from tests.e2e.conftest import mode, shared_site, shim, site, tls
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, Site
from tests.integrations.languages.examples import Command, built, collector, each_language, start

__all__ = ["built", "collector", "mode", "shared_site", "shim", "site", "tls"]

WANTED = "CTP_RELAY_LANGUAGES_TEST"
DEADLINE_SECONDS = 180.0
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not os.environ.get(WANTED), reason="compiles for minutes; to run it: make languages-test"),
]


def settings_for(site: Site) -> dict[str, str]:
    investor = INVESTORS[0]
    return {
        "CTP_TERMINAL_RELAY": f"127.0.0.1:{site.relay.port}",
        "CTP_TERMINAL_CA_FILE": str(site.tls.authority),
        "CTP_TERMINAL_APP_ID": TERMINAL,
        "CTP_TERMINAL_AUTH_CODE": AUTH_CODE,
        "CTP_TERMINAL_BROKER": BROKER,
        "CTP_TERMINAL_INVESTOR": investor,
        "CTP_TERMINAL_PASSWORD": demo_accounts.password_of(investor),
    }


async def say(settings: dict[str, str], command: Command) -> list[str]:
    """What the program printed, line by line; it ended well, and had nothing to complain of."""
    process = await start(command, settings, asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{output.decode()}\n{errors.decode()}"
    return output.decode().splitlines()


def traded(lines: list[str]) -> None:
    """The whole conversation happened, in order, and the session is the same after the break."""
    words = [line.split() for line in lines]
    kinds = [word[0] for word in words if word[0] != "order"]
    assert kinds == ["collected", "logged_in", "account", "breaking", "logged_in", "staying", "goodbye"], lines
    logins = [word for word in words if word[0] == "logged_in"]
    assert [login[4] for login in logins] == ["resumed=0", "resumed=1"]
    assert logins[0][1:4] == logins[1][1:4]
    assert float(next(word[1] for word in words if word[0] == "account")) > 0
    orders = [word for word in words if word[0] == "order"]
    assert len({order[1] for order in orders}) == 1
    assert "NOTRADEQUEUEING" in plain(" ".join(order[2] for order in orders))
    assert plain(orders[-1][2]).endswith("CANCELED")
    assert plain(words[-1][1]).endswith("LOGGEDOUT")


def plain(name: str) -> str:
    """A value's name without what languages put around it."""
    return name.replace("_", "").upper()


@each_language
async def test_an_example_trades(
    site: Site, built: Callable[[str], Command], collector: dict[str, str], language: str
) -> None:
    """From the collector to the logout, with a break between order and cancel."""
    command = await asyncio.to_thread(built, language)

    traded(await say(collector | settings_for(site), command))
