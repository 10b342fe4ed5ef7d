"""The drop-in's mdapi alone, without a trader API in the program: behind a relay, and at a front of the counter's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from simcounter import demo_accounts
from simcounter.exec import program_environment
from tests.e2e.broken_network import Way
from tests.e2e.site import INVESTORS, Site
from tests.e2e.test_market_data import shared_market
from tests.integrations.conftest import WANTED
from tests.integrations.openctp_dropin.runs import run_program, settings_file, variables_with

__all__ = ["shared_market"]

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not os.environ.get(WANTED), reason="starts a relay of its own; to run it: make integrations-test"
    ),
]
PROGRAM = Path(__file__).with_name("programs") / "ticks_alone.py"
SHOWN = "login 0\nsubscribed rb2701\ntick rb2701\n"
RUNNER = (sys.executable, "-m", "ctp_relay_openctp", PROGRAM)


async def test_ticks_of_a_session_of_their_own(shared_market: tuple[Site, Way], tmp_path: Path) -> None:
    """The market data login has a user and a password, so a session is made with them."""
    site, _ = shared_market
    who = INVESTORS[2], demo_accounts.password_of(INVESTORS[2])
    variables = variables_with({"CTP_RELAY_TERMINAL": str(settings_file(site, tmp_path))})

    ended = await run_program([*RUNNER, f"relay://127.0.0.1:{site.relay.port}", *who], tmp_path, variables, "")

    assert (ended.status, ended.output) == (0, SHOWN), ended.errors


async def test_a_front_that_is_no_relays_is_the_installed_bindings(
    shared_market: tuple[Site, Way], tmp_path: Path
) -> None:
    """The same program by the same runner at tcp://: openctp-ctp itself speaks to the simulated counter."""
    site, _ = shared_market
    who = INVESTORS[2], demo_accounts.password_of(INVESTORS[2])
    variables = variables_with(program_environment({}, site.counter.address))

    ended = await run_program(
        [*RUNNER, f"tcp://{site.counter.address.removeprefix('tcp://')}", *who], tmp_path, variables, ""
    )

    assert (ended.status, ended.output) == (0, SHOWN), ended.errors
