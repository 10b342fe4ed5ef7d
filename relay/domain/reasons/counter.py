"""What the counter's ErrorIDs tell the terminal and its user.

The counter's own text is kept; what `ctpabi.facts.errors` knows about the number is added.
"""

from __future__ import annotations

from ctpabi.facts.errors import ALARMED, WRONG_LOGINS, LoginVerdict, error_of, verdict_of
from ctpabi.facts.words import ASK_FIRM, TRY_LATER
from relay.refusals.refusal import Refusal, Source

_RETRY_SECONDS = 60


def counter_refused(error_id: int, text: str) -> Refusal:
    """The counter refused an authentication or a login, and the session ends; `text` is its own, decoded."""
    known = error_of(error_id)
    # A password that is due is changed in a session that goes on; where it ended, no change is possible any more.
    advice = ASK_FIRM if known.verdict is LoginVerdict.PASSWORD_DUE else known.advice
    words = (text or known.words.chinese or f"ErrorID {error_id}", known.words.english)
    message = " / ".join(part for part in words if part)
    retry_after = _RETRY_SECONDS if known.verdict is LoginVerdict.RETRY else 0
    return Refusal(Source.COUNTER, known.reason, message, str(advice), error_id, retry_after)


def is_wrong_login(refusal: Refusal) -> bool:
    """Whether the counter refused a user or a password, which a few times in a row lock the user there."""
    return refusal.source is Source.COUNTER and refusal.code in WRONG_LOGINS


def operator_refused(refusal: Refusal) -> Refusal:
    """What every terminal is told while the counter refuses the operator of many-to-one: not the terminal's doing.

    Without CTP's number in `code`, because a program would take 3 for its investor's wrong password.
    """
    advice = TRY_LATER if verdict_of(refusal.code) in {LoginVerdict.RETRY, LoginVerdict.PASSING} else ALARMED
    number = f" [{refusal.code}]" if refusal.code else ""
    message = f"中继操作员未能登录柜台 / the counter refuses the relay's operator{number}: {refusal.message}"
    return Refusal(Source.RELAY, "operator_refused", message, str(advice), retry_after_seconds=_RETRY_SECONDS)


def query_advice(*, lost: bool) -> str:
    """What to do where not all that happened today is in the events to come."""
    if not lost:
        return ""
    return "当日回报不完整, 请查询报单、成交和持仓 / the day's notices are not all here: query orders, trades and positions"


def password_due_advice(error_id: int) -> str:
    """What to do after a login that 131, 132, 140 or 141 answered; empty after any other."""
    known = error_of(error_id)
    return str(known.advice) if known.verdict is LoginVerdict.PASSWORD_DUE else ""


def settlement_advice(error_id: int) -> str:
    """What to do after a settlement confirmation that the counter refused with this ErrorID, or did not answer (0)."""
    why = f" [{error_id}]" if error_id else ""
    return (
        f"结算单未确认{why}, 请在首笔报单前自行查询并确认 / the settlement statement is not confirmed{why}:"
        " read and confirm it before the first order"
    )
