"""akquant's own CTP gateway, unmodified, trades and sees the market through a relay by the runner, in both modes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.broken_network import Way
from tests.e2e.conftest import StartRelay
from tests.e2e.site import AUTH_CODE, INVESTORS, TERMINAL, WILL_FILL, WILL_REST, Site, eventually
from tests.e2e.test_market_data import shared_market, subscribed
from tests.integrations.openctp_dropin.runs import IMPORTS
from tests.integrations.program import Line, Program, program

__all__ = ["shared_market"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
USER = Path(__file__).with_name("programs") / "akquant_trader.py"


@asynccontextmanager
async def akquant(python: Path, site: Site, folder: Path, investor: str) -> AsyncIterator[Program]:
    """The program, whose front is the relay's; akquant shows the app id and the auth code itself."""
    settings = folder / "terminal.toml"
    settings.write_text(f'ca_file = "{site.tls.authority}"\n', encoding="utf-8")
    who = (f"relay://127.0.0.1:{site.relay.port}", investor, demo_accounts.password_of(investor), TERMINAL, AUTH_CODE)
    variables = {"CTP_RELAY_TERMINAL": str(settings), "PYTHONPATH": os.pathsep.join(map(str, IMPORTS))}
    async with program(python, folder, "-m", "ctp_relay_openctp", str(USER), *who, variables=variables) as running:
        await running.until("that it runs", lambda line: line.get("answers") == "start")
        yield running


async def placed(running: Program, name: str, **order: Any) -> str:
    """An order of rb2701; akquant's name of it."""
    limit = {"symbol": "rb2701", "side": "Buy", "quantity": 1, "order_type": "Limit", "position_effect": "open"}
    answer = await running.ask("place", client_order_id=name, **limit | order)
    return str(answer["broker_order_id"])


async def becomes(running: Program, name: str, status: str) -> Line:
    return await running.until(
        f"{name} {status}",
        lambda line: (line.get("event"), line.get("client_order_id"), line.get("status")) == ("order", name, status),
    )


async def trade_of(running: Program, name: str) -> Line:
    return await running.until(
        f"the trade of {name}", lambda line: line.get("event") == "trade" and line["client_order_id"] == name
    )


async def trade_and_close(user: Program) -> None:
    """An order to its trade, a cancel, a refusal, a close; account and trades as akquant asks for them."""
    await placed(user, "opens", price=WILL_FILL + 5)
    await becomes(user, "opens", "Filled")
    opened = await trade_of(user, "opens")
    resting = await placed(user, "rests", price=WILL_REST)
    await becomes(user, "rests", "Submitted")
    await user.ask("cancel", broker_order_id=resting)
    await becomes(user, "rests", "Cancelled")
    await placed(user, "unknown", symbol="rb9999", price=WILL_FILL)
    assert (await becomes(user, "unknown", "Rejected"))["reject_reason"]
    await placed(user, "closes", side="Sell", price=WILL_REST, position_effect="close_today")
    closed = await trade_of(user, "closes")
    assert (opened["side"], closed["side"], closed["position_effect"]) == ("Buy", "Sell", "close_today")

    trades = (await user.ask("sync_today_trades"))["rows"]
    assert {opened["trade_id"], closed["trade_id"]} <= {row["trade_id"] for row in trades}
    account = (await user.ask("query_account"))["rows"][0]
    assert account["equity"] > 0


async def test_it_trades_and_sees_the_market(
    shared_market: tuple[Site, Way], programs_python: Path, tmp_path: Path
) -> None:
    """Connect, subscribe, an order to its trade, a cancel, a refusal, a close, and the tables of the day; it ends in order."""
    site, _ = shared_market
    async with akquant(programs_python, site, tmp_path, INVESTORS[1]) as user:
        await user.ask("market", symbols=["rb2701"])
        assert (await user.ask("trader")).get("ready")
        await eventually("the subscription is at the counter", lambda: {"rb2701"} in subscribed(site.counter))
        site.counter.control.move_market("rb2701", 3507.0)
        await user.until("the movement", lambda line: line.get("event") == "tick" and line["price"] == 3507.0)
        site.counter.control.move_market("rb2701", 3500.0)

        await trade_and_close(user)
        assert (await user.ask("close")).get("closed")
        assert await user.end() == 0


async def test_a_relay_that_comes_back_is_logged_in_to_again(
    start_site: StartRelay, mode: Mode, programs_python: Path, tmp_path: Path, free_port: int
) -> None:
    """By akquant itself, in OnFrontConnected, as with a front; it trades again."""
    site = await start_site(mode, listen__address=f"127.0.0.1:{free_port}")
    async with akquant(programs_python, site, tmp_path, INVESTORS[0]) as user:
        assert (await user.ask("trader")).get("ready")
        await site.relay.stop()
        assert (await user.ask("gone")).get("gone")
        await site.relay.start()
        assert (await user.ask("ready")).get("ready")
        await placed(user, "opens", price=WILL_FILL)
        await trade_of(user, "opens")
