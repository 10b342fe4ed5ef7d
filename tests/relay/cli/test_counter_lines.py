"""What `ctp-relay status` says of the counter: what it is, where orders go, which logins are up, what it wants collected."""

from __future__ import annotations

from ctprelay.v1 import terminal_pb2 as pb
from relay.cli.counter_lines import counter_lines
from relay.cli.reader import Reader

OFFERED = pb.CounterDescription(
    system="bridge",
    version="1",
    product="ksmm \x1b[2J1",
    exchanges=[
        pb.Exchange(code="NEEQ", native_code="2", boards=[pb.Board(code="N0"), pb.Board(code="N1")]),
        pb.Exchange(code="unmapped", native_code="3"),
        pb.Exchange(code="unmapped", native_code="35"),
        pb.Exchange(code="SHFE", boards=[pb.Board(code="futures", native_code="1"), pb.Board(code="futures")]),
    ],
    levels=[pb.LoginLevel(name="connection", up=True), pb.LoginLevel(name="operator")],
    capabilities=["queries"],
    wanted=[pb.WantedInfo(kind="hundsun", required=True), pb.WantedInfo(kind="ctp")],
)


def test_a_counter_is_described_in_both_languages() -> None:
    """Its own codes stand beside ours; what is not mapped, or down, is marked."""
    english = list(counter_lines(OFFERED, Reader(chinese=False)))
    chinese = list(counter_lines(OFFERED, Reader(chinese=True)))

    assert [(what, how) for what, how, _ in english] == [
        ("counter product", "bridge 1 ksmm \\x1b[2J1"),
        ("exchanges, boards", "NEEQ=2(N0,N1)  unmapped=3  unmapped=35  SHFE(futures)"),
        ("levels of login", "connection up  operator down"),
        ("capabilities", "queries"),
        ("collected info", "hundsun (required), ctp"),
    ]
    assert [color for _, _, color in english] == ["", "yellow", "yellow", "", ""]
    assert [(what, how) for what, how, _ in chinese[1:]] == [
        ("交易所与板块", "NEEQ=2(N0,N1)  未对应=3  未对应=35  SHFE(期货)"),
        ("登录层次", "连接 通  操作员 断"),
        ("可用业务", "查询"),
        ("要求采集", "hundsun（必需）、ctp"),
    ]


def test_a_login_of_a_terminals_own_is_no_trouble() -> None:
    """It is up while a terminal is there."""
    offered = pb.CounterDescription(system="cts", levels=[pb.LoginLevel(name="account", of_terminal=True)])

    assert [color for _, _, color in counter_lines(offered, Reader(chinese=False))] == ["", ""]
