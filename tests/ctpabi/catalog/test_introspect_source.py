"""The binding's Python source is read for order, types, prototypes and comments."""

from __future__ import annotations

import pytest

from ctpabi.catalog.introspect_source import SourceModule

SOURCE = '''
THOST_TERT_RESTART = _low.THOST_TERT_RESTART
THOST_FTDC_D_Buy = _low.THOST_FTDC_D_Buy
r"""
    TFtdcDirectionType是一个买卖方向类型
    买
    """
THOST_FTDC_D_Sell = _low.THOST_FTDC_D_Sell
r"""卖"""
THOST_FTDC_OF_Open = _low.THOST_FTDC_OF_Open
r"""
    TFtdcOffsetFlagType是一个开平标志类型
    开仓
    """

class CThostFtdcLegField(object):
    r"""单腿"""

    thisown = property(lambda x: x.this.own(), lambda x, v: x.this.own(v), doc="The membership flag")
    LegID: "TThostFtdcLegIDType" = property(_low.get, _low.set, doc=r"""单腿
    编号""")
    Direction: "TThostFtdcDirectionType" = property(_low.get, _low.set)

class CThostFtdcTraderApi(object):
    def __init__(self): pass
    @staticmethod
    def GetApiVersion() -> "char const *": pass
    def Init(self) -> "void":
        r"""
        初始化
        Remarks: 初始化运行环境
        """
    def ReqLeg(self, pLeg: "CThostFtdcLegField", nRequestID: "int") -> "int":
        r"""单腿请求"""
'''


@pytest.fixture
def module() -> SourceModule:
    return SourceModule(SOURCE)


def test_structs_keep_order_types_and_comments(module: SourceModule) -> None:
    """Fields come in the order of the source, with their typedef and one-line comment; SWIG's own property is none."""
    (struct,) = module.structs()

    assert (struct.name, struct.doc) == ("Leg", "单腿")
    assert [(f.name, f.type_name, f.doc) for f in struct.fields] == [
        ("LegID", "LegID", "单腿 编号"),
        ("Direction", "Direction", ""),
    ]


def test_constants_are_grouped_by_the_comment_of_the_first(module: SourceModule) -> None:
    """The first constant's comment names the typedef; the ones up to the next such comment belong to it."""
    enums = module.enums()

    assert enums["Direction"].doc == "买卖方向"
    assert enums["Direction"].members == [("THOST_FTDC_D_Buy", "买"), ("THOST_FTDC_D_Sell", "卖")]
    assert enums["OffsetFlag"].members == [("THOST_FTDC_OF_Open", "开仓")]


def test_static_methods_have_no_slot(module: SourceModule) -> None:
    """Only virtual methods count, in order, with their comment up to the markup."""
    methods = module.methods("CThostFtdcTraderApi")

    assert [(m.name, m.parameters, m.doc) for m in methods] == [
        ("Init", (), "初始化"),
        ("ReqLeg", ("CThostFtdcLegField", "int"), "单腿请求"),
    ]


def test_a_type_that_is_not_a_typedef_stops_the_generator() -> None:
    """A binding written otherwise must not be half understood."""
    source = SOURCE.replace("TThostFtdcLegIDType", "int")

    with pytest.raises(ValueError, match="int is not one of CTP's typedefs"):
        list(SourceModule(source).structs())
