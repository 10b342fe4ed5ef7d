"""Refusals made of the counter's own numbers.

* `report`   the vendor's Register or Submit call refused the report
* `counter`  the counter refused
"""

from relay.domain.reasons.counter import (
    advice_for,
    counter_refused,
    operator_refused,
    password_due_advice,
    query_advice,
    settlement_advice,
)
from relay.domain.reasons.report import WELL_FORMED, report_refused

__all__ = [
    "WELL_FORMED",
    "advice_for",
    "counter_refused",
    "operator_refused",
    "password_due_advice",
    "query_advice",
    "report_refused",
    "settlement_advice",
]
