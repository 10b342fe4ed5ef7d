"""What a terminal hears while logins are paused: what is meant for it, and never the operators' own reason."""

from __future__ import annotations

import datetime as dt

import pytest

from relay.sessions.login_pause import PausedLogins


@pytest.mark.parametrize(("public", "heard"), [("year end 年终", True), ("", False)])
def test_only_the_public_reason_is_heard(public: str, heard: bool) -> None:
    """The other one is for the ledger."""
    paused = PausedLogins(dt.datetime(2026, 1, 5, tzinfo=dt.UTC), "alice", "suspicion against 100001", public)

    refusal = paused.refusal

    assert refusal.reason == "logins_paused"
    assert ("(year end 年终)" in refusal.message) == heard
    assert "100001" not in refusal.message
    assert "()" not in refusal.message
