"""A day of trading as users of openctp-ctp write it: one Spi, one API, a front address of a broker's.

It knows nothing of this project. What it did and what it has in the end goes to standard output as JSON.
"""

# mypy: ignore-errors
# The binding has no types, and scripts for it have none either.

import json
import sys
import tempfile
import threading

from openctp_ctp import tdapi

FRONT = "tcp://203.0.113.7:10201"
BROKER_ID, INVESTOR_ID, PASSWORD = "9999", "100002", "demo-100002"
APP_ID, AUTH_CODE = "demo_direct_1.0", "DEMODIRECT000001"
SECONDS = 30

BUY, SELL = "0", "1"
OPEN, CLOSE, CLOSE_TODAY, CLOSE_YESTERDAY = "0", "1", "3", "4"
NAMES = ("instrument", "exchange", "side", "offset", "price", "lots", "then")
STEPS = [
    dict(zip(NAMES, step, strict=True))
    for step in (
        ("rb2701", "SHFE", BUY, OPEN, 3501, 3, "filled"),
        ("rb2701", "SHFE", BUY, OPEN, 3400, 2, "cancel"),
        ("rb2701", "SHFE", SELL, CLOSE_YESTERDAY, 3499, 4, "filled"),
        ("rb2701", "SHFE", SELL, CLOSE_TODAY, 3499, 1, "filled"),
        ("m2701", "DCE", BUY, CLOSE, 3001, 2, "filled"),
        ("m2701", "DCE", BUY, CLOSE, 3001, 50, "refused"),
        ("au2702", "SHFE", SELL, OPEN, 790, 1, "filled"),
        ("au2702", "SHFE", BUY, OPEN, 780, 1, "resting"),
    )
]
ALL_TRADED, RESTING, CANCELED = "0", "3", "5"
ENDS = {"filled": ALL_TRADED, "resting": RESTING, "cancel": RESTING}


class Trader(tdapi.CThostFtdcTraderSpi):
    """Notes what comes; the main thread waits for it."""

    def __init__(self, api):
        super().__init__()
        self.api = api
        self.news = threading.Condition()
        self.connected = False
        self.answers = {}
        self.orders = {}
        self.lots_traded = {}
        self.refused = {}

    def wait_for(self, what, holds):
        with self.news:
            if not self.news.wait_for(holds, SECONDS):
                sys.exit(f"{what} did not come")

    def answered(self, request_id, row, info, is_last):
        with self.news:
            if info is not None and info.ErrorID:
                sys.exit(f"request {request_id}: {info.ErrorID} {info.ErrorMsg}")
            rows, _ = self.answers.get(request_id, ([], False))
            self.answers[request_id] = ([*rows, row] if row is not None else rows, is_last)
            self.news.notify_all()

    def OnFrontConnected(self):
        with self.news:
            self.connected = True
            self.news.notify_all()

    def OnRspAuthenticate(self, field, info, request_id, is_last):
        self.answered(request_id, None, info, is_last)

    def OnRspUserLogin(self, field, info, request_id, is_last):
        self.answered(request_id, {"front": field.FrontID, "session": field.SessionID}, info, is_last)

    def OnRspSettlementInfoConfirm(self, field, info, request_id, is_last):
        self.answered(request_id, None, info, is_last)

    def OnRspOrderInsert(self, field, info, request_id, is_last):
        with self.news:
            self.refused[field.OrderRef.strip()] = info.ErrorID
            self.news.notify_all()

    def OnRspOrderAction(self, field, info, request_id, is_last):
        self.answered(request_id, None, info, is_last)

    def OnRtnOrder(self, order):
        with self.news:
            self.orders[order.OrderRef.strip()] = (order.OrderStatus, order.ExchangeID, order.OrderSysID)
            self.news.notify_all()

    def OnRtnTrade(self, trade):
        with self.news:
            key = trade.ExchangeID, trade.OrderSysID
            self.lots_traded[key] = self.lots_traded.get(key, 0) + trade.Volume
            self.news.notify_all()

    def OnRspQryTradingAccount(self, field, info, request_id, is_last):
        self.answered(request_id, fields_of(field), info, is_last)

    def OnRspQryInvestorPosition(self, field, info, request_id, is_last):
        self.answered(request_id, fields_of(field), info, is_last)

    def OnRspQryTrade(self, field, info, request_id, is_last):
        self.answered(request_id, fields_of(field), info, is_last)


def fields_of(field):
    """A row as a dict; the struct itself is gone when the callback returns."""
    if field is None:
        return None
    names = [name for name in dir(type(field)) if name[0].isupper()]
    return {name: getattr(field, name) for name in names}


def filled(kind, **values):
    field = getattr(tdapi, f"CThostFtdc{kind}Field")()
    for name, value in values.items():
        setattr(field, name, value)
    return field


def ask(trader, request_id, method, field):
    """Send a request; its rows."""
    if getattr(trader.api, method)(field, request_id) != 0:
        sys.exit(f"{method} was not sent")
    trader.wait_for(method, lambda: trader.answers.get(request_id, ([], False))[1])
    return trader.answers[request_id][0]


def insert(trader, number, step):
    order = filled(
        "InputOrder",
        BrokerID=BROKER_ID,
        InvestorID=INVESTOR_ID,
        UserID=INVESTOR_ID,
        OrderRef=str(number),
        InstrumentID=step["instrument"],
        ExchangeID=step["exchange"],
        Direction=step["side"],
        CombOffsetFlag=step["offset"],
        CombHedgeFlag="1",
        LimitPrice=float(step["price"]),
        VolumeTotalOriginal=step["lots"],
        OrderPriceType="2",
        TimeCondition="3",
        VolumeCondition="1",
        ContingentCondition="1",
        ForceCloseReason="0",
    )
    if trader.api.ReqOrderInsert(order, 100 + number) != 0:
        sys.exit("the order was not sent")


def carry_out(trader, number, step):
    """One step, until nothing more of it will come."""
    ref = str(number)
    insert(trader, number, step)
    if step["then"] == "refused":
        trader.wait_for("the refusal", lambda: ref in trader.refused)
        return
    trader.wait_for(step["then"], lambda: trader.orders.get(ref, "?")[0] == ENDS[step["then"]])
    _, exchange, system_id = trader.orders[ref]
    if step["then"] == "filled":
        trader.wait_for("its trades", lambda: trader.lots_traded.get((exchange, system_id)) == step["lots"])
    if step["then"] == "cancel":
        who = {"BrokerID": BROKER_ID, "InvestorID": INVESTOR_ID, "UserID": INVESTOR_ID}
        action = filled(
            "InputOrderAction",
            **who,
            InstrumentID=step["instrument"],
            ExchangeID=exchange,
            OrderSysID=system_id,
            ActionFlag="0",
        )
        if trader.api.ReqOrderAction(action, 200 + number) != 0:
            sys.exit("the cancel was not sent")
        trader.wait_for("the cancel", lambda: trader.orders[ref][0] == CANCELED)


def main():
    api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi(tempfile.mkdtemp() + "/")
    trader = Trader(api)
    api.RegisterSpi(trader)
    api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK)
    api.SubscribePublicTopic(tdapi.THOST_TERT_QUICK)
    api.RegisterFront(FRONT)
    api.Init()
    trader.wait_for("the front", lambda: trader.connected)

    who = {"BrokerID": BROKER_ID, "UserID": INVESTOR_ID}
    ask(trader, 1, "ReqAuthenticate", filled("ReqAuthenticate", **who, AppID=APP_ID, AuthCode=AUTH_CODE))
    ask(trader, 2, "ReqUserLogin", filled("ReqUserLogin", **who, Password=PASSWORD))
    mine = {"BrokerID": BROKER_ID, "InvestorID": INVESTOR_ID}
    ask(trader, 3, "ReqSettlementInfoConfirm", filled("SettlementInfoConfirm", **mine))
    for number, step in enumerate(STEPS, 1):
        carry_out(trader, number, step)
    found = {
        "steps": STEPS,
        "refused": list(trader.refused.values()),
        "account": ask(trader, 4, "ReqQryTradingAccount", filled("QryTradingAccount", **mine)),
        "positions": ask(trader, 5, "ReqQryInvestorPosition", filled("QryInvestorPosition", **mine)),
        "trades": ask(trader, 6, "ReqQryTrade", filled("QryTrade", **mine)),
    }
    sys.stdout.write(json.dumps(found))
    api.RegisterSpi(None)
    api.Release()


if __name__ == "__main__":
    main()
