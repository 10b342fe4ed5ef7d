"""Where alarms are raised: what a person must look at soon, because the relay cannot mend it alone.

An alarm is a line at error level in the log, with an event name of its own, and a count that /metrics shows.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from enum import Enum

import structlog

_log = structlog.get_logger(__name__)


class AlarmName(Enum):
    """Every alarm: the event in the log and the end of the metric's name, and what it means."""

    OPERATOR_PASSWORD_REFUSED = "operator_password_refused", "the counter refused the operator's password"
    OPERATOR_PASSWORD_DUE = "operator_password_due", "the operator's password must be changed before it can log in"
    OPERATOR_PASSWORD_UNREADABLE = (
        "operator_password_unreadable",
        "the file with the operator's password could not be read again",
    )
    OPERATOR_REFUSED = "operator_refused", "the counter refuses the operator's login"
    OPERATOR_FORCED_OUT = "operator_forced_out", "the counter logged the operator out unasked"
    LOGINS_STOPPED = "logins_stopped", "the counter refuses the relay itself; no login is tried for a time"
    RELAY_APP_TYPE_WRONG = "relay_app_type_wrong", "the relay's app id is not of the type its mode needs"
    REPORT_NOT_PERMITTED = "report_not_permitted", "the counter did not permit a terminal's report"
    QUERY_LANE_DEAD = "query_lane_dead", "the API takes no query any more; the counter session is renewed"
    SYSTEM_INFO_UNLIKE_BEFORE = (
        "system_info_unlike_before",
        "an investor's machine misses other items than before, or its system info has another length",
    )
    ORDERS_RUN_OUT = "orders_of_the_day_run_out", "a counter session nears the orders it may have a trading day"

    COUNTER_EXPIRES = "cts_counter_expires", "the counter's licence has 30 days left, 7, or one"
    CERTIFICATE_ENDS = "certificate_ends", "the served certificate has 7 days left, or one"

    def __init__(self, event: str, meaning: str) -> None:
        self.event = event
        self.meaning = meaning


Hear = Callable[[AlarmName, Mapping[str, object]], object]
_KEPT_EARLY = 100


class Alarms:
    def __init__(self) -> None:
        self._counts: Counter[AlarmName] = Counter()
        self._listeners: list[Hear] = []
        self._early: deque[tuple[AlarmName, Mapping[str, object]]] = deque(maxlen=_KEPT_EARLY)
        """what was raised while nothing listened yet: the operator may be refused before the ways to a person are set up"""
        self._lock = threading.RLock()

    def listen(self, *listeners: Hear) -> None:
        """Call these with each from now on, on the thread that raises it, and at once with what came before; they must not wait."""
        with self._lock:
            self._listeners += listeners
            for name, facts in self._early:
                for listener in listeners:
                    listener(name, facts)
            self._early.clear()

    def sound(self, name: AlarmName, **facts: object) -> None:
        """Raise one alarm; `facts` go into the log line and must not hold secrets."""
        _log.error(name.event, **facts)
        with self._lock:
            self._counts[name] += 1
            if not self._listeners:
                self._early.append((name, facts))
            for listener in self._listeners:
                listener(name, facts)

    def count(self, name: AlarmName) -> int:
        return self._counts[name]
