"""Each example terminal passes `ctp-terminal check`, and one that was spoiled is named by its rule."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integrations.languages.examples import BUILDS, Command, built, collector, each_language, start
from tests.integrations.languages.toolchains import needs
from tests.terminal_client.checking.checking_process import CheckingProcess, start_check

__all__ = ["built", "collector"]

WANTED = "CTP_RELAY_LANGUAGES_TEST"
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not os.environ.get(WANTED), reason="compiles for minutes; to run it: make languages-test"),
]


def settings_for(check: CheckingProcess) -> dict[str, str]:
    given = check.given
    return {
        "CTP_TERMINAL_RELAY": f"127.0.0.1:{check.port}",
        "CTP_TERMINAL_CA_FILE": str(check.ca_file),
        "CTP_TERMINAL_APP_ID": given.app_id,
        "CTP_TERMINAL_AUTH_CODE": given.auth_code.reveal(),
        "CTP_TERMINAL_BROKER": given.broker_id,
        "CTP_TERMINAL_INVESTOR": given.investor_id,
        "CTP_TERMINAL_PASSWORD": given.password.reveal(),
    }


async def checked(folder: Path, command: Command, settings: dict[str, str], *options: str) -> dict[str, str]:
    """What the check says of every rule; the terminal's user presses Enter when the check asks for the logout."""
    check, program = await start_check(folder, *options), None
    try:
        await check.ready()
        program = await start(command, settings | settings_for(check), asyncio.subprocess.PIPE)
        with suppress(AssertionError):  # a spoiled terminal may never come to it
            await check.until("check_step", step="logout")
        assert program.stdin is not None
        program.stdin.close()
        with suppress(AssertionError):
            await check.until("check")
        await check.exit_code()
    finally:
        check.end()
        if program is not None and program.returncode is None:
            program.kill()
            await program.wait()
    return {line["rule"]: line["verdict"] for line in check.lines if line["kind"] == "check_rule"}


def not_right(verdicts: dict[str, str]) -> dict[str, str]:
    """Without what this run does not ask for."""
    return {rule: verdict for rule, verdict in verdicts.items() if verdict not in {"right", "left_out"}}


@each_language
async def test_an_example_passes(
    tmp_path: Path, built: Callable[[str], Command], collector: dict[str, str], language: str
) -> None:
    """Every rule is kept, through a refusal, its own break, two of the line's, silence and a relay that stops."""
    command = await asyncio.to_thread(built, language)

    verdicts = await checked(tmp_path / "given", command, collector)

    assert verdicts
    assert not_right(verdicts) == {}


SPOILED = {
    "key": ("Buffer.from(authCode, 'ascii')", "Buffer.alloc(16)", {"proof": "wrong"}),
    "logs_in_again": (
        "return this.connect(fresh)",
        "return this.connect(true)",
        {"resume": "wrong", "resume_token": "not_seen", "resume_sequence": "not_seen"},
    ),
    "no_logout": ("terminal.send({ logout: {} });", "", {"logged_out": "not_seen"}),
}


@needs("node", "npm", packages="nodejs npm")
@pytest.mark.parametrize("way", SPOILED)
async def test_a_spoiled_example_is_named(
    tmp_path: Path, built: Callable[[str], Command], collector: dict[str, str], way: str
) -> None:
    """The Node example with one line changed: by its rule, and by no other."""
    right, wrong, expected = SPOILED[way]
    command = spoiled(await asyncio.to_thread(built, "node"), right, wrong)

    verdicts = await checked(tmp_path / "given", command, collector, "--wait", "15")

    assert not_right(verdicts) == expected


@needs("node", "npm", packages="nodejs npm")
async def test_a_terminal_that_does_not_answer_is_named(
    tmp_path: Path, built: Callable[[str], Command], collector: dict[str, str]
) -> None:
    """It takes the challenge and says nothing: the rest is not seen, and the check ends."""
    command = spoiled(await asyncio.to_thread(built, "node"), "this.send(entering(", "void (entering(")

    verdicts = await checked(tmp_path / "given", command, collector, "--wait", "15")

    assert verdicts.pop("hello") == "wrong"
    assert set(verdicts.values()) == {"not_seen", "left_out"}


def spoiled(command: Command, right: str, wrong: str) -> Command:
    """Beside the right one, whose packages it uses."""
    text = (BUILDS / "node/terminal.js").read_text()
    assert text.count(right) == 1
    program = BUILDS / "node/spoiled.js"
    program.write_text(text.replace(right, wrong))
    return [command[0], program]
