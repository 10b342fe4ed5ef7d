"""Whose data a query may show: the InvestorID rule, with CTP's wildcard for operators."""

from __future__ import annotations

from simcounter.accounts import Accounts
from simcounter.session import Session, Values


def investors_in_scope(accounts: Accounts, session: Session, values: Values) -> list[str] | None:
    """The investors a query covers; None when it asks for somebody else's (ErrorID 9).

    An empty InvestorID means everybody the user may see: itself for an investor, and the whole organization for
    an operator. That is the leak a relay must guard against, so it is here on purpose.
    """
    user = session.user
    if user is None:
        return None
    investor_id = values.get("InvestorID") or values.get("AccountID") or ""
    if not investor_id:
        return accounts.investors_of(user)
    return [investor_id] if accounts.may_act_for(user, investor_id) else None
