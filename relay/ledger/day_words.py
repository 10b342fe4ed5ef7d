"""What the day's page calls what the ledger has by its stable words: Chinese first, English beside; the word where none is known."""

from __future__ import annotations

import re
from functools import cache

from relay.faults.table import Fault
from relay.logs.alarms import AlarmName
from relay.refusals.all_reasons import rows

_PLACE = re.compile(r"\s*\{[^}]*\}\s*")
_ACTIONS = {"insert": "报单 order sent", "cancel": "撤单 taken back", "change": "改单 changed"}


@cache
def refusal_words(reason: str) -> str:
    """A reason, in general: without the numbers and names a single refusal has."""
    for row in rows():
        if row.reason == reason:
            chinese, english = (_PLACE.sub(" … ", text).strip() for text in row.columns.message)
            return f"{chinese} {english}"
    return ""


def alarm_words(name: str) -> str:
    """A fault's title, or what an alarm means."""
    for fault in Fault:
        if fault.word == name:
            return " ".join(fault.title)
    return next((alarm.meaning for alarm in AlarmName if alarm.event == name), "")


def action_words(action: str) -> str:
    """What was done with an order."""
    return _ACTIONS.get(action, "")
