"""How `ctp-terminal` speaks: tables and color for people, one JSON object a line for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ctpabi.catalog.data import load_catalog
from ctpabi.outside_text import harmless_json, shown
from ctprelay.ctp.v1 import events_pb2
from terminal_client.cli.exit_status import ExitStatus
from terminal_client.cli.options import OptionsInvalid
from terminal_client.errors import CallFailed, CollectorFailed, LoginRejected, TerminalError
from terminal_client.messages_text import TextInvalid, cell, event_to_dict, to_dict
from terminal_client.session import SessionInfo, Status

# The columns people look for; everything else is in --json.
COLUMNS: Mapping[str, Sequence[str]] = {
    "InvestorPosition": ("instrument_id", "posi_direction", "position", "today_position", "yd_position", "use_margin", "position_profit"),
    "Order": ("order_ref", "order_sys_id", "instrument_id", "direction", "limit_price", "volume_total_original", "volume_traded", "order_status", "status_msg", "insert_time"),
    "Trade": ("trade_id", "order_sys_id", "instrument_id", "direction", "price", "volume", "trade_time"),
    "TradingAccount": ("account_id", "balance", "available", "curr_margin", "frozen_margin", "close_profit", "position_profit", "commission", "withdraw_quota"),
    "Instrument": ("instrument_id", "instrument_name", "exchange_id", "product_id", "volume_multiple", "price_tick", "expire_date"),
}  # fmt: skip
MOST_COLUMNS = 8


class Output:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json or not sys.stdout.isatty()
        self._console = Console(highlight=False)

    def line(self, value: Mapping[str, object]) -> None:
        self._console.file.write(harmless_json(json.dumps(value, ensure_ascii=False)) + "\n")
        self._console.file.flush()

    def text(self, text: str, style: str = "") -> None:
        """One line for people; programs do not see it."""
        if not self.as_json:
            self._print(shown(text), style)

    def warning(self, text: str) -> None:
        """One line on standard error, for people and programs alike."""
        Console(stderr=True, highlight=False).print(escape(shown(text)), style="yellow", soft_wrap=True)

    def session(self, info: SessionInfo) -> None:
        if self.as_json:
            self.line({"kind": "session", **dataclasses.asdict(info)})
            return
        self.text(
            f"已登录 Logged in: {info.broker_id}/{info.investor_id}, 交易日 trading day {info.trading_day}", "green"
        )
        self.text(
            f"会话 Session {info.front_id}:{info.session_id}, {info.mode}, 最大报单引用 max order ref {info.max_order_ref}"
        )
        if info.counter is not None:
            at = info.counter
            exchanges = " ".join(map(str, at.exchanges))
            self.text(f"柜台 Counter {at.system} {at.version}: {exchanges or '-'}; {', '.join(at.capabilities)}")
        if info.settlement == "confirmed":
            self.text("结算单已确认 Settlement statement confirmed", "green")
        if info.advice:
            self.text(info.advice, "yellow")

    def rows(self, rows: Sequence[Message], kind: str) -> None:
        if self.as_json:
            for row in rows:
                self.line({"kind": kind, "body": to_dict(row)})
        elif not rows:
            self.text("无记录 No rows", "dim")
        else:
            self._console.print(table_of(rows))

    def table(self, titles: Sequence[str], rows: Sequence[tuple[Sequence[str], str]]) -> None:
        """For people: lines of cells, each line in its style; programs get lines of their own."""
        table = Table(show_lines=True)
        for title in titles:
            table.add_column(title, overflow="fold")
        for cells, style in rows:
            lines = ("\n".join(shown(line) for line in text.splitlines()) for text in cells)
            table.add_row(*(escape(text) for text in lines), style=style)
        self._console.print(table)

    def document(self, kind: str, text: str, without: str) -> None:
        """A text of several lines; `without` says that it is empty."""
        if self.as_json:
            self.line({"kind": kind, "text": text})
        else:
            self._print("\n".join(shown(line.expandtabs()) for line in text.splitlines()) or without)

    def event(self, event: events_pb2.Event) -> None:
        if self.as_json:
            self.line(event_to_dict(event))
            return
        kind = event.WhichOneof("body") or "unknown"
        body = getattr(event, kind) if kind not in ("unknown", "rsp_error") and not event.empty else None
        error = f" [{event.rsp_info.error_id}] {event.rsp_info.error_msg}" if event.rsp_info.error_id else ""
        self.text(f"{kind}{error} {'' if body is None else summary(body)}", "red" if error else "")

    def status(self, status: Status) -> None:
        if self.as_json:
            self.line({"kind": "status", **dataclasses.asdict(status)})
        else:
            self.text(f"{status.of}: {status.state} {status.reason}", "green" if status.state == "live" else "yellow")

    def _print(self, plain: str, style: str = "") -> None:
        self._console.print(escape(plain), style=style, soft_wrap=True)


def table_of(rows: Sequence[Message]) -> Table:
    """Rows as a table, the columns titled with the vendor's words."""
    struct = load_catalog().structs[rows[0].DESCRIPTOR.name]
    words = {field.proto_name: field.doc for field in struct.fields}
    columns = columns_of(rows)
    if len(columns) > MOST_COLUMNS and struct.name not in COLUMNS:
        return sideways(rows, columns, words)
    table = Table()
    for name in columns:
        table.add_column(f"{words.get(name, '')}\n{name}", overflow="fold")
    for row in rows:
        table.add_row(*(escape(shown(cell(row, name).strip())) for name in columns))
    return table


def sideways(rows: Sequence[Message], columns: Sequence[str], words: Mapping[str, str]) -> Table:
    """Rows with many fields: one field a line."""
    table = Table(show_header=False)
    for row in rows:
        for name in columns:
            table.add_row(name, words.get(name, ""), escape(shown(cell(row, name))))
        table.add_section()
    return table


def columns_of(rows: Sequence[Message]) -> Sequence[str]:
    """The columns worth showing: the well-known ones, else every field any row has."""
    chosen = COLUMNS.get(rows[0].DESCRIPTOR.name)
    if chosen:
        return chosen
    filled = {field.name for row in rows for field, _ in row.ListFields()}
    return [field.name for field in rows[0].DESCRIPTOR.fields if field.name in filled and "reserve" not in field.name]


def summary(message: Message) -> str:
    return "  ".join(f"{name}={cell(message, name).strip()}" for name in columns_of([message])[:12])


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what can go wrong into one message on standard error and an exit code."""
    try:
        yield
    except (OptionsInvalid, TextInvalid) as error:
        raise _leave(str(error), ExitStatus.USAGE) from None
    except CollectorFailed as error:
        raise _leave(f"采集失败 Collector failed ({error.reason}): {error}", ExitStatus.COLLECTOR_FAILED) from None
    except LoginRejected as error:
        raise _leave(f"登录被拒 Login rejected: {error}", ExitStatus.LOGIN_REJECTED) from None
    except CallFailed as error:
        raise _leave(f"请求失败 Request failed: {error}", ExitStatus.CALL_FAILED) from None
    except TerminalError as error:
        raise _leave(f"无连接 No session: {error}", ExitStatus.NOT_CONNECTED) from None
    except ValueError as error:
        raise _leave(str(error), ExitStatus.USAGE) from None


def _leave(message: str, code: ExitStatus) -> typer.Exit:
    Console(stderr=True, highlight=False).print(escape(shown(message)), style="red", soft_wrap=True)
    return typer.Exit(code)
