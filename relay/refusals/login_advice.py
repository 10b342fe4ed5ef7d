"""What a terminal is advised whose login succeeded, in Chinese and English; empty where there is nothing to say."""

from __future__ import annotations

from ctpabi.facts.errors import LoginVerdict, error_of

_QUERY = (
    "当日回报不完整，请查询报单、成交和持仓 / the day's notices are not all here: query orders, trades and positions"
)


def login_advice(*, password_due: int, not_confirmed: int | None, lost_history: bool) -> str:
    """What to do first after a login; each number is an ErrorID.

    `password_due` is 0 where no change is due. `not_confirmed` is why the settlement statement is not confirmed although
    that was asked for: 0 where the counter did not answer, None where all is well.
    """
    advice = ""
    if password_due:
        advice = password_due_advice(password_due)
    elif not_confirmed is not None:
        advice = _confirm_advice(not_confirmed)
    return "; ".join(filter(None, (advice, _QUERY if lost_history else "")))


def password_due_advice(error_id: int) -> str:
    """What to do after a login that 131, 132, 140 or 141 answered; empty after any other."""
    known = error_of(error_id)
    return str(known.advice) if known.verdict is LoginVerdict.PASSWORD_DUE else ""


def _confirm_advice(error_id: int) -> str:
    why = f" [{error_id}]" if error_id else ""
    return (
        f"结算单未确认{why}，请在首笔报单前自行查询并确认 / the settlement statement is not confirmed{why}:"
        " read and confirm it before the first order"
    )
