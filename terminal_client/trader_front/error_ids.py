"""The ErrorID and text with which a CTP program gets a refusal of the relay's.

A refusal that has CTP's own number keeps it. The relay's own reasons get the number by which a program does the right thing:
tries a query again, asks the user for another password, stops. `REFUSED_BY_RELAY`, which CTP never uses, is for what CTP has no word for.
"""

from __future__ import annotations

from ctpabi.codec import text
from ctpabi.facts.errors import NEED_RETRY
from terminal_client.dispatch import REFUSED_BY_RELAY
from terminal_client.errors import Refusal

NOT_LOGGED_IN, DUPLICATE_LOGIN, NOT_READY = 6, 5, 7
NOT_AUTHENTICATED, AUTHENTICATION_FAILED = 64, 63
NO_FUNCTION, FIRST_LOGIN, ORDER_RATE = 77, 140, 116
_BAD_FIELD, _NO_PRIVILEGE, _BUSY = 15, 9, 154
ERROR_MSG_BYTES = 80
"""what a RspInfo's ErrorMsg holds before its NUL"""

_ROWS: dict[int, tuple[str, ...]] = {
    AUTHENTICATION_FAILED: (
        "terminal_not_accepted", "terminal_disabled", "mode_not_allowed", "report_kind_not_allowed", "certificate_not_registered",
        "certificate_missing", "certificate_of_another", "unknown_terminal", "wrong_proof", "challenge_replayed",
    ),
    3: ("investor_unknown", "wrong_investor_password"),
    NOT_AUTHENTICATED: ("challenge_expired",),
    4: ("investor_disabled",),
    12: ("wrong_broker",),
    75: ("locked_out",),
    60: ("too_many_sessions",),
    NOT_READY: (
        "too_many_logins", "too_many_streams", "counter_unavailable", "ledger_unavailable", "order_map_unavailable",
        "shared_orders_unavailable", "directory_unavailable", "verifier_unavailable", "operator_refused", "relay_draining",
        "logins_paused", "relay_full", "no_investor_sessions", "relay_misconfigured", "relay_stuck",
    ),
    NOT_LOGGED_IN: ("not_logged_in", "session_gone"),
    NO_FUNCTION: ("unknown_method", "not_offered_by_counter", "field_not_offered_by_counter", "value_not_offered_by_counter", "session_method", "password_is_with_the_relay", "not_in_this_mode"),
    _NO_PRIVILEGE: ("not_your_investor", "not_your_account", "not_your_trading_code"),
    _BAD_FIELD: (
        "request_malformed", "wrong_struct_size", "message_too_large", "mac_address_missing", "order_key_too_long",
        "request_id_in_use", "instrument_malformed",
    ),
    _BUSY: ("deadline_passed", "relay_fault"),
    REFUSED_BY_RELAY: (
        "system_info_length", "system_info_not_genuine", "system_info_replayed", "system_info_unlike_before", "system_info_stale",
        "collected_info_missing", "collected_info_not_wanted", "collected_info_length", "collected_info_not_text", "collector_not_clean",
        "report_kind_not_offered_by_counter", "protocol_unsupported", "unexpected_message", "resume_not_proved",
        "trading_codes_unknown", "account_unknown", "cancelled_before_sent", "order_key_reused", "order_key_in_doubt",
        "day_limit_reached", "investor_day_limit_reached", "outcome_unknown", "too_many_instruments", "market_data_full",
        "refused_by_market_data", "refused_by_counter", "account_not_at_counter", "address_not_offered_by_counter",
    ),
}  # fmt: skip
_BY_REASON = {reason: number for number, reasons in _ROWS.items() for reason in reasons}
_TOO_MUCH = frozenset({"too_fast", "queue_full", "too_many_calls", "query_not_answered"})
"""a query is to be sent again, an order is not"""

REASONS = _TOO_MUCH | _BY_REASON.keys()
"""those of the relay's that have a row here; CTP's own number comes before it"""


def error_id_of(refusal: Refusal, *, is_query: bool = False) -> int:
    """The ErrorID; never 0."""
    if refusal.code:
        return refusal.code
    if refusal.reason in _TOO_MUCH:
        return NEED_RETRY if is_query else ORDER_RATE
    return _BY_REASON.get(refusal.reason, REFUSED_BY_RELAY)


def error_text_of(refusal: Refusal) -> str:
    """The words: whose refusal it is, and what happened, as far as they fit."""
    who = "中继：" if refusal.source == "relay" else ""
    return fitting(f"{who}{refusal.message.partition(' / ')[0] or refusal.reason}")


def fitting(words: str) -> str:
    """As much of `words` as ErrorMsg holds, in whole characters."""
    return text.decode(text.cut(words, ERROR_MSG_BYTES))
