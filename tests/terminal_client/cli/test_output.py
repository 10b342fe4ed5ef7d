"""What people see: tables titled with the vendor's words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from typer import Exit

from ctpabi.outside_text import is_plain
from ctprelay.ctp.v1 import enums_pb2, events_pb2, structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.cli.output import Output, reporting, summary, table_of
from terminal_client.errors import LoginRejected, Refusal
from terminal_client.session import Status
from terminal_client.translation import session_info
from tests.relay.test_outside_text import HARMFUL


def shown(*rows: structs_pb2.Order | structs_pb2.Investor | structs_pb2.InvestorPosition) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table_of(rows))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_known_rows_show_the_columns_people_look_for() -> None:
    """Positions: the vendor's Chinese words above CTP's names, enums in words, absent numbers empty."""
    text = shown(structs_pb2.InvestorPosition(instrument_id="rb2701", posi_direction=enums_pb2.POSI_DIRECTION_LONG))

    assert "持仓多空方向" in text
    assert "posi_direction" in text
    assert "long" in text
    assert "broker_id" not in text


def test_unknown_rows_show_what_they_have() -> None:
    """A struct without chosen columns shows its filled fields."""
    text = shown(structs_pb2.Investor(investor_id="100001", investor_name="张三"))

    assert "张三" in text
    assert "telephone" not in text


def test_a_price_without_value_is_empty() -> None:
    """CTP's DBL_MAX is no price; it is not shown as one."""
    assert "limit_price=" in summary(structs_pb2.Order(order_ref="1"))
    assert "limit_price=0" not in summary(structs_pb2.Order(order_ref="1"))
    assert "limit_price=3,500.5" in summary(structs_pb2.Order(order_ref="1", limit_price=3500.5))


def test_markup_in_what_others_wrote_is_plain_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A counter's text cannot color the terminal or break a table."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output = Output(as_json=False)

    output.event(events_pb2.Event(rsp_info={"error_id": 1, "error_msg": "[bold]x[/nothing]"}, rsp_error={}))
    output.status(Status("counter", "recovering", "[red]front"))
    output.rows([], "qry_trade")

    text = capsys.readouterr().out
    assert "[bold]x[/nothing]" in text
    assert "[red]front" in text
    assert "无记录" in text


@pytest.mark.parametrize("harmful", HARMFUL.values(), ids=HARMFUL.keys())
@pytest.mark.parametrize("as_json", [True, False])
def test_what_others_wrote_moves_and_hides_nothing_on_the_screen(
    harmful: str, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the counter or the relay sends: in notices, tables, documents, states and errors."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")  # no colors of our own
    output, text = Output(as_json=as_json), harmful.encode("utf-8", "replace").decode()
    output.event(events_pb2.Event(rsp_info={"error_id": 1, "error_msg": text}, rsp_error={}))
    output.rows([structs_pb2.Order(status_msg=text)], "order")
    output.rows([structs_pb2.InvestorProdSPBMDetail(exchange_id=text)], "detail")
    output.status(Status("counter", "recovering", text))
    output.document("notice", f"first\r\n\t{text}", "")
    output.warning(text)
    with pytest.raises(Exit), reporting():
        raise LoginRejected(Refusal("counter", "refused", text))

    said = capsys.readouterr()
    assert [line for line in (said.out + said.err).split("\n") if not is_plain(line)] == []
    assert len(said.err.splitlines()) == 2


def test_a_login_shows_what_stands_behind_the_relay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exchanges with their boards, and what may be called."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    counter = pb.CounterDescription(
        system="ctp",
        version="6.7.11.0",
        exchanges=[pb.Exchange(code="SHFE"), pb.Exchange(code="SSE", boards=[pb.Board(code="A1")])],
        capabilities=["orders", "queries"],
    )

    Output(as_json=False).session(session_info(pb.LoggedIn(counter=counter)))

    assert "ctp 6.7.11.0: SHFE SSE(A1); orders, queries" in capsys.readouterr().out
