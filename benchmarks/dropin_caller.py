"""A terminal of `benchmarks.dropin` as a process of its own, written as programs for openctp-ctp are.

It says `ready`, and answers `orders N` with the microseconds from each call to its first OnRtnOrder, as benchmarks.caller.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from typing import Any

from openctp_ctp import tdapi

from simcounter import demo_accounts

SECONDS = 30.0
INSTRUMENT, EXCHANGE = "rb2701", "SHFE"
Heard = queue.SimpleQueue[tuple[str, Any]]


class OrderSpi(tdapi.CThostFtdcTraderSpi):  # type: ignore[misc]
    """Puts what comes where the main thread waits for it."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def OnFrontConnected(self) -> None:  # noqa: N802
        self.heard.put(("connected", None))

    def OnRspUserLogin(self, field: Any, info: Any, *_rest: object) -> None:  # noqa: N802
        self.heard.put(("login", (field.MaxOrderRef, info.ErrorID, info.ErrorMsg)))

    def OnRspSettlementInfoConfirm(self, *_arguments: object) -> None:  # noqa: N802
        self.heard.put(("confirmed", None))

    def OnRspQryDepthMarketData(self, field: Any, *_rest: object) -> None:  # noqa: N802
        self.heard.put(("depth", field.LowerLimitPrice))

    def OnRtnOrder(self, order: Any) -> None:  # noqa: N802
        ref = order.OrderRef
        self.heard.put(("order", (time.perf_counter(), ref)))


class OpenctpCaller:
    """One API object, logged in."""

    def __init__(self, investor: str, front: str) -> None:
        self.heard: Heard = queue.SimpleQueue()
        self.spi = OrderSpi(self.heard)
        self.api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi()
        self.api.RegisterSpi(self.spi)
        self.api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK)
        self.api.RegisterFront(front)
        self.api.Init()
        self.until("connected")
        who = {"BrokerID": demo_accounts.BROKER_ID, "UserID": investor}
        mine = {"BrokerID": demo_accounts.BROKER_ID, "InvestorID": investor}
        self.api.ReqUserLogin(filled("ReqUserLogin", **who, Password=demo_accounts.password_of(investor)), 1)
        max_ref, error_id, words = self.until("login")
        assert error_id == 0, words
        self.ref = int(max_ref)
        self.api.ReqSettlementInfoConfirm(filled("SettlementInfoConfirm", **mine), 2)
        self.until("confirmed")
        asked = filled("QryDepthMarketData", InstrumentID=INSTRUMENT, ExchangeID=EXCHANGE)
        self.api.ReqQryDepthMarketData(asked, 3)
        self.order = filled(
            "InputOrder", **mine, **RESTING, UserID=investor, LimitPrice=self.until("depth"), VolumeTotalOriginal=1
        )

    def until(self, kind: str) -> Any:
        """The value of the next of this kind."""
        while True:
            name, value = self.heard.get(timeout=SECONDS)
            if name == kind:
                return value

    def orders(self, count: int) -> list[float]:
        """Microseconds from each call to its first OnRtnOrder."""
        self.quiet()  # of the investor's other terminal
        times = []
        for _ in range(count):
            self.ref += 1
            self.order.OrderRef = str(self.ref)
            started = time.perf_counter()
            assert self.api.ReqOrderInsert(self.order, self.ref) == 0
            came, ref = self.until("order")
            while ref.strip() != str(self.ref):  # a later state of the order before
                came, ref = self.until("order")
            times.append((came - started) * 1e6)
            self.quiet()
        return times

    def quiet(self) -> None:
        """The order's later states, so that the next order's first notice is its own."""
        while True:
            try:
                self.heard.get(timeout=0.003)
            except queue.Empty:
                return


RESTING = {
    "InstrumentID": INSTRUMENT,
    "ExchangeID": EXCHANGE,
    "Direction": "0",
    "CombOffsetFlag": "0",
    "CombHedgeFlag": "1",
    "OrderPriceType": "2",
    "TimeCondition": "3",
    "VolumeCondition": "1",
    "ContingentCondition": "1",
    "ForceCloseReason": "0",
}


def filled(kind: str, **values: Any) -> Any:
    field = getattr(tdapi, f"CThostFtdc{kind}Field")()
    for name, value in values.items():
        setattr(field, name, value)
    return field


def main() -> None:
    caller = OpenctpCaller(*sys.argv[1:])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        if not line.startswith("orders"):
            break
        print(json.dumps(caller.orders(int(line.split()[1]))), flush=True)
    caller.api.Release()


if __name__ == "__main__":
    main()
