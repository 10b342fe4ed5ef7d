"""A program in the manner of vn.py's gateway: it trades on ticks, and knows only its broker's addresses.

Every step follows from a callback. It buys when the first tick comes, waits for the tick of its own fill, tries to
reach other machines as a broker's program or a library might, and says what it found as JSON lines.
"""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
from typing import Any

from openctp_ctp import mdapi, tdapi

BROKER, INVESTOR, PASSWORD = "9999", "100001", "demo-100001"
FARAWAY = "203.0.113.7"
trading: queue.Queue[tuple[Any, ...]] = queue.Queue()
viewing: queue.Queue[tuple[Any, ...]] = queue.Queue()


class TdSpi(tdapi.CThostFtdcTraderSpi):  # type: ignore[misc]
    def OnFrontConnected(self) -> None:
        request = tdapi.CThostFtdcReqAuthenticateField()
        request.BrokerID, request.UserID = BROKER, INVESTOR
        request.AppID, request.AuthCode = "demo_direct_1.0", "DEMODIRECT000001"
        td.ReqAuthenticate(request, 1)

    def OnRspAuthenticate(self, _answer: Any, _error: Any, _number: int, _last: bool) -> None:
        request = tdapi.CThostFtdcReqUserLoginField()
        request.BrokerID, request.UserID, request.Password = BROKER, INVESTOR, PASSWORD
        td.ReqUserLogin(request, 2)

    def OnRspUserLogin(self, _answer: Any, _error: Any, _number: int, _last: bool) -> None:
        request = tdapi.CThostFtdcSettlementInfoConfirmField()
        request.BrokerID, request.InvestorID = BROKER, INVESTOR
        td.ReqSettlementInfoConfirm(request, 3)

    def OnRspSettlementInfoConfirm(self, _answer: Any, _error: Any, _number: int, _last: bool) -> None:
        td.ReqQryInstrument(tdapi.CThostFtdcQryInstrumentField(), 4)

    def OnRspQryInstrument(self, _answer: Any, _error: Any, _number: int, last: bool) -> None:
        if last:
            trading.put(("instruments",))

    def OnRtnTrade(self, trade: Any) -> None:
        trading.put(("trade", trade.InstrumentID, trade.Price, trade.Volume))


class MdSpi(mdapi.CThostFtdcMdSpi):  # type: ignore[misc]
    def OnFrontConnected(self) -> None:
        request = mdapi.CThostFtdcReqUserLoginField()
        request.BrokerID, request.UserID, request.Password = BROKER, INVESTOR, PASSWORD
        md.ReqUserLogin(request, 1)

    def OnRspUserLogin(self, answer: Any, _error: Any, _number: int, _last: bool) -> None:
        viewing.put(("market data", answer.TradingDay == md.GetTradingDay()))

    def OnRtnDepthMarketData(self, tick: Any) -> None:
        viewing.put(("tick", tick.InstrumentID, tick.LastPrice, tick.Volume, tick.AskPrice1))


def wait_for(events: queue.Queue[tuple[Any, ...]], name: str) -> tuple[Any, ...]:
    event = events.get(timeout=30)
    assert event[0] == name, event
    return event


def buy(price: float) -> None:
    order = tdapi.CThostFtdcInputOrderField()
    order.BrokerID, order.InvestorID, order.UserID, order.OrderRef = BROKER, INVESTOR, INVESTOR, "1"
    order.InstrumentID, order.ExchangeID = "rb2701", "SHFE"
    order.Direction, order.CombOffsetFlag, order.CombHedgeFlag = "0", "0", "1"
    order.OrderPriceType, order.LimitPrice, order.VolumeTotalOriginal = "2", price, 2
    order.TimeCondition, order.VolumeCondition, order.MinVolume = "3", "1", 1
    order.ContingentCondition, order.ForceCloseReason = "1", "0"
    td.ReqOrderInsert(order, 5)


def outcome(attempt: Any) -> str:
    try:
        attempt()
    except OSError as error:
        return str(error.strerror)
    return "reached"


def say(*values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    wait_for(trading, "instruments")
    say(*wait_for(viewing, "market data"))
    md.SubscribeMarketData([b"rb2701"], 1)
    first = wait_for(viewing, "tick")
    say(*first)
    buy(first[4])
    say(*wait_for(trading, "trade"))
    while (tick := wait_for(viewing, "tick"))[3] == 0:
        pass
    say(*tick)
    say("stream", outcome(lambda: socket.create_connection((FARAWAY, 41205), timeout=5)))
    datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    say("datagram", outcome(lambda: datagram.sendto(b"x", ("2001:db8::7", 53))))
    code = f"import socket; socket.create_connection(('{FARAWAY}', 443), timeout=5)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    say("child", child.stderr.strip().splitlines()[-1])
    for api in (td, md):
        api.RegisterSpi(None)
        api.Release()


td = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
md = mdapi.CThostFtdcMdApi.CreateFtdcMdApi("")
td_spi, md_spi = TdSpi(), MdSpi()
for one, spi, front in ((td, td_spi, f"tcp://{FARAWAY}:41205"), (md, md_spi, f"tcp://{FARAWAY}:41213")):
    one.RegisterSpi(spi)
    one.RegisterFront(front)
    one.Init()
main()
