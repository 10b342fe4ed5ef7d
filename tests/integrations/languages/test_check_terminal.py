"""`ctp-terminal check` as terminals' makers use it: every way of being wrong, and our terminal through the command at its own pace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from terminal_client.client import client_version
from tests.terminal_client.checking import right_terminal
from tests.terminal_client.checking.checking_process import start_check
from tests.terminal_client.checking.wrong_ways import WRONG_WAYS, is_found

WANTED = "CTP_RELAY_LANGUAGES_TEST"
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not os.environ.get(WANTED), reason="takes a minute; to run it: make languages-test"),
]


@pytest.mark.parametrize("way", sorted(WRONG_WAYS))
async def test_each_wrong_way_is_found(tmp_path: Path, way: str) -> None:
    """By its rule, and no other rule is said to be broken."""
    await is_found(tmp_path, way)


async def test_a_right_terminal_passes_the_command(tmp_path: Path) -> None:
    """Exit code 0, and no secret in what it prints."""
    check = await start_check(tmp_path / "given")

    async def may_log_out() -> None:
        await check.until("check_step", step="logout")

    try:
        await check.ready()
        await right_terminal.trade(check.port, check.ca_file, check.given, may_log_out())
        last = await check.until("check")
        code = await check.exit_code()
    finally:
        check.end()

    assert (code, last["holds"], last["wrong"], last["not_seen"]) == (0, True, 0, 0)
    assert (last["app_id"], last["client_version"]) == (check.given.app_id, client_version())
    assert last["checked_with"] == client_version()
    for secret in (check.given.auth_code, check.given.password):
        assert secret.reveal() not in str(check.lines)
