"""A program of an akquant user: its CTP gateway as akquant makes it, which does what it is sent and says what it hears.

`python akquant_trader.py FRONT INVESTOR PASSWORD APP_ID AUTH_CODE`. Commands are JSON objects, a line each:

    trader · market symbols · place … · cancel broker_order_id · gone · ready · query_account · sync_today_trades · close
"""

# mypy: ignore-errors
# akquant is not installed where types are checked.

import json
import sys
import threading
import time

from akquant import DataFeed
from akquant.gateway.broker_models import UnifiedOrderRequest
from akquant.gateway.ctp_adapter import CTPMarketAdapter, CTPTraderAdapter

_writing = threading.Lock()


def say(**line):
    with _writing:
        print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


class Feed:
    """akquant's DataFeed, which shows what is put into it."""

    def __init__(self):
        self.feed = DataFeed.create_live()

    def add_tick(self, tick):
        self.feed.add_tick(tick)
        say(event="tick", symbol=tick.symbol, price=tick.price, volume=tick.volume)


class User:
    def __init__(self, front, investor, password, app_id, auth_code):
        self.front = front
        self.trader = CTPTraderAdapter(front, "9999", investor, password, auth_code, app_id)
        self.trader.on_order(lambda order: say(event="order", **plain(order)))
        self.trader.on_trade(lambda trade: say(event="trade", **plain(trade)))
        self.market = None

    def start_trader(self):
        threading.Thread(target=self.trader.start, daemon=True).start()
        self.until_ready()

    def until_ready(self, wanted=True):
        end = time.monotonic() + 60
        while self.trader.heartbeat() is not wanted:
            assert time.monotonic() < end, f"akquant's gateway never was ready={wanted}"
            time.sleep(0.02)

    def start_market(self, symbols):
        self.market = CTPMarketAdapter(Feed(), self.front, symbols, emit_ticks=True, emit_bars=False)
        threading.Thread(target=self.market.start, daemon=True).start()

    def place(self, order):
        return self.trader.place_order(UnifiedOrderRequest(**order))

    def query(self, what):
        end = time.monotonic() + 60
        while True:
            try:
                return [plain(one) for one in as_list(getattr(self.trader, what)())]
            except RuntimeError:  # akquant's own deadline is two seconds
                if time.monotonic() > end:
                    raise
                time.sleep(1)

    def close(self):
        self.trader.disconnect()
        if self.market is not None:
            self.market.disconnect()


def as_list(found):
    return found if isinstance(found, list) else [found]


def plain(made):
    return {name: getattr(value, "value", value) for name, value in vars(made).items()}


def carry_out(user, command):
    do = command.pop("do")
    if do == "trader":
        return {"ready": user.start_trader() is None}
    if do == "market":
        return {"begun": user.start_market(command["symbols"]) is None}
    if do == "place":
        return {"broker_order_id": user.place(command)}
    if do == "cancel":
        return {"canceled": user.trader.cancel_order(command["broker_order_id"]) is None}
    if do == "close":
        return {"closed": user.close() is None}
    if do == "ready":
        return {"ready": user.until_ready() is None}
    if do == "gone":
        return {"gone": user.until_ready(False) is None}
    return {"rows": user.query(do)}


def main():
    user = User(*sys.argv[1:])
    say(answers="start")
    for line in sys.stdin:
        command = json.loads(line)
        do = command["do"]
        try:
            say(answers=do, **carry_out(user, command))
        except (AssertionError, RuntimeError, ValueError) as error:
            say(answers=do, error=str(error))


main()
