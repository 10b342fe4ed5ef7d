"""One request and its rows: `one_query.py Instrument InstrumentID=rb2701`. Most example scripts look like this."""

# mypy: ignore-errors
# The binding has no types, and programs for it have none either.

import sys
import time

from openctp_ctp import tdapi

BROKER, USER, PASSWORD = "9999", "100003", "demo-100003"
NAME, FIELDS = sys.argv[1], dict(one.split("=") for one in sys.argv[2:])


class Spi(tdapi.CThostFtdcTraderSpi):
    def __init__(self, api):
        super().__init__()
        self.api = api
        self.done = False

    def OnFrontConnected(self):
        field = tdapi.CThostFtdcReqAuthenticateField()
        field.BrokerID = BROKER
        field.UserID = USER
        field.AppID = "demo_direct_1.0"
        field.AuthCode = "DEMODIRECT000001"
        self.api.ReqAuthenticate(field, 0)

    def OnRspAuthenticate(self, pRspAuthenticateField, pRspInfo, nRequestID, bIsLast):
        field = tdapi.CThostFtdcReqUserLoginField()
        field.BrokerID = BROKER
        field.UserID = USER
        field.Password = PASSWORD
        self.api.ReqUserLogin(field, 0)

    def OnRspUserLogin(self, pRspUserLogin, pRspInfo, nRequestID, bIsLast):
        print("login", pRspInfo.ErrorID)
        field = getattr(tdapi, f"CThostFtdcQry{NAME}Field")()
        for name in ("BrokerID", "InvestorID"):
            if name in dir(field):
                setattr(field, name, {"BrokerID": BROKER, "InvestorID": USER}[name])
        for name, value in FIELDS.items():
            setattr(field, name, value)
        # The counter takes one query a second: an example simply tries until it is taken.
        while getattr(self.api, f"ReqQry{NAME}")(field, 7) != 0:
            time.sleep(0.1)

    def OnRspError(self, pRspInfo, nRequestID, bIsLast):
        print("OnRspError", pRspInfo.ErrorID, nRequestID, bIsLast)
        self.done = True


def answered(self, pField, pRspInfo, nRequestID, bIsLast):
    if pRspInfo is not None and pRspInfo.ErrorID:
        print("error", pRspInfo.ErrorID)
    if pField is None:
        print("nothing", nRequestID, bIsLast)
    else:
        names = [name for name in dir(pField) if name[0].isupper()]
        values = [f"{name}={getattr(pField, name)!r}" for name in names if "Time" not in name and "Date" not in name]
        print(type(pField).__name__, nRequestID, bIsLast, *values)
    self.done = self.done or bIsLast


setattr(Spi, f"OnRspQry{NAME}", answered)
api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
spi = Spi(api)
api.RegisterSpi(spi)
api.RegisterFront("tcp://203.0.113.7:10201")
api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK)
api.Init()
until = time.monotonic() + 40
while not spi.done and time.monotonic() < until:
    time.sleep(0.02)
print("done" if spi.done else "no answer")
