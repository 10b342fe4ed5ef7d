"""What the day's page calls what the ledger has by its stable words: Chinese first, English beside; the word where none is known."""

from __future__ import annotations

from functools import cache

from relay.faults.table import Fault
from relay.logs.alarms import AlarmName
from relay.refusals.all_reasons import rows
from relay.refusals.general_titles import general_title

_ACTIONS = {"insert": "报单 order sent", "cancel": "撤单 taken back", "change": "改单 changed"}


@cache
def refusal_words(reason: str) -> str:
    """A reason, in general: without the numbers and names a single refusal has."""
    for row in rows():
        if row.reason == reason:
            return " ".join(general_title(row))
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
