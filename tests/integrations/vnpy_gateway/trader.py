"""A program of a vn.py user, without its window: MainEngine with one gateway, which does what it is sent and says what it hears.

`python trader.py MODULE:CLASS`, in an empty folder. Commands are JSON objects, a line each:

    connect setting · order … · cancel orderid symbol exchange · call method arguments · state · close
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

Path(".vntrader").mkdir(exist_ok=True)  # vn.py looks for it when it is imported, and would else make one at home

from vnpy.trader.setting import SETTINGS  # noqa: E402

SETTINGS |= {"log.file": False, "log.console": False}

from vnpy.event import Event, EventEngine  # noqa: E402
from vnpy.trader.constant import Direction, Exchange, Offset, OrderType  # noqa: E402
from vnpy.trader.engine import MainEngine  # noqa: E402
from vnpy.trader.event import EVENT_ACCOUNT, EVENT_LOG, EVENT_ORDER, EVENT_POSITION, EVENT_TICK, EVENT_TRADE  # noqa: E402
from vnpy.trader.object import CancelRequest, OrderRequest, SubscribeRequest  # noqa: E402

EVENTS = {
    "order": EVENT_ORDER,
    "trade": EVENT_TRADE,
    "account": EVENT_ACCOUNT,
    "position": EVENT_POSITION,
    "tick": EVENT_TICK,
    "log": EVENT_LOG,
}
_writing = threading.Lock()


def show(line: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(line, default=plain, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def plain(value: Any) -> Any:
    """An enum by its name, whatever the language; a moment as text."""
    return getattr(value, "name", None) or str(value)


class Trader:
    """One engine and its gateway."""

    def __init__(self, gateway_class: Any) -> None:
        self.name: str = gateway_class.default_name
        self.events = EventEngine()
        for event, kind in EVENTS.items():
            self.events.register(kind, lambda heard, event=event: self._heard(event, heard))  # type: ignore[misc]
        self.settled = threading.Event()
        self.engine = MainEngine(self.events)
        # After vn.py's own handlers, so that what was heard before it is in their tables.
        self.events.register("eSettled", lambda _event: self.settled.set())
        self.gateway = self.engine.add_gateway(gateway_class)

    @staticmethod
    def _heard(event: str, heard: Event) -> None:
        show({"event": event, "at": time.perf_counter(), **vars(heard.data)})

    def connect(self, setting: dict[str, Any]) -> None:
        self.engine.connect(setting, self.name)

    def order(self, **given: Any) -> dict[str, Any]:
        request = OrderRequest(
            symbol=given.get("symbol", "rb2701"),
            exchange=Exchange[given.get("exchange", "SHFE")],
            direction=Direction[given.get("direction", "LONG")],
            type=OrderType[given.get("type", "LIMIT")],
            volume=given.get("volume", 1),
            price=given.get("price", 0.0),
            offset=Offset[given.get("offset", "OPEN")],
            reference=given.get("reference", ""),
        )
        began = time.perf_counter()
        vt_orderid = self.engine.send_order(request, self.name)
        return {"vt_orderid": vt_orderid, "began": began, "seconds": time.perf_counter() - began}

    def cancel(self, orderid: str, symbol: str = "rb2701", exchange: str = "SHFE") -> None:
        self.engine.cancel_order(CancelRequest(orderid, symbol, Exchange[exchange]), self.name)

    def subscribe(self, symbol: str, exchange: str) -> None:
        self.engine.subscribe(SubscribeRequest(symbol, Exchange[exchange]), self.name)

    def call(self, method: str, arguments: list[Any]) -> None:
        getattr(self.gateway, method)(*arguments)

    def state(self) -> dict[str, Any]:
        """Everything vn.py has of it, and whether its event thread lives."""
        engine = self.engine
        self.settled.clear()
        self.events.put(Event("eSettled"))
        self.settled.wait(10)
        tables: dict[str, list[Any]] = {
            "orders": engine.get_all_orders(),
            "active": engine.get_all_active_orders(),
            "trades": engine.get_all_trades(),
            "positions": engine.get_all_positions(),
            "accounts": engine.get_all_accounts(),
        }
        converter = engine.get_converter(self.name)
        holdings = {} if converter is None else converter.holdings
        return {
            **{name: [vars(row) for row in rows] for name, rows in tables.items()},
            "contracts": {row.vt_symbol: vars(row) for row in engine.get_all_contracts()},
            "exchanges": [one.name for one in engine.exchanges],
            "holdings": {symbol: [one.long_pos, one.short_pos] for symbol, one in holdings.items()},
            "qt": sorted(name for name in sys.modules if name.startswith(("PySide", "PyQt"))),
            "alive": self.events._thread.is_alive(),  # type: ignore[attr-defined]
        }

    def close(self) -> None:
        self.engine.close()


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    trader = Trader(getattr(importlib.import_module(module), name))
    show({"answers": "start"})
    for line in sys.stdin:
        command = json.loads(line)
        do = command.pop("do")
        began = time.perf_counter()
        result = getattr(trader, do)(**command)
        show({"answers": do, "took": time.perf_counter() - began, **(result or {})})
    show({"answers": "end", "threads": sorted(thread.name for thread in threading.enumerate() if not thread.daemon)})


if __name__ == "__main__":
    main()
