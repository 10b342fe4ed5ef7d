"""What can be wrong with a terminal, and the rule that finds it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from terminal_client.checking.findings import Verdict
from tests.terminal_client.checking.played_relay import DEADLINE_SECONDS, QUICK, played_relay
from tests.terminal_client.checking.wrong_terminal import WrongTerminal

WRONG_WAYS = {
    "protocol": "hello",
    "hex_key": "proof",
    "other_investor": "identity",
    "cut_at_nul": "system_info",
    "whole_buffer": "system_info",
    "other_length": "system_info_length",
    "same_system_info": "system_info_fresh",
    "no_version": "collector",
    "hasty": "retry_after",
    "impatient": "patience",
    "same_request_id": "request_id",
    "empty_request": "request",
    "own_broker": "request_identity",
    "no_price": "order_price",
    "no_flags": "order_flags",
    "logs_in_again": "resume",
    "older_token": "resume_token",
    "from_the_start": "resume_sequence",
    "repeats_order": "order_repeated",
    "no_keepalive": "keepalive",
    "resumes_the_dead": "relay_stopping",
    "comes_back": "logged_out",
}


async def is_found(tmp_path: Path, way: str) -> None:
    """A terminal that is wrong in this way breaks the rule of it, and no other rule."""
    pace = replace(QUICK, judge_silence=way == "no_keepalive")
    async with played_relay(tmp_path, pace) as check:
        terminal = WrongTerminal(check.port, check.ca_file, check.given, way)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await terminal.whole_day()
        findings = await check.findings()

    assert findings.wrong == [WRONG_WAYS[way]], findings.details
    assert not findings.holds
    assert findings.verdict(WRONG_WAYS[way]) is Verdict.WRONG
    assert check.given.password.reveal() not in str(list(findings.rows()))
    assert check.given.auth_code.reveal() not in str(list(findings.rows()))
