"""vn.py's own CtpGateway as a program behind `ctp-terminal exec`, and the relay's gateway beside it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from simcounter import demo_accounts
from tests.e2e.site import AUTH_CODE, BROKER, TERMINAL, Site
from tests.integrations.program import Program, program
from tests.integrations.vnpy_gateway.conftest import TRADER, start_trader

__all__ = ["start_trader"]

BROKERS_FRONT = "203.0.113.7:41205"
StartGateway = Callable[[Site], AbstractAsyncContextManager[Program]]


@pytest.fixture
def start_gateway(programs_python: Path, tmp_path: Path) -> StartGateway:
    """`async with start_gateway(site) as vnpy`: MainEngine with a CtpGateway, not connected yet."""

    @asynccontextmanager
    async def start(site: Site) -> AsyncIterator[Program]:
        folder = tmp_path / "vnpy"
        folder.mkdir(exist_ok=True)
        config = folder / "terminal.toml"
        lines = [f'relay = "127.0.0.1:{site.relay.port}"', f'ca_file = "{site.tls.authority}"', ""]
        config.write_text("\n".join(lines), encoding="utf-8")
        command = ("-m", "terminal_client.cli.app", "--config", str(config), "exec", "--", str(programs_python))
        async with program(Path(sys.executable), folder, *command, str(TRADER), "vnpy_ctp:CtpGateway") as vnpy:
            await vnpy.until("that it runs", lambda line: line.get("answers") == "start")
            try:
                yield vnpy
            finally:  # it ends by itself: the program is the carrier's child, which a kill would leave alone
                with contextlib.suppress(AssertionError, OSError):
                    await vnpy.say("close")
                    await vnpy.end()

    return start


def setting_for(investor_id: str) -> dict[str, Any]:
    """What this investor's user fills into CtpGateway's dialog: the broker's fronts, as ever."""
    return {
        "用户名": investor_id,
        "密码": demo_accounts.password_of(investor_id),
        "经纪商代码": BROKER,
        "交易服务器": BROKERS_FRONT,
        "行情服务器": BROKERS_FRONT,
        "产品名称": TERMINAL,
        "授权编码": AUTH_CODE,
    }
