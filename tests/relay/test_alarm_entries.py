"""Alarms are entries: critical faults at both edges, single alarms once, and none that the ledger would refuse."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relay.alarm_entries import AlarmEntries
from relay.faults.faults import Faults
from relay.faults.table import Fault, Gravity
from relay.ledger.ledger import Ledger
from relay.ledger.reader import read
from relay.ledger.spool import Spool
from relay.logs.alarms import AlarmName, Alarms
from tests.relay.conftest import HandClock

CRITICAL = next(fault for fault in Fault if fault.gravity is Gravity.CRITICAL)
MINOR = next(fault for fault in Fault if fault.gravity is not Gravity.CRITICAL)


@pytest.mark.asyncio
async def test_alarms_are_entries(sqlite_engine: Engine, clock: HandClock, tmp_path: Path) -> None:
    """By name and reason, from whatever thread they come."""
    faults, alarms = Faults(), Alarms()
    with Ledger(sqlite_engine, "one", spool=Spool(tmp_path / "spool"), clock=clock) as ledger:
        entries = AlarmEntries(ledger)
        entries.hear(faults)
        alarms.listen(entries.event)
        other = threading.Thread(target=faults.begin, args=(CRITICAL, "the cable"))
        other.start()
        other.join()
        faults.begin(MINOR, "no matter")
        faults.end(CRITICAL)
        alarms.sound(AlarmName.ORDERS_RUN_OUT, password="never kept")
        deadline = time.monotonic() + 30
        while ledger.statistics()["committed"] < 3 and time.monotonic() < deadline:  # noqa: ASYNC110 - a thread counts it
            await asyncio.sleep(0.01)
    kept = [(entry.kind, json.loads(entry.data)) for entry in read(sqlite_engine)]

    assert [kind for kind, _ in kept] == ["fault_began", "fault_ended", "alarm"]
    assert kept[0][1] == {"name": CRITICAL.word, "why": "the cable"}
    assert kept[2][1] == {"name": AlarmName.ORDERS_RUN_OUT.event}
