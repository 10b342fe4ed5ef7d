"""A program that trades directly, run as a process of its own because the library is chosen when a process starts."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from ctprelay.ctp.v1 import enums_pb2, structs_pb2
from terminal_client import CounterRejected, LoginRejected, SessionEnded
from terminal_client.direct.terminal import DirectTerminal
from terminal_client.session import Deadlines

DEADLINES = Deadlines(login_seconds=20, answer_seconds=20, first_retry_seconds=0.01, longest_retry_seconds=0.05)


def say(*words: object) -> None:
    sys.stdout.write(json.dumps(words, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def order(volume: int) -> structs_pb2.InputOrder:
    return structs_pb2.InputOrder(
        exchange_id="SHFE",
        instrument_id="rb2701",
        direction=enums_pb2.DIRECTION_BUY,
        comb_offset_flag="0",
        comb_hedge_flag="1",
        order_price_type=enums_pb2.ORDER_PRICE_TYPE_LIMIT_PRICE,
        limit_price=3000.0,
        volume_total_original=volume,
        time_condition=enums_pb2.TIME_CONDITION_GFD,
        volume_condition=enums_pb2.VOLUME_CONDITION_AV,
        contingent_condition=enums_pb2.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums_pb2.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


async def trade(front: str, flow: Path) -> None:
    """Everything the test looks at, said as it happens."""
    terminal = DirectTerminal(
        [front], app_id="demo_direct_1.0", auth_code="DEMODIRECT000001", flow_folder=flow, deadlines=DEADLINES
    )
    async with terminal:
        statuses = terminal.statuses()
        await log_in(terminal)
        await place_two(terminal)
        await ask(terminal)
        say("drop")
        await asyncio.to_thread(sys.stdin.readline)
        say("states", *[(await anext(statuses)).state for _ in range(3)])
        await terminal.requests.qry_investor(structs_pb2.QryInvestor())
    try:
        await terminal.requests.qry_investor(structs_pb2.QryInvestor())
    except SessionEnded:
        say("ended")


async def log_in(terminal: DirectTerminal) -> None:
    try:
        await terminal.login("9999", "100001", "wrong")
    except LoginRejected as rejection:
        say("refused", rejection.source, rejection.code)
    info = await terminal.login("9999", "100001", "demo-100001", confirm_settlement=True)
    say("session", info.mode, info.trading_day, info.must_change_password)


async def place_two(terminal: DirectTerminal) -> None:
    orders = terminal.orders()
    first = await terminal.requests.order_insert(order(1))
    second = await terminal.requests.order_insert(order(2))
    say("refs", int(second.order_ref) - int(first.order_ref))
    heard: set[str] = set()
    while len(heard) < 2:
        heard.add((await anext(orders)).order_ref.strip())
    say("told", heard == {first.order_ref, second.order_ref})


async def ask(terminal: DirectTerminal) -> None:
    investor = await terminal.requests.qry_investor(structs_pb2.QryInvestor())
    say("investor", investor.row.investor_name)
    try:
        await terminal.requests.qry_order(structs_pb2.QryOrder(investor_id="100002"))
    except CounterRejected as rejection:
        say("rejected", rejection.error_id)


if __name__ == "__main__":
    asyncio.run(trade(sys.argv[1], Path(sys.argv[2])))
