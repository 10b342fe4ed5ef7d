"""A program that looks at the market and trades nothing: mdapi alone, with user and password in its login."""

# mypy: ignore-errors

import queue
import sys

from openctp_ctp import mdapi

heard = queue.SimpleQueue()


class Spi(mdapi.CThostFtdcMdSpi):
    def OnFrontConnected(self):
        heard.put(("connected", ""))

    def OnRspUserLogin(self, field, info, request_id, last):
        heard.put(("login", info.ErrorID))

    def OnRspSubMarketData(self, field, info, request_id, last):
        heard.put(("subscribed", field.InstrumentID))

    def OnRtnDepthMarketData(self, tick):
        heard.put(("tick", tick.InstrumentID))


def until(kind):
    while True:
        name, value = heard.get(timeout=50)
        if name == kind:
            return value


front, user, password = sys.argv[1:]
api = mdapi.CThostFtdcMdApi.CreateFtdcMdApi()
spi = Spi()
api.RegisterSpi(spi)
api.RegisterFront(front)
api.Init()
until("connected")
req = mdapi.CThostFtdcReqUserLoginField()
req.BrokerID, req.UserID, req.Password = "9999", user, password
api.ReqUserLogin(req, 1)
print("login", until("login"))
api.SubscribeMarketData([b"rb2701"], 1)
print("subscribed", until("subscribed"))
print("tick", until("tick"), flush=True)
api.RegisterSpi(None)
api.Release()
