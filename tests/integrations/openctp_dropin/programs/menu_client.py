"""A command line client with a numbered menu, as traders keep one beside their terminal. Numbers come from standard input."""

# mypy: ignore-errors
# The binding has no types, and programs for it have none either.

import os
import sys
import threading

from openctp_ctp import thosttraderapi as tdapi

FRONT = os.environ.get("MENU_FRONT", "tcp://203.0.113.7:10201")
BROKER, USER, PASSWORD = "9999", os.environ.get("MENU_USER", "100002"), os.environ.get("MENU_PASSWORD", "demo-100002")
APP_ID, AUTH_CODE = "demo_direct_1.0", "DEMODIRECT000001"


def print(*words, file=sys.stdout):  # noqa: A001
    """One write for a line: callbacks and menu print from different threads."""
    file.write(" ".join(map(str, words)) + "\n")


class TdImpl(tdapi.CThostFtdcTraderSpi):
    def __init__(self):
        tdapi.CThostFtdcTraderSpi.__init__(self)
        self.api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi()
        self.api.RegisterSpi(self)
        self.api.RegisterFront(FRONT)
        self.api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK)
        self.api.SubscribePublicTopic(tdapi.THOST_TERT_QUICK)
        self.semaphore = threading.Semaphore(0)
        self.request_id = 0
        self.order_ref = 0
        self.last_order = None
        self.api.Init()
        self.semaphore.acquire()

    def next_id(self):
        self.request_id += 1
        return self.request_id

    def OnFrontConnected(self):
        print("connected")
        req = tdapi.CThostFtdcReqAuthenticateField()
        req.BrokerID, req.UserID, req.AppID, req.AuthCode = BROKER, USER, APP_ID, AUTH_CODE
        self.api.ReqAuthenticate(req, self.next_id())

    def OnFrontDisconnected(self, nReason):
        print("disconnected", nReason)

    def OnRspAuthenticate(self, pRspAuthenticateField, pRspInfo, nRequestID, bIsLast):
        if pRspInfo is not None and pRspInfo.ErrorID != 0:
            print("authentication failed", pRspInfo.ErrorID, pRspInfo.ErrorMsg)
            exit(-1)
        req = tdapi.CThostFtdcReqUserLoginField()
        req.BrokerID, req.UserID, req.Password, req.UserProductInfo = BROKER, USER, PASSWORD, "menu"
        self.api.ReqUserLogin(req, self.next_id())

    def OnRspUserLogin(self, pRspUserLogin, pRspInfo, nRequestID, bIsLast):
        if pRspInfo is not None and pRspInfo.ErrorID != 0:
            print("login failed", pRspInfo.ErrorID, pRspInfo.ErrorMsg)
            exit(-1)
        self.front, self.session = pRspUserLogin.FrontID, pRspUserLogin.SessionID
        self.order_ref = int(pRspUserLogin.MaxOrderRef or 0)
        print("login", pRspUserLogin.TradingDay == self.api.GetTradingDay())
        req = tdapi.CThostFtdcSettlementInfoConfirmField()
        req.BrokerID, req.InvestorID = BROKER, USER
        self.api.ReqSettlementInfoConfirm(req, self.next_id())

    def OnRspSettlementInfoConfirm(self, pSettlementInfoConfirm, pRspInfo, nRequestID, bIsLast):
        print("confirmed", pSettlementInfoConfirm.InvestorID, pRspInfo and pRspInfo.ErrorID)
        self.semaphore.release()

    def show(self, name, field, info, request_id, is_last):
        if info is not None and info.ErrorID != 0:
            print(name, "error", info.ErrorID)
        elif field is not None:
            shown = [
                one for one in ("ExchangeID", "InstrumentID", "ProductID", "Volume", "Position") if hasattr(field, one)
            ]
            print(name, *(getattr(field, one) for one in shown))
        if is_last:
            print(name, "end")
            self.semaphore.release()

    def OnRspOrderInsert(self, pInputOrder, pRspInfo, nRequestID, bIsLast):
        print("OnRspOrderInsert", pInputOrder.InstrumentID, pRspInfo.ErrorID)
        self.semaphore.release()

    def OnErrRtnOrderInsert(self, pInputOrder, pRspInfo):
        print("OnErrRtnOrderInsert", pInputOrder.InstrumentID, pRspInfo.ErrorID)

    def OnRspOrderAction(self, pInputOrderAction, pRspInfo, nRequestID, bIsLast):
        print("OnRspOrderAction", pRspInfo.ErrorID)
        self.semaphore.release()

    def OnErrRtnOrderAction(self, pOrderAction, pRspInfo):
        print("OnErrRtnOrderAction", pRspInfo.ErrorID)

    def OnRtnOrder(self, pOrder):
        print("OnRtnOrder", pOrder.InstrumentID, pOrder.OrderStatus, pOrder.OrderSubmitStatus, pOrder.VolumeTraded)
        self.last_order = pOrder
        if pOrder.OrderStatus in (tdapi.THOST_FTDC_OST_AllTraded, tdapi.THOST_FTDC_OST_Canceled):
            if pOrder.OrderStatus == tdapi.THOST_FTDC_OST_Canceled:
                self.semaphore.release()
        elif pOrder.OrderStatus == tdapi.THOST_FTDC_OST_NoTradeQueueing:
            self.semaphore.release()

    def OnRtnTrade(self, pTrade):
        print("OnRtnTrade", pTrade.InstrumentID, pTrade.Direction, pTrade.OffsetFlag, pTrade.Volume)
        self.semaphore.release()

    def OnRspUserPasswordUpdate(self, pUserPasswordUpdate, pRspInfo, nRequestID, bIsLast):
        print("OnRspUserPasswordUpdate", pRspInfo.ErrorID)
        self.semaphore.release()

    def OnRspUserLogout(self, pUserLogout, pRspInfo, nRequestID, bIsLast):
        print("logout", pUserLogout.UserID, pRspInfo.ErrorID if pRspInfo else 0)
        self.semaphore.release()


QUERIES = [
    "Exchange",
    "Product",
    "Instrument",
    "InvestorPosition",
    "InvestorPositionDetail",
    "TradingAccount",
    "Order",
    "Trade",
    "Investor",
    "TradingCode",
    "InstrumentMarginRate",
    "InstrumentCommissionRate",
    "InstrumentOrderCommRate",
    "SettlementInfoConfirm",
    "DepthMarketData",
    "OptionInstrCommRate",
    "OptionInstrTradeCost",
    "ExchangeMarginRate",
    "MaxOrderVolume",
    "TransferBank",
    "ContractBank",
    "BrokerTradingParams",
]


def add_query(name):
    def on_response(self, pField, pRspInfo, nRequestID, bIsLast):
        self.show("OnRspQry" + name, pField, pRspInfo, nRequestID, bIsLast)

    setattr(TdImpl, "OnRspQry" + name, on_response)


for one in QUERIES:
    add_query(one)


def query(td, name):
    req = getattr(tdapi, f"CThostFtdcQry{name}Field")()
    for field, value in (
        ("BrokerID", BROKER),
        ("InvestorID", USER),
        ("InstrumentID", "rb2701"),
        ("ExchangeID", "SHFE"),
    ):
        if hasattr(req, field):
            setattr(req, field, value)
    if hasattr(req, "HedgeFlag"):
        req.HedgeFlag = tdapi.THOST_FTDC_HF_Speculation
    if hasattr(req, "CurrencyID"):
        req.CurrencyID = "CNY"
    td.send("ReqQry" + name, req)


def insert(td, price, volume=1, offset=tdapi.THOST_FTDC_OFEN_Open):
    td.order_ref += 1
    req = tdapi.CThostFtdcInputOrderField()
    req.BrokerID, req.InvestorID, req.UserID = BROKER, USER, USER
    req.InstrumentID, req.ExchangeID, req.OrderRef = "rb2701", "SHFE", str(td.order_ref)
    req.Direction, req.CombOffsetFlag, req.CombHedgeFlag = (
        tdapi.THOST_FTDC_D_Buy,
        offset,
        tdapi.THOST_FTDC_HF_Speculation,
    )
    req.LimitPrice, req.VolumeTotalOriginal = price, volume
    req.OrderPriceType = tdapi.THOST_FTDC_OPT_LimitPrice
    req.TimeCondition, req.VolumeCondition = tdapi.THOST_FTDC_TC_GFD, tdapi.THOST_FTDC_VC_AV
    req.ContingentCondition, req.ForceCloseReason = tdapi.THOST_FTDC_CC_Immediately, tdapi.THOST_FTDC_FCC_NotForceClose
    td.send("ReqOrderInsert", req)


def cancel(td, ref=None):
    req = tdapi.CThostFtdcInputOrderActionField()
    req.BrokerID, req.InvestorID, req.UserID = BROKER, USER, USER
    req.InstrumentID, req.ExchangeID = "rb2701", "SHFE"
    req.FrontID, req.SessionID, req.OrderRef = td.front, td.session, ref or td.last_order.OrderRef
    req.ActionFlag = tdapi.THOST_FTDC_AF_Delete
    td.send("ReqOrderAction", req)


def change_password(td):
    req = tdapi.CThostFtdcUserPasswordUpdateField()
    req.BrokerID, req.UserID, req.OldPassword, req.NewPassword = BROKER, USER, "wrong-one", "Another-1"
    td.send("ReqUserPasswordUpdate", req)


def logout(td):
    req = tdapi.CThostFtdcUserLogoutField()
    req.BrokerID, req.UserID = BROKER, USER
    td.send("ReqUserLogout", req)


def send(self, name, req):
    import time

    while True:
        code = getattr(self.api, name)(req, self.next_id())
        if code == 0:
            break
        time.sleep(0.1)
    self.semaphore.acquire()


TdImpl.send = send
ACTIONS = [
    *((f"query {name}", lambda td, name=name: query(td, name)) for name in QUERIES),
    ("buy at the market", lambda td: insert(td, 3501.0)),
    ("buy and rest", lambda td: insert(td, 3400.0)),
    ("cancel", cancel),
    ("cancel what is not there", lambda td: cancel(td, "999999")),
    ("close too much", lambda td: insert(td, 3501.0, 5000, tdapi.THOST_FTDC_OFEN_CloseToday)),
    ("change the password", change_password),
    ("log out", logout),
]


def main():
    td = TdImpl()
    while True:
        for number, (name, _) in enumerate(ACTIONS, 1):
            print(f"{number}. {name}", file=sys.stderr)
        choice = input().strip()
        if choice in ("q", ""):
            break
        name, action = ACTIONS[int(choice) - 1]
        print(">", name)
        action(td)
    td.api.RegisterSpi(None)
    td.api.Release()
    print("bye")


if __name__ == "__main__":
    main()
