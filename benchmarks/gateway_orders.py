"""From sending an order to its trade, by vn.py's RelayGateway and by the terminal's client, in turn, in one process.

A program of the integrations' environment; benchmarks.vnpy_gateway starts it. It reads one JSON object and prints
another: the microseconds of each order, by way.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

Path(".vntrader").mkdir(exist_ok=True)  # vn.py looks for it when it is imported

from vnpy.trader.setting import SETTINGS  # noqa: E402

SETTINGS |= {"log.file": False, "log.console": False}

from vnpy.event import EventEngine  # noqa: E402
from vnpy.trader.constant import Direction, Exchange, Offset, OrderType  # noqa: E402
from vnpy.trader.engine import MainEngine  # noqa: E402
from vnpy.trader.event import EVENT_ACCOUNT, EVENT_TRADE  # noqa: E402
from vnpy.trader.object import OrderRequest  # noqa: E402

from ctprelay.ctp.v1 import enums_pb2 as enums  # noqa: E402
from ctprelay.ctp.v1 import structs_pb2 as ctp  # noqa: E402
from terminal_client import RelayTerminal, Tls, collect  # noqa: E402
from vnpy_relay import RelayGateway  # noqa: E402

PRICE = 3501.0
_DEADLINE_SECONDS = 30.0


class ThroughVnpy:
    """MainEngine and RelayGateway."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._trades: queue.Queue[float] = queue.Queue()
        events, ready = EventEngine(), threading.Event()
        events.register(EVENT_TRADE, lambda _event: self._trades.put(time.perf_counter()))
        events.register(EVENT_ACCOUNT, lambda _event: ready.set())
        self.engine = MainEngine(events)
        self.engine.add_gateway(RelayGateway)
        self.engine.connect(given["setting"], RelayGateway.default_name)
        if not ready.wait(_DEADLINE_SECONDS):
            raise RuntimeError("vn.py did not get its account")

    def orders(self, count: int) -> list[float]:
        request = OrderRequest("rb2701", Exchange.SHFE, Direction.LONG, OrderType.FAK, 1, PRICE, Offset.OPEN)
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self.engine.send_order(request, RelayGateway.default_name)
            times.append((self._trades.get(timeout=_DEADLINE_SECONDS) - began) * 1e6)
        return times


class ThroughTheClient:
    """terminal_client alone, on an event loop of its own."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self._runner = asyncio.Runner()
        self._terminal = self._runner.run(self._log_in())

    async def _log_in(self) -> RelayTerminal:
        given = self._given
        tls = Tls(ca_file=Path(given["ca"]))
        terminal = RelayTerminal(given["address"], app_id=given["app_id"], auth_code=given["auth_code"], tls=tls)
        self._trades = terminal.trades(100_000)
        await terminal.login(given["broker"], given["investor"], given["password"], collect(), confirm_settlement=True)
        return terminal

    def orders(self, count: int) -> list[float]:
        return self._runner.run(self._orders(count))

    async def _orders(self, count: int) -> list[float]:
        body = ctp.InputOrder(
            instrument_id="rb2701",
            exchange_id="SHFE",
            direction=enums.DIRECTION_BUY,
            comb_offset_flag="0",
            comb_hedge_flag="1",
            limit_price=PRICE,
            volume_total_original=1,
            order_price_type=enums.ORDER_PRICE_TYPE_LIMIT_PRICE,
            time_condition=enums.TIME_CONDITION_IOC,
            volume_condition=enums.VOLUME_CONDITION_AV,
            contingent_condition=enums.CONTINGENT_CONDITION_IMMEDIATELY,
            force_close_reason=enums.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
        )
        times = []
        for _ in range(count):
            began = time.perf_counter()
            sent = asyncio.ensure_future(self._terminal.requests.order_insert(body))
            async with asyncio.timeout(_DEADLINE_SECONDS):
                await anext(self._trades)
            times.append((time.perf_counter() - began) * 1e6)
            await sent
        return times

    def close(self) -> None:
        self._runner.run(self._terminal.close())
        self._runner.close()


def main() -> None:
    given = json.loads(sys.stdin.readline())
    vnpy, client = ThroughVnpy(given), ThroughTheClient(given)
    times: dict[str, list[float]] = {"gateway": [], "client": []}
    for way in (vnpy, client):
        way.orders(10)  # warm
    for _ in range(given["rounds"]):
        times["gateway"] += vnpy.orders(given["orders"])
        times["client"] += client.orders(given["orders"])
    client.close()
    vnpy.engine.close()
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main()
