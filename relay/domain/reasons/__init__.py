"""Refusals made of the counter's own numbers, with the words that `ctpabi.facts` has for each.

* `report`   the vendor's Register or Submit call refused the report
* `counter`  the counter refused
"""

from relay.domain.reasons.counter import (
    counter_refused,
    is_wrong_login,
    operator_refused,
    password_due_advice,
    query_advice,
    settlement_advice,
)
from relay.domain.reasons.report import is_well_formed, report_refused

__all__ = [
    "counter_refused",
    "is_well_formed",
    "is_wrong_login",
    "operator_refused",
    "password_due_advice",
    "query_advice",
    "report_refused",
    "settlement_advice",
]
