"""What a terminal is advised whose login succeeded, in Chinese and English; empty where there is nothing to say."""

from __future__ import annotations

from ctpabi.facts.errors import LoginVerdict, error_of


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
