"""Our own terminal, with a user who does what the check asks for."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable
from pathlib import Path

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client import Collected, Credentials, LoginRejected, RelayTerminal, Tls
from terminal_client.checking.answers import BALANCE
from terminal_client.checking.rules import Given
from terminal_client.session import Deadlines

ORDER = ctp.InputOrder(
    instrument_id="rb2701",
    exchange_id="SHFE",
    direction=enums.DIRECTION_BUY,
    comb_offset_flag="0",
    comb_hedge_flag="1",
    limit_price=3400.0,
    volume_total_original=1,
    order_price_type=enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
)


def collected() -> Collected:
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=8)))
    content = os.urandom(265)
    return Collected(content, len(content), 0, "test_1.0", Path("library.so"), now, ())


async def trade(port: int, ca_file: Path, given: Given, may_log_out: Awaitable[None]) -> None:
    """From the refused login to the logout."""

    async def credentials() -> Credentials:
        return Credentials(given.broker_id, given.investor_id, given.password, collected())

    terminal = RelayTerminal(
        f"127.0.0.1:{port}",
        app_id=given.app_id,
        auth_code=given.auth_code.reveal(),
        tls=Tls(ca_file=ca_file),
        credentials=credentials,
        deadlines=Deadlines(keepalive_seconds=1, first_retry_seconds=0.1),
    )
    async with terminal:
        statuses = terminal.statuses()
        with pytest.raises(LoginRejected) as refused:
            await terminal.login_with(await credentials())
        await asyncio.sleep(refused.value.refusal.retry_after_seconds)
        await terminal.login_with(await credentials())
        answer = await terminal.requests.qry_trading_account(ctp.QryTradingAccount())
        assert [row.balance for row in answer.rows] == [BALANCE]
        await terminal.requests.order_insert(ORDER)
        await may_log_out
        while terminal.state.value != "live":
            await anext(statuses)
