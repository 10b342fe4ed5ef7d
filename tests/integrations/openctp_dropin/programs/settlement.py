"""Downloads the settlement statement and confirms it, as back offices do every evening. Chinese text comes in pieces."""

# mypy: ignore-errors
# The binding has no types, and programs for it have none either.

import os
import sys
import time

from openctp_ctp import tdapi

BROKER, USER, PASSWORD = "9999", "100004", "demo-100004"


class Downloader(tdapi.CThostFtdcTraderSpi):
    def __init__(self, file):
        super().__init__()
        self.file = file
        self.pieces = []
        self.finished = False
        os.makedirs("flow", exist_ok=True)
        self.api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("flow/", True)
        self.api.RegisterSpi(self)
        self.api.RegisterFront("tcp://203.0.113.7:10201")
        self.api.Init()

    def OnFrontConnected(self):
        field = tdapi.CThostFtdcReqAuthenticateField()
        field.BrokerID, field.UserID = BROKER, USER
        field.AppID, field.AuthCode = "demo_direct_1.0", "DEMODIRECT000001"
        self.api.ReqAuthenticate(field, 1)

    def OnRspAuthenticate(self, pRspAuthenticateField, pRspInfo, nRequestID, bIsLast):
        field = tdapi.CThostFtdcReqUserLoginField()
        field.BrokerID, field.UserID, field.Password = BROKER, USER, PASSWORD
        self.api.ReqUserLogin(field, 2)

    def OnRspUserLogin(self, pRspUserLogin, pRspInfo, nRequestID, bIsLast):
        if pRspInfo.ErrorID:
            print("login", pRspInfo.ErrorID, pRspInfo.ErrorMsg)
            sys.exit(3)
        field = tdapi.CThostFtdcQrySettlementInfoField()
        field.BrokerID, field.InvestorID = BROKER, USER
        self.api.ReqQrySettlementInfo(field, 3)

    def OnRspQrySettlementInfo(self, pSettlementInfo, pRspInfo, nRequestID, bIsLast):
        if pSettlementInfo is not None:
            self.pieces.append(pSettlementInfo.Content)
        if bIsLast:
            with open(self.file, "w", encoding="utf-8") as file:
                file.write(b"".join(self.pieces).decode("gbk"))
            field = tdapi.CThostFtdcSettlementInfoConfirmField()
            field.BrokerID, field.InvestorID = BROKER, USER
            self.api.ReqSettlementInfoConfirm(field, 4)

    def OnRspSettlementInfoConfirm(self, pSettlementInfoConfirm, pRspInfo, nRequestID, bIsLast):
        print("confirmed", pSettlementInfoConfirm.ConfirmDate == self.api.GetTradingDay(), len(self.pieces) > 0)
        self.finished = True


downloader = Downloader(sys.argv[1])
until = time.time() + 40
while not downloader.finished and time.time() < until:
    time.sleep(0.02)
downloader.api.RegisterSpi(None)
downloader.api.Release()
