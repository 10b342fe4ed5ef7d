"""`ctp-relay status`: how the running relay is, once or again and again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import DEADLINE_SECONDS
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Workplace
from relay.cli.output import AsJson, reporting, values_of, write_json
from relay.cli.running_relay import ask
from relay.outside_text import shown, shown_json

_GOOD, _BAD, _MIND = "green", "bold red", "yellow"
_MIND_DAYS = 30
Line = tuple[str, str, str]
"""what, how it is, and the color"""


def status(
    config: ConfigPath = DEFAULT_CONFIG,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="With --watch: seconds between two looks.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Show how the running relay is: counter, sessions, ledger, certificate, and what is wrong.

    A table on a terminal; JSON elsewhere, with --watch one line for each look.
    """
    with reporting():
        place = Workplace(config)
        plain = as_json or not sys.stdout.isatty()
        if not watch:
            now = ask(place, lambda relay: relay.GetStatus(pb.GetStatusRequest(), timeout=DEADLINE_SECONDS))
            write_json(as_values(now)) if plain else Console().print(picture(now))
            return
        with contextlib.suppress(KeyboardInterrupt):
            ask(place, lambda relay: _watch(relay.WatchStatus(pb.WatchStatusRequest(every_seconds=every)), plain=plain))


def _watch(statuses: Iterator[pb.RelayStatus], *, plain: bool) -> None:
    if plain:
        for now in statuses:
            sys.stdout.write(shown_json(as_values(now)) + "\n")
            sys.stdout.flush()
        return
    with Live(auto_refresh=False, screen=False) as live:
        for now in statuses:
            live.update(picture(now), refresh=True)


def as_values(status: pb.RelayStatus) -> dict[str, object]:
    """For programs: every member, figures as one object."""
    plain = [figure for figure in status.figures if not figure.labels]
    return values_of(status) | {"figures": {figure.name: figure.value for figure in plain}}


def picture(status: pb.RelayStatus) -> Group:
    """For people."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for what, how, color in lines(status):
        table.add_row(what, Text(shown(how), style=color))
    parts: list[Table] = [table]
    if status.faults:
        parts.append(_faults(status))
    return Group(*parts)


def lines(status: pb.RelayStatus) -> list[Line]:
    """What stands in the table."""
    ready, counter, sessions, ledger = status.readiness, status.counter, status.sessions, status.ledger
    found: list[Line] = [
        (
            "中继 relay",
            (
                f"{status.relay} #{status.relay_number}  {status.mode}  {_version(status)}  pid {status.process.pid}"
                f"  {_lasting(status.process.uptime_seconds)}"
            ),
            "",
        ),
        ("就绪 ready", "是 yes" if ready.ready else f"否 no: {ready.reason} {ready.message}", _of(ready.ready)),
        (
            "柜台 counter",
            f"{counter.state}  {_since(counter.since)}  {counter.user_id}  {counter.why}".rstrip(),
            _of(counter.state in {"live", "open"}),
        ),
        ("交易日 trading day", status.trading_day or "–", ""),
        (
            "会话 sessions",
            (
                f"{sessions.total}/{sessions.most}  live {sessions.live}  recovering {sessions.recovering}"
                f"  lingering {sessions.lingering}  logging in {sessions.logging_in}  investors {sessions.investors}"
            ),
            _MIND if sessions.recovering else "",
        ),
        ("排队 queues", f"calls {status.calls_waiting}  bytes {status.queued_bytes}", ""),
        ("报单 orders today", f"{status.orders_today}/{status.orders_per_day}", ""),
        (
            "台账 ledger",
            f"lag {ledger.lag_seconds:.1f} s  waiting {ledger.waiting}  spooled {ledger.spooled}  lost {ledger.lost}",
            _BAD if ledger.lost else _MIND if ledger.spooled else "",
        ),
        ("锁定 locks", str(status.locks), _MIND if status.locks else ""),
        ("日志 log level", status.log_level, ""),
    ]
    if status.HasField("certificate"):
        days = status.certificate.days_left
        color = _BAD if days <= 0 else _MIND if days < _MIND_DAYS else ""
        found.append(("证书 certificate", f"{days:.0f} days, {_since(status.certificate.valid_until)}", color))
    if status.paused.paused:
        paused = status.paused
        found.append(("登录暂停 paused", f"{_since(paused.since)}  {paused.by}: {paused.reason}", _BAD))
    return found


def _faults(status: pb.RelayStatus) -> Table:
    table = Table(title="故障 faults", title_justify="left")
    for name in ("故障 fault", "自 since", "原因 why", "处置 what to do"):
        table.add_column(name, overflow="fold")
    for fault in status.faults:
        title = f"{fault.title.zh}\n{fault.title.en}"
        advice = f"{fault.advice.zh}\n{fault.advice.en}"
        table.add_row(
            Text(title, style=_BAD if fault.grave else _MIND), _since(fault.since), Text(shown(fault.why)), advice
        )
    return table


def _of(good: bool) -> str:
    return _GOOD if good else _BAD


def _version(status: pb.RelayStatus) -> str:
    return next((one.version for one in status.process.versions if one.name == "ctp-relay"), "")


def _since(at: str) -> str:
    return at[:19].replace("T", " ")


def _lasting(seconds: float) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes} min"
