"""`ctp-terminal check`: our own terminal is right, and one made wrong in each way is found to be so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from terminal_client.checking.findings import RULES
from terminal_client.checking.lesson import LessonStep
from tests.terminal_client.checking import right_terminal
from tests.terminal_client.checking.played_relay import DEADLINE_SECONDS, played_relay
from tests.terminal_client.checking.wrong_ways import WRONG_WAYS, is_found

HERE = ("hex_key", "cut_at_nul", "repeats_order", "older_token")
"""one of each kind; the others, which take a minute together, run with `make languages-test`"""


@pytest.mark.asyncio
async def test_our_terminal_is_right(tmp_path: Path) -> None:
    """Every rule is seen and kept, through a refusal, two breaks, silence and a relay that stops."""
    async with played_relay(tmp_path) as check, asyncio.timeout(DEADLINE_SECONDS):
        await right_terminal.trade(check.port, check.ca_file, check.given, check.reached(LessonStep.LOGOUT))
        findings = await check.findings()

    assert (findings.details, findings.not_seen) == ({}, [])
    assert findings.holds


@pytest.mark.asyncio
@pytest.mark.parametrize("way", HERE)
async def test_a_wrong_terminal_is_found(tmp_path: Path, way: str) -> None:
    """By its rule, and no other rule is said to be broken."""
    await is_found(tmp_path, way)


def test_every_rule_has_a_wrong_terminal() -> None:
    """A rule that no terminal breaks in a test may find nothing."""
    assert set(WRONG_WAYS.values()) == set(RULES)
