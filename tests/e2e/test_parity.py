"""The same day traded twice ends the same: by a script for openctp-ctp without a relay, and by a terminal behind one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from ctpabi.catalog.naming import snake_case
from ctpabi.codec.layout import DBL_MAX
from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from terminal_client import RelayTerminal, Reply
from tests.e2e.order_notices import refusal_of
from tests.e2e.own_site import own_site
from tests.e2e.relay_process import TlsFiles
from tests.e2e.site import buy, first, log_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = Path(__file__).parent / "programs" / "openctp_script.py"
INVESTOR = "100002"
DAY, SEED = "20261123", 7
DEADLINE_SECONDS = 60
WHO_SENT_IT = {"OrderRef", "UserID", "SequenceNo", "TradeDate", "TradeTime"}
"""what differs between any two runs, or names the session that sent the order"""

Row = dict[str, Any]
Step = dict[str, Any]


@pytest.fixture(scope="module")
def by_script(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the unmodified script has in the end, run as its user would: `ctp-simcounter exec -- python script.py`."""
    config = tmp_path_factory.mktemp("counter") / "counter.toml"
    config.write_text(f'trading_day = "{DAY}"\nseed = {SEED}\n', encoding="utf-8")
    command = [sys.executable, "-m", "simcounter.cli", "exec", "--unpaced", "--config", str(config), "--"]
    ended = subprocess.run(
        [*command, sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_behind_the_relay_the_day_ends_as_without_it(
    by_script: dict[str, Any], mode: Mode, tls: TlsFiles, tmp_path: Path
) -> None:
    """Account, positions and trades agree field by field, and so does what was refused."""
    async with (
        own_site(mode, tls, tmp_path, CounterConfig(trading_day=DAY, seed=SEED)) as site,
        site.terminal() as terminal,
    ):
        await log_in(terminal, INVESTOR)
        refused = [await carry_out(terminal, step) for step in by_script["steps"]]
        account = await terminal.requests.qry_trading_account(ctp.QryTradingAccount())
        positions = await terminal.requests.qry_investor_position(ctp.QryInvestorPosition())
        trades = await terminal.requests.qry_trade(ctp.QryTrade())

    assert [error_id for error_id in refused if error_id] == by_script["refused"]
    replies: dict[str, Reply[Any]] = {"account": account, "positions": positions, "trades": trades}
    for name, reply in replies.items():
        wanted = [without_names(row) for row in by_script[name]]
        assert wanted
        assert [as_row(row, like) for row, like in zip(reply.rows, wanted, strict=True)] == wanted


async def carry_out(terminal: RelayTerminal, step: Step) -> int:
    """One step of the script, until nothing more of it will come; returns the ErrorID of its refusal."""
    orders, trades, notices = terminal.orders(), terminal.trades(), terminal.notices()
    sent = await terminal.requests.order_insert(order_of(step))
    if step["then"] == "refused":
        return (await refusal_of(notices))[0]
    status = enums.ORDER_STATUS_ALL_TRADED if step["then"] == "filled" else enums.ORDER_STATUS_NO_TRADE_QUEUEING
    order = await first(orders, lambda o: (o.order_ref.strip(), o.order_status) == (sent.order_ref.strip(), status))
    lots = 0
    while step["then"] == "filled" and lots < step["lots"]:
        lots += (await first(trades, lambda trade: trade.order_sys_id == order.order_sys_id)).volume
    if step["then"] == "cancel":
        await asyncio.gather(
            terminal.requests.order_action(cancel_of(order)),
            first(orders, lambda o: o.order_status == enums.ORDER_STATUS_CANCELED),
        )
    return 0


def order_of(step: Step) -> ctp.InputOrder:
    order = buy(float(step["price"]), step["lots"])
    order.instrument_id, order.exchange_id = step["instrument"], step["exchange"]
    order.direction = enums.DIRECTION_BUY if step["side"] == "0" else enums.DIRECTION_SELL
    order.comb_offset_flag = step["offset"]
    return order


def cancel_of(order: ctp.Order) -> ctp.InputOrderAction:
    return ctp.InputOrderAction(
        instrument_id=order.instrument_id,
        exchange_id=order.exchange_id,
        order_sys_id=order.order_sys_id,
        action_flag=enums.ACTION_FLAG_DELETE,
    )


def without_names(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in WHO_SENT_IT}


def as_row(message: Message, like: Row) -> Row:
    """The message's fields by CTP's names, as the binding gives them."""
    return {name: plain(message, snake_case(name), value) for name, value in like.items()}


def plain(message: Message, name: str, like: object) -> object:
    value = getattr(message, name)
    if isinstance(like, float) and not message.HasField(name):
        return DBL_MAX
    is_enum = isinstance(like, str) and isinstance(value, int)
    return (chr(value) if value else "") if is_enum else value
