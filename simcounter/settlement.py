"""The day's report to the monitoring center: who logged in from where, and whether a relay reported the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from ctpabi.outside_text import harmless_json, shown
from simcounter.tmdb import MonitoringKey, StoredReport

KINDS = {
    "direct": "直连",
    "register": "多对多中继",
    "submit": "操作员中继",
    "missing": "中继未上报",
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One login of the day; outer information is empty when the private key is not at hand."""

    trading_day: str
    broker_id: str
    user_id: str
    kind: str
    app_id: str
    terminal_app_id: str
    relay_ip: str
    relay_login_time: str
    terminal_ip: str
    terminal_port: int
    terminal_login_time: str
    remark: str
    inner_length: int
    inner_sha256: str

    @property
    def is_complete(self) -> bool:
        """A relayed login needs the collector's bytes; a direct one is collected inside the vendor's library."""
        return self.kind == "direct" or (self.kind != "missing" and self.inner_length > 0)


def day_report(rows: Iterable[StoredReport], key: MonitoringKey | None) -> list[ReportLine]:
    """The report's lines; ValueError when `key` is not the one the rows were encrypted for."""
    return [_line(row, key) for row in rows]


def _line(row: StoredReport, key: MonitoringKey | None) -> ReportLine:
    local: dict[str, Any] = (key.decrypt(row.local_outer) if key is not None else None) or {}
    remote: dict[str, Any] = (key.decrypt(row.remote_outer) if key is not None else None) or {}
    return ReportLine(
        trading_day=row.trading_day,
        broker_id=row.broker_id,
        user_id=row.user_id,
        kind=row.kind,
        app_id=row.app_id,
        terminal_app_id=row.terminal_app_id,
        relay_ip=local.get("ip", ""),
        relay_login_time=local.get("login_time", ""),
        terminal_ip=remote.get("ip", ""),
        terminal_port=remote.get("port", 0),
        terminal_login_time=remote.get("login_time", ""),
        remark=remote.get("remark", ""),
        inner_length=len(row.inner_info),
        inner_sha256=row.inner_sha256,
    )


def as_json_lines(lines: Iterable[ReportLine]) -> str:
    """One JSON object a line."""
    return "".join(harmless_json(json.dumps(asdict(line), ensure_ascii=False)) + "\n" for line in lines)


def as_table(lines: Iterable[ReportLine]) -> Table:
    """The same for people."""
    table = Table(title="终端信息日报")
    for heading in (
        "交易日",
        "用户",
        "方式",
        "中继/直连 App",
        "前置所见地址",
        "终端 App",
        "终端地址",
        "终端登录",
        "采集信息",
    ):
        table.add_column(heading)
    for line in lines:
        where = f"{line.terminal_ip}:{line.terminal_port}" if line.terminal_ip else ""
        inner = f"{line.inner_length} 字节 {line.inner_sha256[:12]}" if line.inner_length else "无"
        cells = (
            line.trading_day, line.user_id, KINDS.get(line.kind, line.kind), line.app_id,
            f"{line.relay_ip} {line.relay_login_time}", line.terminal_app_id, where, line.terminal_login_time, inner,
        )  # fmt: skip
        table.add_row(*(escape(shown(cell)) for cell in cells))
    return table
