"""Every refusal: the stable word for programs, what happened, and what to do, in Chinese and English.

* `admission`     the terminal or the investor is not admitted
* `system_info`   the terminal's system info is not accepted
* `report`        the vendor's Register or Submit call refused the report
* `counter`       the counter refused
* `service`       the relay cannot serve at the moment
* `conversation`  the terminal did what the conversation does not allow
"""

from relay.domain.reasons.admission import (
    challenge_expired,
    challenge_replayed,
    investor_disabled,
    investor_not_accepted,
    investor_unknown,
    locked_out,
    mode_not_allowed,
    terminal_disabled,
    terminal_not_accepted,
    told_to_terminal,
    too_many_sessions,
    unknown_terminal,
    wrong_broker,
    wrong_investor_password,
    wrong_proof,
)
from relay.domain.reasons.conversation import (
    deadline_passed,
    message_too_large,
    not_logged_in,
    protocol_unsupported,
    request_id_in_use,
    request_malformed,
    session_gone,
    too_many_calls,
    unexpected_message,
)
from relay.domain.reasons.counter import (
    advice_for,
    counter_refused,
    operator_refused,
    password_due_advice,
    query_advice,
    settlement_advice,
)
from relay.domain.reasons.report import WELL_FORMED, report_refused
from relay.domain.reasons.service import (
    counter_unavailable,
    directory_unavailable,
    ledger_unavailable,
    order_map_unavailable,
    relay_draining,
    relay_full,
    relay_misconfigured,
    relay_stuck,
    shared_orders_unavailable,
    too_many_streams,
    verifier_unavailable,
)
from relay.domain.reasons.system_info import (
    system_info_from_the_future,
    system_info_length,
    system_info_not_genuine,
    system_info_other_edition,
    system_info_replayed,
    system_info_stale,
    system_info_undated,
)

__all__ = [
    "WELL_FORMED",
    "advice_for",
    "challenge_expired",
    "challenge_replayed",
    "counter_refused",
    "counter_unavailable",
    "deadline_passed",
    "directory_unavailable",
    "investor_disabled",
    "investor_not_accepted",
    "investor_unknown",
    "ledger_unavailable",
    "locked_out",
    "message_too_large",
    "mode_not_allowed",
    "not_logged_in",
    "operator_refused",
    "order_map_unavailable",
    "password_due_advice",
    "protocol_unsupported",
    "query_advice",
    "relay_draining",
    "relay_full",
    "relay_misconfigured",
    "relay_stuck",
    "report_refused",
    "request_id_in_use",
    "request_malformed",
    "session_gone",
    "settlement_advice",
    "shared_orders_unavailable",
    "system_info_from_the_future",
    "system_info_length",
    "system_info_not_genuine",
    "system_info_other_edition",
    "system_info_replayed",
    "system_info_stale",
    "system_info_undated",
    "terminal_disabled",
    "terminal_not_accepted",
    "told_to_terminal",
    "too_many_calls",
    "too_many_sessions",
    "too_many_streams",
    "unexpected_message",
    "unknown_terminal",
    "verifier_unavailable",
    "wrong_broker",
    "wrong_investor_password",
    "wrong_proof",
]
