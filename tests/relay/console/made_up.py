"""A relay that answers a console as a busy one does, and a ledger of a morning."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Engine

from ctprelay.v1 import admin_pb2 as pb
from relay.database.database import writing
from relay.database.times import COUNTER_ZONE, stamp
from relay.ledger.chain import canonical
from relay.ledger.ledger import append

SESSIONS = [
    pb.TerminalSession(
        session="4f1c88a2",
        app_id="kuaiqi_terminal_3.2",
        broker_id="9999",
        investor_id="100023",
        public_ip="203.0.113.23",
        port=51377,
        logged_in_at="2026-01-05T08:31:40+08:00",
        state=pb.TerminalSession.STATE_LIVE,
        report_kind="ordinary",
        collector_code=0x140,
        missing=[
            pb.MissingItem(bit=0x40, name=pb.Words(zh="硬盘序列号", en="disk serial number")),
            pb.MissingItem(bit=0x100, name=pb.Words(zh="BIOS 序列号", en="BIOS serial number")),
        ],
        collector_version="6.7.11",
        collected=["ctp", "hundsun"],
        client_version="3.2.118",
        orders_today=148,
        calls=1921,
        events=8402,
        trading_day="20260105",
    ),
    pb.TerminalSession(
        session="77aa01cd",
        app_id="yisheng_9.5",
        broker_id="9999",
        investor_id="100031",
        public_ip="2001:db8::17",
        port=40211,
        logged_in_at="2026-01-05T08:33:02+08:00",
        state=pb.TerminalSession.STATE_LINGERING,
        linger_seconds_left=52,
        collected=["cts:demo"],
        queued_messages=182,
        queued_bytes=48_211,
    ),
]
ALARMS = [
    pb.Alarm(
        name="system_info_unlike_before",
        title=pb.Words(zh="机器与以往不同", en="machine unlike before"),
        at="2026-01-05T08:41:15+08:00",
        advice=pb.Words(zh="电话核实客户是否更换了电脑", en="ask whether it is another machine"),
        facts={"investor_id": "100023"},
        delivered=["wecom"],
    )
]
LIBRARY = {
    "binding": "openctp-ctp",
    "binding_version": "6.7.11.0",
    "file": "/opt/ctp-libraries/trader.so",
    "version": "v6.7.11_20250617 16:22:00.10369",
    "sha256": "5f" * 32,
}
STATUS: dict[str, Any] = {
    "relay": "relay-a",
    "mode": "many_to_many",
    "trading_day": "20260105",
    "process": {"started_at": "2026-01-05T08:30:01+08:00", "versions": [{"name": "ctp-relay", "version": "0.1.0"}]},
    "readiness": {"ready": True, "draining": False},
    "counter": {
        "state": "open",
        "since": "2026-01-05T08:30:09+08:00",
        "fronts": ["tcp://10.20.1.11:41205"],
        "library": LIBRARY,
        "described": {
            "system": "cts",
            "version": "1",
            "product": "RootNet 5",
            "exchanges": [
                {"code": "SHFE", "native_code": "S", "boards": [{"code": "futures"}, {"code": "futures"}]},
                {"code": "unmapped", "native_code": "E"},
                {"code": "unmapped", "native_code": "G"},
            ],
            "levels": [{"name": "connection", "up": True}, {"name": "operator"}],
            "capabilities": ["orders", "queries"],
            "wanted": [{"kind": "cts:*"}],
        },
    },
    "sessions": {"total": 128, "most": 500, "investors": 117},
    "paused": {"paused": False},
    "ledger": {"waiting": 2, "spooled": 0, "lost": 0, "lag_seconds": 0.2},
    "locks": 1,
    "certificate": {"valid_until": "2026-03-09T00:00:00+08:00", "days_left": 63.2},
    "faults": [],
    "figures": [{"name": "verifier_ready", "value": 1.0, "labels": {}, "meaning": ""}],
    "calls_waiting": 0,
    "queued_bytes": 48_211,
    "orders_today": 38_211,
    "orders_per_day": 90_000,
}
FRONT_DOWN = {
    "kind": "front_down",
    "title": {"zh": "柜台前置连接中断", "en": "no front of the counter is connected"},
    "why": "tcp://10.20.1.11:41205 0x1001",
    "advice": {"zh": "检查到前置地址的网络与专线", "en": "check the line to the fronts"},
    "since": "2026-01-05T08:50:31+08:00",
    "grave": True,
    "facts": {},
}


class BusyClient:
    """An `AdminClient` that answers with the sessions and alarms above."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, pb.Asking]] = []

    async def list_sessions(self, request: pb.ListSessionsRequest) -> pb.ListSessionsResponse:
        self.asked.append(("sessions", request.asking))
        found = [row for row in SESSIONS if request.contains in f"{row.investor_id} {row.app_id} {row.public_ip}"]
        return pb.ListSessionsResponse(sessions=found)

    async def get_session(self, request: pb.GetSessionRequest) -> pb.TerminalSession:
        self.asked.append(("session", request.asking))
        return next(row for row in SESSIONS if row.session == request.session)

    async def list_alarms(self, request: pb.ListAlarmsRequest) -> pb.ListAlarmsResponse:
        self.asked.append(("alarms", request.asking))
        return pb.ListAlarmsResponse(alarms=ALARMS)


def write_a_morning(engine: Engine) -> None:
    """A refused login of 100023 at 08:57, a good one at 09:02, and what else a relay writes."""
    known = {"investor_id": "100023", "terminal_app_id": "kuaiqi_terminal_3.2", "public_ip": "203.0.113.23"}
    wrong = {"source": "counter", "reason": "wrong_password", "code": 3, "message": "CTP:不合法的登录 / invalid login"}
    rows: list[tuple[str, str, str, dict[str, Any]]] = [
        ("08:30:01", "relay_started", "", {"relay": "relay-a", "version": "0.1.0"}),
        ("08:56:12", "terminal_admitted", "s0", {**known, "port": 51302, "collector_code": 0}),
        ("08:56:12", "counter_login_answer", "s0", {"error_id": 3, "error_msg": "CTP:不合法的登录"}),
        ("08:56:13", "terminal_refused", "s0", {**known, **wrong, "port": 51302}),
        ("08:56:40", "terminal_admitted", "s1", {**known, "port": 51377, "collector_code": 0x140}),
        ("08:56:40", "terminal_report_result", "s1", {"call": "RegisterUserSystemInfo", "return_code": 0}),
        ("08:56:41", "counter_login_answer", "s1", {"error_id": 0, "trading_day": "20260105"}),
        (
            "08:56:50",
            "terminals_refused",
            "",
            {"count": 3, "place": "198.51.100.9", "reasons": [{"reason": "terminal_not_accepted", "count": 3}]},
        ),
    ]
    for at, kind, session, facts in rows:
        _record(engine, at, kind, session, facts)


def _record(engine: Engine, at: str, kind: str, session: str, facts: dict[str, Any]) -> None:
    moment = dt.datetime.fromisoformat(f"2026-01-05T{at}").replace(tzinfo=COUNTER_ZONE)
    with writing(engine) as connection:
        append(connection, "relay-a", [(stamp(moment), kind, session, canonical(facts))])
