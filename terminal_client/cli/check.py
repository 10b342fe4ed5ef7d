"""The command that plays a relay for a terminal of any maker, and says what the terminal does wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from terminal_client.checking.findings import VERDICT_WORDS, TerminalFindings, TerminalRule, Verdict
from terminal_client.checking.handed_out import HandedOut, hand_out, hand_out_environment
from terminal_client.checking.lesson import LessonPace, LessonStep
from terminal_client.checking.rules import Given
from terminal_client.checking.server import certificate_for, check_terminal, new_given
from terminal_client.checking.steps import STEP_WORDS
from terminal_client.cli.exit_status import ExitStatus
from terminal_client.cli.options import OptionsInvalid
from terminal_client.cli.output import Output, reporting
from terminal_client.cli.session import options_of
from terminal_client.client import client_version

_STYLES = {Verdict.RIGHT: "green", Verdict.WRONG: "red", Verdict.NOT_SEEN: "yellow", Verdict.LEFT_OUT: "dim"}
_TITLES = ("规则 rule", "结果 result", "看到 what was seen", "怎么办 what to do")


def check(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="本机地址 Address of this machine that the terminal dials")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口 Port; 0 takes a free one", min=0, max=65535)] = 0,
    directory: Annotated[
        Path, typer.Option(help="文件夹 Folder for the certificate, the auth code and the password of this run")
    ] = Path("ctp-terminal-check"),
    silence: Annotated[
        float,
        typer.Option(
            help="秒 Seconds in which the terminal has to notice a silent line; 0 leaves this rule out", min=0, max=600
        ),
    ] = 0.0,
    wait: Annotated[
        float, typer.Option(help="秒 Seconds to wait for the terminal, or its user, in one step", min=1, max=3600)
    ] = 180.0,
) -> None:
    """检查: play a relay for a terminal of any maker, in any language, and say what it does wrong.

    Let the terminal connect, place one limit order, and log out in the end. No counter is behind it. Exit code 0 only if all rules hold.
    """
    options = options_of(context)
    output = Output(as_json=options.as_json)
    given = new_given(options.app_id, options.broker, options.investor)
    pace = LessonPace(step=wait)
    if silence:
        pace = replace(pace, silence=silence, judge_silence=True)
    with reporting():
        _must_be_dialled(host)
        try:
            issued = certificate_for(host)
            files = hand_out(directory.expanduser(), given, issued.certificate)
            findings = asyncio.run(
                check_terminal(
                    host,
                    port,
                    given,
                    issued,
                    ready=lambda bound: show_given(host, bound, given, files, output),
                    show=lambda step: show_step(step, output),
                    pace=pace,
                )
            )
        except (OSError, RuntimeError) as error:
            raise OptionsInvalid(f"检查不能开始 The check cannot start: {error}") from None
    show_findings(findings, given.app_id, output)
    raise typer.Exit(ExitStatus.OK if findings.holds else ExitStatus.CALL_FAILED)


def _must_be_dialled(host: str) -> None:
    """An address that stands for all of the machine's is none that a certificate can name."""
    try:
        unspecified = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return
    if unspecified:
        raise OptionsInvalid(f"--host {host}：请写终端连接的地址 give the address that the terminal dials")


def show_given(host: str, port: int, given: Given, files: HandedOut, output: Output) -> None:
    """What to do first. The secrets are named by their files, the last of which has everything."""
    relay = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    hand_out_environment(files, relay, given)
    rows = {
        "relay": ("中继地址 relay", relay),
        "ca_file": ("根证书 CA file", str(files.ca_file)),
        "app_id": ("AppID", given.app_id),
        "auth_code_file": ("授权码所在文件 file with the auth code", str(files.auth_code_file)),
        "broker": ("经纪公司 BrokerID", given.broker_id),
        "investor": ("投资者 InvestorID", given.investor_id),
        "password_file": ("密码所在文件 file with the password", str(files.password_file)),
        "environment_file": ("或在 shell 中读入 or let a shell read", str(files.environment_file)),
    }
    if output.as_json:
        output.line({"kind": "check_ready", **{name: value for name, (_, value) in rows.items()}})
        return
    output.text("请先在终端中填写 Set these in the terminal first:", "bold")
    for words, value in rows.values():
        output.text(f"  {words}: {value}")


def show_step(step: LessonStep, output: Output) -> None:
    """Progress, as it is made."""
    chinese, english = STEP_WORDS[step]
    if output.as_json:
        output.line({"kind": "check_step", "step": step.name.lower(), "chinese": chinese, "english": english})
    else:
        output.text(f"[{step + 1}/{len(LessonStep)}] {chinese} {english}")


def show_findings(findings: TerminalFindings, app_id: str, output: Output) -> None:
    """Every rule with what was seen of it; what to do, where it does not hold."""
    if output.as_json:
        for name, rule, verdict, details in findings.rows():
            output.line(_rule_line(name, rule, verdict, details))
    else:
        output.table(_TITLES, [_cells(rule, verdict, details) for _, rule, verdict, details in findings.rows()])
    if findings.connections and not findings.streams:
        output.warning(
            "终端连接了，但没有开始会话：它信任这张根证书吗？ "
            "The terminal connected and opened no stream: does it trust the CA file?"
        )
    counts = {verdict: sum(found is verdict for _, _, found, _ in findings.rows()) for verdict in Verdict}
    if output.as_json:
        numbers = {verdict.value: count for verdict, count in counts.items()}
        about = {"at": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}", "checked_with": client_version()}
        about |= {"app_id": app_id, "client_version": findings.client_version}
        output.line({"kind": "check", "holds": findings.holds, "connections": findings.connections, **numbers, **about})
        return
    numbers_text = ", ".join(f"{VERDICT_WORDS[verdict]} {count}" for verdict, count in counts.items())
    output.text(numbers_text, "green" if findings.holds else "red")


def _rule_line(name: str, rule: TerminalRule, verdict: Verdict, details: list[str]) -> dict[str, object]:
    return {
        "kind": "check_rule",
        "rule": name,
        "verdict": verdict.value,
        "chinese": rule.chinese,
        "english": rule.english,
        "seen": details,
        "advice_chinese": rule.advice_chinese,
        "advice_english": rule.advice_english,
    }


def _cells(rule: TerminalRule, verdict: Verdict, details: list[str]) -> tuple[list[str], str]:
    advice = "" if verdict is Verdict.RIGHT else f"{rule.advice_chinese}\n{rule.advice_english}"
    return [f"{rule.chinese}\n{rule.english}", VERDICT_WORDS[verdict], "\n".join(details), advice], _STYLES[verdict]
