"""`ctp-terminal check` at the command line: what it gives, how it ends, and what it does not show."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from terminal_client.checking.findings import LONGEST_DETAIL, MOST_DETAILS, RULES, TerminalFindings
from terminal_client.checking.lesson import LessonStep
from terminal_client.checking.steps import STEP_WORDS
from terminal_client.cli.app import app
from terminal_client.cli.check import show_findings
from terminal_client.cli.output import Output
from tests.terminal_client.checking.checking_process import start_check


def read_by_a_shell(environment: Path) -> list[str]:
    """Address and auth code, as a program below it gets them."""
    script = '. "$0" && echo "$CTP_TERMINAL_RELAY $CTP_TERMINAL_AUTH_CODE"'
    done = subprocess.run(["/bin/sh", "-c", script, environment], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.asyncio
async def test_without_a_terminal_it_ends_by_itself(tmp_path: Path) -> None:
    """Exit code 1, every rule not seen, and the secrets in files for this user alone."""
    folder = tmp_path / "given"
    check = await start_check(folder, "--wait", "1")
    try:
        await check.ready()
        last = await check.until("check")
        code = await check.exit_code()
    finally:
        check.end()

    assert (code, last["holds"], last["not_seen"], last["left_out"]) == (1, False, len(RULES) - 1, 1)
    assert [line["rule"] for line in check.lines if line["kind"] == "check_rule"] == list(RULES)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "ca.crt": 0o600,
        "auth_code": 0o600,
        "password": 0o600,
        "environment": 0o600,
    }
    assert read_by_a_shell(folder / "environment") == [f"127.0.0.1:{check.port}", check.given.auth_code.reveal()]
    for secret in (check.given.auth_code, check.given.password):
        assert secret.reveal() not in str(check.lines)


def test_an_address_of_all_machines_is_refused(tmp_path: Path) -> None:
    """No certificate can name it."""
    result = CliRunner().invoke(app, ["check", "--wait", "1", "--host", "0.0.0.0", "--directory", str(tmp_path)])

    assert result.exit_code == 2


def test_a_secret_goes_through_no_link(tmp_path: Path) -> None:
    """A link where the password belongs ends the command, and the file behind it stays as it is."""
    behind = tmp_path / "behind"
    behind.write_text("mine")
    (tmp_path / "password").symlink_to(behind)

    result = CliRunner().invoke(app, ["check", "--wait", "1", "--directory", str(tmp_path)])

    assert (result.exit_code, behind.read_text()) == (2, "mine")


def test_people_see_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen and what to do, in both languages; text of the terminal's cannot color the screen."""
    findings = TerminalFindings(frozenset({"keepalive"}))
    findings.see("proof")
    findings.see("hello", "协议是 [red]2\x1b[31m the protocol is 2")
    shown = io.StringIO()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output = Output(as_json=False)
    monkeypatch.setattr(output, "_console", Console(file=shown, width=160))

    show_findings(findings, "check_terminal_1.0", output)

    text = shown.getvalue()
    assert "[red]2" in text
    assert "\x1b" not in text
    for words in (RULES["hello"].chinese, RULES["hello"].english, "错误 wrong", "未出现 not seen", "未要求 not asked"):
        assert words in text


def test_what_was_seen_is_bounded() -> None:
    """In number and in length, whatever the terminal sent."""
    findings = TerminalFindings()
    for number in range(MOST_DETAILS + 1):
        findings.see("request_identity", f"{number}" * (LONGEST_DETAIL + 1))

    assert [len(detail) for detail in findings.details["request_identity"]] == [LONGEST_DETAIL] * MOST_DETAILS


def test_every_step_has_words() -> None:
    assert set(STEP_WORDS) == set(LessonStep)
