"""deploy/prometheus/rules.yml and deploy/grafana/ctp-relay.json: an alert for every fault and for what has no fault, and one page to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from codegen.pages import NOTE
from relay.faults.table import RUNBOOK_PAGE, Fault, Gravity, Words

_MANUAL = "docs/manual/zh"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One rule beside those of the faults."""

    name: str
    expression: str
    lasts: str
    severity: Gravity
    title: Words
    remedy: Words
    runbook: str = f"{RUNBOOK_PAGE}.md"


ALERTS = (
    AlertRow(
        "CtpRelayAway", 'up{job="ctp-relay"} == 0', "30s", Gravity.CRITICAL,
        ("监控取不到中继的指标", "the relay's metrics cannot be read"),
        ("检查中继进程与 metrics.address", "look at the relay's process and metrics.address"),
    ),
    AlertRow(
        "CtpRelayLedgerEntriesLost", "increase(ctp_relay_ledger_entries_lost_total[10m]) > 0", "0s", Gravity.CRITICAL,
        ("有台账记录丢失", "ledger entries were lost"),
        ("看台账中的 ledger_gap 与磁盘, 数据库", "read ledger_gap in the ledger; look at disk and database"),
    ),
    AlertRow(
        "CtpRelayOrderEntriesLost", "increase(ctp_relay_order_trail_lost_total[10m]) > 0", "0s", Gravity.WARNING,
        ("有报单审计记录丢失", "entries of the orders' audited stream were lost"),
        ("看台账中的 orders_lost, 查数据库为何太慢", "read orders_lost in the ledger; find why the database is slow"),
        f"{RUNBOOK_PAGE}.md#{Fault.ORDERS_NOT_RECORDED.anchor}",
    ),
    AlertRow(
        "CtpRelayReportsRefused", 'increase(ctp_relay_reports_total{return_code!="0"}[10m]) > 0', "0s", Gravity.WARNING,
        ("有终端信息上报被 API 拒绝", "the API refused reports of terminals"),
        ("按返回码处理: -3, -4 是 AppID 类型, -6 不是采集库的数据, -7 版本不符", "by the return code: -3 and -4 the app id's type, -6 no collector's, -7 edition"),
    ),
    AlertRow(
        "CtpRelayLoginsSlow", "histogram_quantile(0.95, sum by (le, instance) (rate(ctp_relay_login_seconds_bucket[5m]))) > 5", "2m",
        Gravity.WARNING,
        ("登录变慢: 95% 超过 5 秒", "logins are slow: one in twenty takes more than 5 s"),
        ("看柜台, 数据库与采集校验", "look at counter, database and the judge of system info"),
    ),
    AlertRow(
        "CtpRelayOrdersSlow", "histogram_quantile(0.99, sum by (le, instance) (rate(ctp_relay_order_seconds_bucket[5m]))) > 0.05", "2m",
        Gravity.WARNING,
        ("报单在中继内变慢: 99% 超过 50 毫秒", "orders are slow in the relay: one in a hundred takes more than 50 ms"),
        ("看 CPU 与 limits 的限速, 报单是否在排队", "look at the CPU and the limits: do orders wait their turn?"),
    ),
    AlertRow(
        "CtpRelayLoginsFail",
        'sum by (instance) (increase(ctp_relay_logins_total{outcome="refused"}[5m])) > 20'
        ' and sum by (instance) (increase(ctp_relay_logins_total{outcome="succeeded"}[5m])) < 1',
        "1m", Gravity.CRITICAL,
        ("登录大量失败, 没有成功的", "many logins fail and none succeeds"),
        ("看 ctp_relay_refusals_total 的原因与台账", "read the reasons in ctp_relay_refusals_total and the ledger"),
    ),
    AlertRow(
        "CtpRelayFrontFlaps", "increase(ctp_relay_front_lost_total[10m]) > 5", "0s", Gravity.WARNING,
        ("柜台连接反复断开", "connections to the counter break again and again"),
        ("检查到前置的线路", "look at the line to the fronts"), "faults.md#front-down",
    ),
    AlertRow(
        "CtpRelayLogLinesDropped", "increase(ctp_relay_log_lines_dropped_total[10m]) > 0", "0s", Gravity.WARNING,
        ("日志有丢失", "log lines were lost"),
        ("读日志的程序跟不上, 检查 journald 或日志采集", "the reader of the log does not keep up: look at journald or the collector"),
    ),
    AlertRow(
        "CtpRelayAlarm", "increase(ctp_relay_alarms_total[5m]) > 0", "0s", Gravity.WARNING,
        ("中继发出了告警事件 {{ $labels.alarm }}", "the relay sounded the alarm {{ $labels.alarm }}"),
        ("在手册的告警一节查这个名字", "find the name among the alarms in the manual"),
    ),
)  # fmt: skip


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _rule(row: AlertRow) -> str:
    return "\n".join(
        (
            f"      - alert: {row.name}",
            f"        expr: {_quoted(row.expression)}",
            f"        for: {row.lasts}",
            f"        labels: {{ severity: {row.severity.value} }}",
            "        annotations:",
            f"          summary: {_quoted(row.title[0])}",
            f"          summary_en: {_quoted(row.title[1])}",
            f"          description: {_quoted(row.remedy[0])}",
            f"          description_en: {_quoted(row.remedy[1])}",
            f"          runbook: {_quoted(f'{_MANUAL}/{row.runbook}')}",
        )
    )


def _of_fault(fault: Fault) -> AlertRow:
    name = "CtpRelay" + "".join(part.capitalize() for part in fault.word.split("_"))
    lasts = "10s" if fault.gravity is Gravity.CRITICAL else "1m"
    where = f"{RUNBOOK_PAGE}.md#{fault.anchor}"
    return AlertRow(
        name, f'ctp_relay_fault{{fault="{fault.word}"}} == 1', lasts, fault.gravity, fault.title, fault.remedy, where
    )


def rules() -> str:
    """The rules of Prometheus; a fault that a person wanted so alerts nobody."""
    faults = [_of_fault(fault) for fault in Fault if fault.gravity is not Gravity.NOTICE]
    groups = (("ctp-relay-faults", faults), ("ctp-relay-figures", list(ALERTS)))
    text = f"# {NOTE}\ngroups:\n"
    for name, rows in groups:
        text += f"  - name: {name}\n    rules:\n" + "\n".join(map(_rule, rows)) + "\n"
    return text


_PANELS: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...] = (
    ("现有故障 / faults that stand", "table", "short", (("ctp_relay_fault == 1", "{{fault}}"),)),
    ("柜台可用 / counter ready", "stat", "bool_yes_no", (("ctp_relay_counter_ready", "{{instance}}"),)),
    ("在线终端 / terminals", "timeseries", "short", (("ctp_relay_sessions_by_state", "{{instance}} {{state}}"),)),
    ("登录 / logins a minute", "timeseries", "short", (("60 * rate(ctp_relay_logins_total[5m])", "{{instance}} {{outcome}}"),)),
    ("拒绝原因 / refusals a minute, by reason", "timeseries", "short", (("60 * sum by (reason) (rate(ctp_relay_refusals_total[5m]))", "{{reason}}"),)),
    ("上报返回码 / reports, by return code", "timeseries", "short", (("increase(ctp_relay_reports_total[5m])", "{{return_code}}"),)),
    ("报单, 撤单, 查询 / orders, cancels, queries a second", "timeseries", "reqps",
     (("rate(ctp_relay_orders_total[1m])", "报单 {{instance}}"), ("rate(ctp_relay_cancels_total[1m])", "撤单 {{instance}}"),
      ("rate(ctp_relay_queries_total[1m])", "查询 {{instance}}"))),
    ("推送 / events a second", "timeseries", "short", (("rate(ctp_relay_events_total[1m])", "{{instance}}"),)),
    ("报单延迟 / order latency", "timeseries", "s",
     (("histogram_quantile(0.5, sum by (le) (rate(ctp_relay_order_seconds_bucket[5m])))", "50 %"),
      ("histogram_quantile(0.99, sum by (le) (rate(ctp_relay_order_seconds_bucket[5m])))", "99 %"))),
    ("登录耗时 / login time", "timeseries", "s",
     (("histogram_quantile(0.5, sum by (le) (rate(ctp_relay_login_seconds_bucket[5m])))", "50 %"),
      ("histogram_quantile(0.95, sum by (le) (rate(ctp_relay_login_seconds_bucket[5m])))", "95 %"))),
    ("推送延迟 / notice latency", "timeseries", "s",
     (("histogram_quantile(0.99, sum by (le) (rate(ctp_relay_notice_seconds_bucket[5m])))", "99 %"),)),
    ("前置 / fronts lost and back", "timeseries", "short",
     (("increase(ctp_relay_front_lost_total[10m])", "断开 {{instance}}"), ("increase(ctp_relay_front_reconnects_total[10m])", "恢复 {{instance}}"))),
    ("台账 / ledger entries that wait", "timeseries", "short",
     (("ctp_relay_ledger_entries_waiting", "等待 {{instance}}"), ("ctp_relay_ledger_entries_spooled", "在磁盘 {{instance}}"))),
    ("证书剩余天数 / days of the certificate", "stat", "d", (("(ctp_relay_certificate_valid_until_seconds - time()) / 86400", "{{instance}}"),)),
    ("磁盘剩余 / free disk", "stat", "bytes", (("ctp_relay_disk_free_bytes", "{{instance}}"),)),
    ("时钟偏差 / clock offset", "stat", "s", (("ctp_relay_clock_offset_seconds", "{{instance}}"),)),
    ("锁定 / locks", "stat", "short", (("ctp_relay_locks", "{{instance}}"),)),
    ("CPU 与内存 / CPU and memory", "timeseries", "short",
     (("rate(process_cpu_seconds_total[1m])", "CPU {{instance}}"), ("process_resident_memory_bytes / 1e9", "GB {{instance}}"))),
)  # fmt: skip
"""title, kind, unit, and each query with its legend; three in a row"""


def dashboard() -> str:
    """One page of Grafana."""
    panels = [
        {
            "id": number + 1,
            "title": title,
            "type": kind,
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "gridPos": {"x": 8 * (number % 3), "y": 8 * (number // 3), "w": 8, "h": 8},
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "targets": [
                {"refId": "ABC"[place], "expr": query, "legendFormat": legend, "instant": kind != "timeseries"}
                for place, (query, legend) in enumerate(queries)
            ],
        }
        for number, (title, kind, unit, queries) in enumerate(_PANELS)
    ]
    source = {"name": "source", "label": "数据源", "type": "datasource", "query": "prometheus"}
    page = {
        "title": "CTP 中继 / CTP relay",
        "description": NOTE,
        "uid": "ctp-relay",
        "tags": ["ctp"],
        "timezone": "Asia/Shanghai",
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "schemaVersion": 39,
        "templating": {"list": [source]},
        "panels": panels,
    }
    return json.dumps(page, ensure_ascii=False, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Both files."""
    return {Path("deploy/prometheus/rules.yml"): rules(), Path("deploy/grafana/ctp-relay.json"): dashboard()}
