"""The committed catalog, and a small one to change."""

from __future__ import annotations

import pytest

from ctpabi.catalog import Callback, Catalog, Enum, EnumValue, Field, Kind, Method, Shape, Struct
from ctpabi.catalog.data import load_catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def small() -> Catalog:
    """One request, one response, one enum."""
    fields = (
        Field("BrokerID", "broker_id", Kind.TEXT, 0, 11, "BrokerID", "", "经纪公司代码"),
        Field("Password", "password", Kind.TEXT, 11, 41, "Password", "", "密码"),
        Field("Direction", "direction", Kind.CHAR, 52, 1, "Direction", "Direction", "买卖方向"),
        Field("Price", "price", Kind.DOUBLE, 56, 8, "Price", "", "价格"),
    )
    info = (
        Field("ErrorID", "error_id", Kind.INT, 0, 4, "ErrorID", "", "错误代码"),
        Field("ErrorMsg", "error_msg", Kind.TEXT, 4, 81, "ErrorMsg", "", "错误信息"),
    )
    return Catalog(
        version="1.0",
        structs={"Leg": Struct("Leg", 64, fields, "单腿"), "RspInfo": Struct("RspInfo", 88, info, "响应信息")},
        methods={"ReqLeg": Method("ReqLeg", 0, Shape.REQUEST, "Leg", "leg", "单腿请求")},
        callbacks={
            "OnFrontConnected": Callback("OnFrontConnected", 0, Shape.CONNECTION, "", "", ""),
            "OnRspError": Callback("OnRspError", 1, Shape.RESPONSE_ERROR, "", "rsp_error", "错误应答"),
            "OnRspLeg": Callback("OnRspLeg", 2, Shape.RESPONSE, "Leg", "rsp_leg", "单腿应答"),
        },
        enums={"Direction": Enum("Direction", (EnumValue("D_Buy", "DIRECTION_BUY", "0", "买"),), "买卖方向")},
    )
