"""New logins, paused by an operator of the relay; sessions there are go on and may be resumed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from relay.refusals import relay_reasons
from relay.refusals.refusal import Refusal


@dataclass(frozen=True, slots=True)
class PausedLogins:
    since: dt.datetime
    by: str
    reason: str
    """for the ledger and for operators"""
    public_reason: str = ""
    """for terminals; empty where they get none"""

    @property
    def refusal(self) -> Refusal:
        """What a terminal gets that wants to log in."""
        return relay_reasons.logins_paused(why=f"({self.public_reason})" if self.public_reason else "")
