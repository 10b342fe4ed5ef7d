"""vn.py's engine as a program, connected through the relay as an investor's terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simcounter import demo_accounts
from tests.e2e.site import AUTH_CODE, BROKER, TERMINAL, Site
from tests.integrations.program import Line, Program, program

TRADER = Path(__file__).with_name("trader.py")
StartTrader = Callable[[], AbstractAsyncContextManager[Program]]


@pytest.fixture
def start_trader(programs_python: Path, tmp_path: Path) -> StartTrader:
    """`async with start_trader() as vnpy`: MainEngine with a RelayGateway, not connected yet."""

    @asynccontextmanager
    async def start() -> AsyncIterator[Program]:
        folder = tmp_path / "vnpy"
        folder.mkdir(exist_ok=True)
        async with program(programs_python, folder, str(TRADER), "vnpy_relay:RelayGateway") as vnpy:
            await vnpy.until("that it runs", lambda line: line.get("answers") == "start")
            yield vnpy

    return start


def setting_for(site: Site, investor_id: str, address: str = "", **fields: object) -> dict[str, Any]:
    """What this investor's user fills into the dialog."""
    return {
        "中继地址": address or f"127.0.0.1:{site.relay.port}",
        "用户名": investor_id,
        "密码": demo_accounts.password_of(investor_id),
        "经纪商代码": BROKER,
        "终端标识": TERMINAL,
        "终端授权码": AUTH_CODE,
        "CA证书": str(site.tls.authority),
        "资金持仓刷新秒数": 2,
        **fields,
    }


async def connect(vnpy: Program, setting: dict[str, Any]) -> None:
    """Connect, and wait until contracts, account and positions are there."""
    after = len(vnpy.lines)
    await vnpy.ask("connect", setting=setting)
    await vnpy.until("its account", lambda line: line.get("event") == "account", after)


async def send(vnpy: Program, **order: object) -> str:
    """Send an order; its vn.py id."""
    return str((await vnpy.ask("order", **order))["vt_orderid"])


async def order_is(vnpy: Program, vt_orderid: str, status: str, after: int = 0) -> Line:
    return await vnpy.until(
        f"{vt_orderid} {status}",
        lambda line: line.get("event") == "order" and line["vt_orderid"] == vt_orderid and line["status"] == status,
        after,
    )


async def logged(vnpy: Program, text: str, after: int = 0) -> Line:
    return await vnpy.until(
        f"the log line {text}", lambda line: line.get("event") == "log" and text in line["msg"], after
    )


def states_of(vnpy: Program, vt_orderid: str) -> list[str]:
    """The states of an order, in the order vn.py heard of them."""
    return [line["status"] for line in vnpy.heard("order") if line["vt_orderid"] == vt_orderid]


def trades_of(vnpy: Program, vt_orderid: str) -> list[Line]:
    return [line for line in vnpy.heard("trade") if line["vt_orderid"] == vt_orderid]


async def trade_of(vnpy: Program, vt_orderid: str, after: int = 0) -> Line:
    return await vnpy.until(
        f"a trade of {vt_orderid}",
        lambda line: line.get("event") == "trade" and line["vt_orderid"] == vt_orderid,
        after,
    )
