"""What the relay's own log calls an error: a task of it that died, an order map it could not write."""

from __future__ import annotations

import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from relay.faults.table import Fault
from relay.logs.alarms import AlarmName

heard: Final[list[str]] = []
"""of this process; a history that finds something here has failed"""
_THE_COUNTERS = frozenset(
    {
        "counter_error",
        Fault.COUNTER_SILENT.word,
        Fault.FRONT_DOWN.word,
        Fault.OPERATOR_FORCED_OUT.word,
        Fault.OPERATOR_REFUSED.word,
        AlarmName.OPERATOR_FORCED_OUT.event,
        AlarmName.OPERATOR_REFUSED.event,
        AlarmName.QUERY_LANE_DEAD.event,
    }
)
"""events and faults about what the counter did, which a history lets it do"""


def listen() -> None:
    """From now on; nothing of the log is printed."""
    structlog.configure(processors=[_note])


def _note(_logger: object, level: str, event: MutableMapping[str, Any]) -> str:
    name = event["fault"] if event.get("event") == "fault_began" else event.get("event")
    if level == "error" and name not in _THE_COUNTERS:
        error = event.pop("exc_info", None)
        trace = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
        heard.append(f"{dict(event)} {trace}")
    raise structlog.DropEvent
