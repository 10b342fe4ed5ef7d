"""Where alarms are raised: what a person must look at soon, because the relay cannot mend it alone.

An alarm is a line at error level in the log, with an event name of its own, and a count that /metrics shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

import structlog

_log = structlog.get_logger(__name__)


class AlarmName(StrEnum):
    """Every alarm; the value is the event in the log and the end of the metric's name."""

    OPERATOR_PASSWORD_REFUSED = "operator_password_refused"  # noqa: S105 - an event's name
    OPERATOR_PASSWORD_DUE = "operator_password_due"  # noqa: S105 - an event's name
    OPERATOR_PASSWORD_UNREADABLE = "operator_password_unreadable"  # noqa: S105 - an event's name
    OPERATOR_REFUSED = "operator_refused"
    OPERATOR_FORCED_OUT = "operator_forced_out"
    LOGINS_STOPPED = "logins_stopped"
    RELAY_APP_TYPE_WRONG = "relay_app_type_wrong"
    REPORT_NOT_PERMITTED = "report_not_permitted"
    QUERY_LANE_DEAD = "query_lane_dead"
    ORDERS_RUN_OUT = "orders_of_the_day_run_out"


MEANINGS: Mapping[AlarmName, str] = {
    AlarmName.OPERATOR_PASSWORD_REFUSED: "the counter refused the operator's password",
    AlarmName.OPERATOR_PASSWORD_DUE: "the operator's password must be changed before it can log in",
    AlarmName.OPERATOR_PASSWORD_UNREADABLE: "the file with the operator's password could not be read again",
    AlarmName.OPERATOR_REFUSED: "the counter refuses the operator's login",
    AlarmName.OPERATOR_FORCED_OUT: "the counter logged the operator out unasked",
    AlarmName.LOGINS_STOPPED: "the counter refuses the relay itself; no login is tried for a time",
    AlarmName.RELAY_APP_TYPE_WRONG: "the relay's app id is not of the type its mode needs",
    AlarmName.REPORT_NOT_PERMITTED: "the counter did not permit a terminal's report",
    AlarmName.QUERY_LANE_DEAD: "the API takes no query any more; the counter session is renewed",
    AlarmName.ORDERS_RUN_OUT: "a counter session nears the orders it may have a trading day",
}


class Alarms:
    """The alarms of one process and how often each was raised."""

    def __init__(self) -> None:
        self._counts: Counter[AlarmName] = Counter()

    def sound(self, name: AlarmName, **facts: object) -> None:
        """Raise one alarm; `facts` go into the log line and must not hold secrets."""
        self._counts[name] += 1
        _log.error(name.value, **facts)

    def count(self, name: AlarmName) -> int:
        """How often it was raised since the start."""
        return self._counts[name]
