"""Cancels of orders that are not there: what a program hears of each, field by field, and what GetFrontInfo says."""

# mypy: ignore-errors
# The binding has no types, and programs for it have none either.

import queue

from openctp_ctp import tdapi

BROKER, USER, PASSWORD = "9999", "100003", "demo-100003"
heard = queue.Queue()


def shown(field):
    """Every field of one object, one a line."""
    if field is None:
        return "None"
    names = [name for name in dir(field) if name[0].isupper()]
    return "\n".join(f"  {type(field).__name__}.{name} = {getattr(field, name)!r}" for name in names)


def filled(kind, **values):
    field = getattr(tdapi, f"CThostFtdc{kind}Field")()
    for name, value in values.items():
        setattr(field, name, value)
    return field


class Spi(tdapi.CThostFtdcTraderSpi):
    def OnFrontConnected(self):
        heard.put(("connected", None))

    def OnRspAuthenticate(self, pRspAuthenticateField, pRspInfo, nRequestID, bIsLast):
        heard.put(("authenticated", None))

    def OnRspUserLogin(self, pRspUserLogin, pRspInfo, nRequestID, bIsLast):
        heard.put(("login", (pRspUserLogin.FrontID, pRspUserLogin.SessionID)))

    def OnRspSettlementInfoConfirm(self, pSettlementInfoConfirm, pRspInfo, nRequestID, bIsLast):
        heard.put(("confirmed", None))

    def OnRspOrderAction(self, pInputOrderAction, pRspInfo, nRequestID, bIsLast):
        lines = f"OnRspOrderAction {nRequestID} {bIsLast}\n{shown(pInputOrderAction)}\n{shown(pRspInfo)}"
        heard.put(("answer", lines))

    def OnErrRtnOrderAction(self, pOrderAction, pRspInfo):
        heard.put(("notice", f"OnErrRtnOrderAction\n{shown(pOrderAction)}\n{shown(pRspInfo)}"))

    def OnRtnOrder(self, pOrder):
        if pOrder.OrderStatus == tdapi.THOST_FTDC_OST_AllTraded:
            heard.put(("traded", pOrder.OrderSysID))


def until(kind):
    while True:
        name, value = heard.get(timeout=40)
        if name == kind:
            return value


def main():
    api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi()
    spi = Spi()
    api.RegisterSpi(spi)
    api.RegisterFront("tcp://203.0.113.7:10201")
    api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK)
    api.Init()
    until("connected")
    print(front_info(api, "before the login"))
    who, mine = {"BrokerID": BROKER, "UserID": USER}, {"BrokerID": BROKER, "InvestorID": USER}
    api.ReqAuthenticate(filled("ReqAuthenticate", **who, AppID="demo_direct_1.0", AuthCode="DEMODIRECT000001"), 1)
    until("authenticated")
    api.ReqUserLogin(filled("ReqUserLogin", **who, Password=PASSWORD), 2)
    front, session = until("login")
    print(front_info(api, "after it"))
    api.ReqSettlementInfoConfirm(filled("SettlementInfoConfirm", **mine), 3)
    until("confirmed")
    traded = trade(api, mine)
    own = {"FrontID": front, "SessionID": session}
    for number, names in enumerate(
        (
            {**own, "OrderRef": "777"},
            {"FrontID": 4321, "SessionID": 99, "OrderRef": "1"},
            {"ExchangeID": "SHFE", "OrderSysID": "   999999"},
            {"ExchangeID": "SHFE", "OrderSysID": traded},
            {**own, "OrderRef": "1"},
        ),
        11,
    ):
        cancel(
            api, number, {**mine, **who, "InstrumentID": "rb2701", "ActionFlag": "0", "OrderActionRef": number, **names}
        )
    api.Release()


def front_info(api, when):
    info = tdapi.CThostFtdcFrontInfoField()
    api.GetFrontInfo(info)
    return f"front {when}: {bool(info.FrontAddr)} {info.QryFreq} {info.FTDPkgFreq}"


def trade(api, mine):
    """An order that is filled; its number at the exchange."""
    words = {"CombOffsetFlag": "0", "CombHedgeFlag": "1", "OrderPriceType": "2", "TimeCondition": "3"}
    flags = {"VolumeCondition": "1", "ContingentCondition": "1", "ForceCloseReason": "0", "Direction": "0"}
    what = {"InstrumentID": "rb2701", "ExchangeID": "SHFE", "LimitPrice": 3501.0, "VolumeTotalOriginal": 1}
    api.ReqOrderInsert(filled("InputOrder", **mine, **words, **flags, **what, MinVolume=1, OrderRef="1"), 4)
    return until("traded")


def cancel(api, number, values):
    print("cancel", number, api.ReqOrderAction(filled("InputOrderAction", **values), number))
    print(until("answer"))
    print(until("notice"))


main()
