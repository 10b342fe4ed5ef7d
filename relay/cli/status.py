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
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.counter_lines import counter_lines
from relay.cli.output import AsJson, known, reporting, values_of, write_json
from relay.cli.reader import Reader, reader_here
from relay.cli.running_relay import ask
from relay.outside_text import shown, shown_json
from relay.settings.file import load

_GOOD, _BAD, _MIND = "green", "bold red", "yellow"
_MIND_DAYS = 30
_MODES = {"many_to_many": "多对多", "many_to_one": "多对一"}
_COUNTER = {
    "connecting": "连接中",
    "authenticating": "认证中",
    "logging_in": "登录中",
    "live": "已登录",
    "waiting": "等待重试",
    "password_due": "密码须更换",
    "ended": "已结束",
    "open": "可登录",
    "stopped": "登录已停",
}
"""what the admin API calls the counter's state"""
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
        settings = load(config)
        plain = as_json or not sys.stdout.isatty()
        if not watch:
            now = ask(settings, lambda relay: relay.GetStatus(pb.GetStatusRequest(), timeout=DEADLINE_SECONDS))
            write_json(as_values(now)) if plain else Console().print(picture(now))
            return
        with contextlib.suppress(KeyboardInterrupt):
            ask(
                settings,
                lambda relay: _watch(relay.WatchStatus(pb.WatchStatusRequest(every_seconds=every)), plain=plain),
            )


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
    """For programs: every member, figures as one object; null is what is not known."""
    plain = [figure for figure in status.figures if not figure.labels]
    return values_of(status) | {"figures": {figure.name: known(figure.value) for figure in plain}}


def picture(status: pb.RelayStatus, reader: Reader | None = None) -> Group:
    """For people, in their language."""
    reader = reader or reader_here()
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for what, how, color in lines(status, reader):
        table.add_row(what, Text(shown(how), style=color))
    parts: list[Table] = [table]
    if status.faults:
        parts.append(_faults(status, reader))
    return Group(*parts)


def lines(status: pb.RelayStatus, reader: Reader) -> list[Line]:
    """What stands in the table."""
    ready, counter, ledger = status.readiness, status.counter, status.ledger
    mode = reader(_MODES.get(status.mode, status.mode), status.mode)
    why = f"{ready.reason} {reader.half(ready.message)}"
    state = reader(_COUNTER.get(counter.state, counter.state), counter.state)
    counted = _counted(
        reader, ("等待", "waiting", ledger.waiting), ("暂存", "spooled", ledger.spooled), ("丢失", "lost", ledger.lost)
    )
    found: list[Line] = [
        (
            reader("中继", "relay"),
            "  ".join(
                (
                    f"{status.relay} #{status.relay_number}" if not status.workers else status.relay,
                    mode,
                    _version(status),
                    f"pid {status.process.pid}",
                    _lasting(status.process.uptime_seconds, reader),
                )
            ),
            "",
        ),
        (
            reader("就绪", "ready"),
            reader("是", "yes") if ready.ready else reader(f"否：{why}", f"no: {why}"),
            _of(ready.ready),
        ),
        (
            reader("柜台", "counter"),
            "  ".join(filter(None, (state, _since(counter.since), counter.user_id, reader.half(counter.why)))),
            _of(counter.state in {"live", "open"}),
        ),
        *counter_lines(counter.described, reader),
        *_library(reader("柜台库", "library"), counter.library),
        (reader("交易日", "trading day"), status.trading_day or "–", ""),
        (
            reader("会话", "sessions"),
            _sessions(status.sessions, reader),
            _MIND if status.sessions.recovering else "",
        ),
        (
            reader("排队", "queues"),
            _counted(reader, ("请求", "calls", status.calls_waiting), ("字节", "bytes", status.queued_bytes)),
            "",
        ),
        (reader("今日报单", "orders today"), f"{status.orders_today} / {status.orders_per_day}", ""),
        (
            reader("台账", "ledger"),
            reader(f"延迟 {ledger.lag_seconds:.1f} 秒", f"lag {ledger.lag_seconds:.1f} s") + "  " + counted,
            _BAD if ledger.lost else _MIND if ledger.spooled else "",
        ),
        (reader("锁定", "locks"), str(status.locks), _MIND if status.locks else ""),
        (reader("日志级别", "log level"), status.log_level, ""),
    ]
    return found + _sometimes(status, reader) + [_worker(one, reader) for one in status.workers]


def _sometimes(status: pb.RelayStatus, reader: Reader) -> list[Line]:
    """What not every relay has."""
    found: list[Line] = []
    if status.HasField("certificate"):
        days, until = status.certificate.days_left, _since(status.certificate.valid_until)
        color = _BAD if days <= 0 else _MIND if days < _MIND_DAYS else ""
        found.append(
            (
                reader("证书", "certificate"),
                reader(f"还有 {days:.0f} 天，到 {until}", f"{days:.0f} days, until {until}"),
                color,
            )
        )
    if status.HasField("market_data"):
        found.append(
            (reader("行情", "market data"), _market_data(status.market_data, reader), _of(status.market_data.live))
        )
        found += _library(reader("行情库", "market library"), status.market_data.library)
    if status.paused.paused:
        paused = status.paused
        found.append((reader("登录暂停", "paused"), f"{_since(paused.since)}  {paused.by}: {paused.reason}", _BAD))
    return found


_WORKER = {
    "starting": "启动中",
    "serving": "服务中",
    "stopping": "停止中",
    "resting": "等待重启",
    "ended": "已结束",
}


def _worker(worker: pb.WorkerStatus, reader: Reader) -> Line:
    status, state = worker.status, reader(_WORKER.get(worker.state, worker.state), worker.state)
    parts = [state, f"pid {worker.pid}"]
    if worker.HasField("status"):
        ready = status.readiness
        parts += [f"#{status.relay_number}", _sessions(status.sessions, reader)]
        parts += [] if ready.ready else [f"{ready.reason} {reader.half(ready.message)}"]
    if worker.starts > 1:
        parts.append(reader(f"启动 {worker.starts} 次：{worker.why}", f"{worker.starts} starts: {worker.why}"))
    well = worker.state == "serving" and status.readiness.ready
    return reader(f"工作进程 {worker.number}", f"worker {worker.number}"), "  ".join(parts), _of(well)


def _library(what: str, library: pb.CounterLibrary) -> list[Line]:
    if not library.binding:
        return []
    parts = (f"{library.binding} {library.binding_version}", library.version, library.file, f"SHA-256 {library.sha256}")
    return [(what, "  ".join(parts), "")]


def _market_data(market: pb.MarketDataState, reader: Reader) -> str:
    state = (
        reader("正常", "live")
        if market.live
        else reader(f"中断：{reader.half(market.why)}", f"down: {reader.half(market.why)}")
    )
    return f"{state}  " + _counted(
        reader,
        ("终端", "terminals", market.readers),
        ("合约", "instruments", market.depths),
        ("收到", "received", market.received),
        ("发出", "sent", market.sent),
        ("合并", "passed over", market.passed_over),
    )


def _sessions(sessions: pb.SessionCounts, reader: Reader) -> str:
    return f"{sessions.total} / {sessions.most}  " + _counted(
        reader,
        ("在线", "live", sessions.live),
        ("恢复中", "recovering", sessions.recovering),
        ("断线保留", "lingering", sessions.lingering),
        ("登录中", "logging in", sessions.logging_in),
        ("投资者", "investors", sessions.investors),
    )


def _counted(reader: Reader, *counts: tuple[str, str, int]) -> str:
    return "  ".join(f"{reader(chinese, english)} {count}" for chinese, english, count in counts)


def _faults(status: pb.RelayStatus, reader: Reader) -> Table:
    table = Table(title=reader("故障", "faults"), title_justify="left")
    for chinese, english in (("故障", "fault"), ("自", "since"), ("原因", "why"), ("处置", "what to do")):
        table.add_column(reader(chinese, english), overflow="fold")
    for fault in status.faults:
        title = Text(reader.words(fault.title), style=_BAD if fault.grave else _MIND)
        why = Text(shown(reader.half(fault.why)))
        table.add_row(title, _since(fault.since), why, reader.words(fault.advice))
    return table


def _of(good: bool) -> str:
    return _GOOD if good else _BAD


def _version(status: pb.RelayStatus) -> str:
    return next((one.version for one in status.process.versions if one.name == "ctp-relay"), "")


def _since(at: str) -> str:
    return at[:19].replace("T", " ")


def _lasting(seconds: float, reader: Reader) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return reader(f"运行 {hours} 小时 {minutes} 分", f"up {hours} h {minutes} min")
