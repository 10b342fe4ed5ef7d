"""Requests, return codes and callbacks: the unmodified binding on the shim, a scripted counter at the other end."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ctpabi.catalog import Catalog
from ctpabi.shim.abi_headers import abi_hash
from tests.ctpabi.shim.conftest import Program
from tests.simcounter.scripted_counter import ScriptedCounter

Start = Callable[..., Program]


def rsp_info(error_id: int, words: str) -> bytes:
    """A RspInfo struct: int, char[81]."""
    return struct.pack("<i81s3x", error_id, words.encode("gb18030"))


def test_the_hello_introduces_the_program(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """The counter learns the ABI's hash, the version, the process, the topics and the flow path."""
    program = start("""
        api = tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi('./a "flow"/x_')
        api.SubscribePrivateTopic(tdapi.THOST_TERT_QUICK); api.SubscribePublicTopic(tdapi.THOST_TERT_NONE)
        api.RegisterFront(FRONT); api.Init(); api.Join()
    """)
    hello = scripted.accept().greet()

    program.kill()
    assert hello.pop("pid") > 0
    assert hello == {
        "interface": "Trader",
        "abi_hash": abi_hash(catalog),
        "api_version": catalog.version,
        "private_topic": 2,
        "public_topic": 3,
        "flow_path": './a "flow"/x_',
    }


def test_a_request_arrives_as_the_struct_lies_in_memory(
    start: Start, scripted: ScriptedCounter, catalog: Catalog
) -> None:
    """Slot, request id and every byte of the struct reach the counter."""
    program = start(
        """
        api, spy = connect()
        order = tdapi.CThostFtdcInputOrderField()
        order.InstrumentID, order.LimitPrice = "rb2701", 3210.5
        ctypes.memmove(int(order.this), bytes(range(11)), 11)
        say(api.ReqOrderInsert(order, 42), ctypes.string_at(int(order.this), SIZE).hex())
    """.replace("SIZE", str(catalog.structs["InputOrder"].size))
    )
    call = scripted.accept_and_greet().receive_call("ReqOrderInsert")

    assert program.end().findings == [[0, call.body.hex()]]
    assert call.request_id == 42


def test_a_response_calls_back_with_both_structs(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """The struct, the RspInfo in Chinese, the request id and bIsLast arrive in Python; NULL arrives as None."""
    program = start("""
        class Reader(Spy):
            def react(self, name, *arguments):
                if name == "OnRspUserLogin":
                    login, info, request_id, is_last = arguments
                    say(login.UserID if login else None, info.ErrorID if info else None, info.ErrorMsg if info else None,
                        request_id, is_last)
        api, spy = connect(spy=Reader())
        for _ in range(3):
            spy.wait("OnRspUserLogin")
    """)
    login = bytearray(catalog.structs["RspUserLogin"].size)
    field = catalog.structs["RspUserLogin"].field("UserID")
    login[field.offset : field.offset + 6] = b"100001"
    connection = scripted.accept_and_greet()
    connection.event("OnRspUserLogin", bytes(login), rsp_info(3, "CTP:不合法的登录"), 7, is_last=False)
    connection.event("OnRspUserLogin", bytes(login), None, -1)
    connection.event("OnRspUserLogin", None, rsp_info(0, "正确"), 9)

    assert program.end().findings == [
        ["100001", 3, "CTP:不合法的登录", 7, False],
        ["100001", None, None, -1, True],
        [None, 0, "正确", 9, True],
    ]


def test_every_callback_arrives(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """Each event of the catalog reaches the callback of that name."""
    program = start("""
        api, spy = connect()
        names = []
        while not names or names[-1] != "OnRtnTrade":
            names.append(spy.noted.get(timeout=DEADLINE_SECONDS)[0])
        say(*names)
    """)
    connection = scripted.accept_and_greet()
    events = [c for c in catalog.callbacks.values() if c.shape != "connection" and c.name != "OnRtnTrade"]
    for callback in [*events, catalog.callbacks["OnRtnTrade"]]:
        body = bytes(catalog.structs[callback.struct].size) if callback.struct else None
        connection.event(callback.name, body, None if callback.shape == "notice" else rsp_info(0, ""))

    assert program.end().findings == [[*(c.name for c in events), "OnRtnTrade"]]


def test_before_the_connection_requests_return_minus_one(start: Start) -> None:
    """Not connected, CTP says -1; the trading day is the vendor's placeholder and Init without a front returns."""
    program = start(
        """
        api, spy = create()
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1), api.GetTradingDay(), api.GetApiVersion())
        api.Release()
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1), api.GetTradingDay())
        """,
        front="",
    )

    assert program.end().findings == [[-1, "19800100", "v6.7.11_SIMCOUNTER"], [-1, "19800100"]]


def test_the_counter_scripts_return_codes(start: Start, scripted: ScriptedCounter) -> None:
    """A method named in the state returns its code and sends nothing; the next state replaces the codes."""
    program = start("""
        api, spy = connect()
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 1))
        say(api.ReqUserLogout(tdapi.CThostFtdcUserLogoutField(), 2))
        spy.wait("OnRspUserLogout")
        say(api.ReqQryNotice(tdapi.CThostFtdcQryNoticeField(), 3))
    """)
    connection = scripted.accept_and_greet(return_codes={"ReqQryNotice": -3})
    connection.receive_call("ReqUserLogout")
    connection.state(return_codes={})
    connection.event("OnRspUserLogout")

    assert connection.receive_call("ReqQryNotice").request_id == 3
    assert program.end().findings == [[-3], [0], [0]]


def test_one_query_is_in_flight_until_its_last_row(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """A second ReqQry returns -2, from the callback of the last row on it returns 0; ReqQuery is not counted."""
    program = start("""
        query = tdapi.CThostFtdcQryOrderField()
        class Chain(Spy):
            def react(self, name, *arguments):
                if name == "OnRspQryOrder":
                    say("in callback", arguments[-1], self.api.ReqQryOrder(query, 2))
        api, spy = connect(spy=Chain())
        say(api.ReqQryOrder(query, 1), api.ReqQryOrder(query, 2),
            api.ReqQueryCFMMCTradingAccountToken(tdapi.CThostFtdcQueryCFMMCTradingAccountTokenField(), 3))
        spy.wait("OnRspQryOrder")
        spy.wait("OnRspQryOrder")
        spy.wait("OnRspError")
        say(api.ReqQryOrder(query, 4))
    """)
    connection = scripted.accept_and_greet()
    connection.receive_call("ReqQryOrder")
    connection.receive_call("ReqQueryCFMMCTradingAccountToken")
    row = bytes(catalog.structs["Order"].size)
    connection.event("OnRspQryOrder", row, None, 1, is_last=False)
    connection.event("OnRspQryOrder", row, None, 1)
    connection.receive_call("ReqQryOrder")
    connection.event("OnRspError", None, rsp_info(90, "CTP:查询未就绪"), 2)

    # Two threads speak: the main one may be late with its first line.
    found = program.end().findings
    assert [line for line in found if line[0] != "in callback"] == [[0, -2, 0], [0]]
    assert [line for line in found if line[0] == "in callback"] == [
        ["in callback", False, -2],
        ["in callback", True, 0],
    ]


def test_queries_a_second_are_limited_when_the_counter_says_so(start: Start, scripted: ScriptedCounter) -> None:
    """With limit_queries, more than QryFreq queries within a second get -3; the next second they pass again."""
    program = start("""
        query = tdapi.CThostFtdcQryOrderField()
        api, spy = connect()
        def ask_until(wanted):
            while (code := api.ReqQryOrder(query, 1)) != wanted:
                if code == 0:
                    spy.wait("OnRspQryOrder")
            say(code)
        ask_until(-3)
        ask_until(0)
    """)
    front = {"FrontAddr": "tcp://127.0.0.1:1", "QryFreq": 2, "FTDPkgFreq": 6}
    connection = scripted.accept_and_greet(limit_queries=True, front_info=front)
    while not connection.is_closed():
        connection.event("OnRspQryOrder", None, None, 1)

    assert program.end().findings == [[-3], [0]]


def test_trading_day_and_front_come_from_the_counter(start: Start, scripted: ScriptedCounter) -> None:
    """GetTradingDay changes with the login, GetFrontInfo fills the caller's struct."""
    program = start("""
        api, spy = connect()
        front = tdapi.CThostFtdcFrontInfoField(); api.GetFrontInfo(front)
        say(api.GetTradingDay(), front.FrontAddr, front.QryFreq, front.FTDPkgFreq)
        api.ReqUserLogin(tdapi.CThostFtdcReqUserLoginField(), 1)
        spy.wait("OnRspUserLogin")
        say(api.GetTradingDay())
    """)
    front = {"FrontAddr": "tcp://127.0.0.1:1", "QryFreq": 2, "FTDPkgFreq": 6}
    connection = scripted.accept_and_greet(trading_day="20261123", front_info=front)
    connection.receive_call("ReqUserLogin")
    connection.state(logged_in=True)
    connection.event("OnRspUserLogin", None, rsp_info(0, ""))

    assert program.end().findings == [["19800100", "tcp://127.0.0.1:1", 2, 6], ["20261123"]]


def test_a_struct_pointer_kept_too_long_shows(start: Start, scripted: ScriptedCounter, catalog: Catalog) -> None:
    """After the callback the struct is overwritten with 0xDD, as it would be overwritten sooner or later by CTP."""
    program = start("""
        class Keeper(Spy):
            def react(self, name, *arguments):
                if name == "OnRtnOrder":
                    self.kept = arguments[0]
                    say(ctypes.string_at(int(self.kept.this), 2).hex())
        api, spy = connect(spy=Keeper())
        spy.wait("OnRtnOrder"); spy.wait("OnRtnTrade")
        say(ctypes.string_at(int(spy.kept.this) + 512, 4).hex())
    """)
    connection = scripted.accept_and_greet()
    connection.event("OnRtnOrder", b"\x31\x32".ljust(catalog.structs["Order"].size, b"\0"))
    connection.event("OnRtnTrade", bytes(catalog.structs["Trade"].size))

    assert program.end().findings == [["3132"], ["dddddddd"]]


def test_a_struct_of_the_wrong_size_ends_the_connection(start: Start, scripted: ScriptedCounter) -> None:
    """A frame that does not fit its callback is never read as one; the program learns which."""
    program = start("""
        api, spy = connect()
        say(*spy.wait("OnFrontDisconnected"))
    """)
    scripted.accept_and_greet().event("OnRtnOrder", b"short")

    ended = program.end()
    assert ended.findings == [[4097]]
    assert "OnRtnOrder with 5 bytes, expected" in ended.errors
