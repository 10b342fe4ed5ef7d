"""`ctp-relay doctor`: what is wrong here, and what to do; and what `serve` refuses to start with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ctpabi.locale import reads_chinese
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.exit_codes import ExitCode
from relay.cli.output import AsJson, complain, warn, write_json
from relay.doctor.doctor import examine, examine_file, gravest
from relay.doctor.finding import About, Finding, FindingGravity
from relay.outside_text import shown
from relay.settings.settings import Settings

_log = structlog.get_logger(__name__)
_STYLE = {FindingGravity.OK: "green", FindingGravity.WARNING: "yellow", FindingGravity.GRAVE: "bold red"}
_WORDS = {
    FindingGravity.OK: ("正常", "ok"),
    FindingGravity.WARNING: ("注意", "warning"),
    FindingGravity.GRAVE: ("严重", "grave"),
}
_CODES = {
    About.SETTINGS: ExitCode.SETTINGS,
    About.DATABASE: ExitCode.DATABASE,
    About.MACHINE: ExitCode.REFUSED,
}


class FindingLanguage(StrEnum):
    """In which language findings are shown."""

    AUTO = "auto"
    """Chinese where the locale is, else English"""
    BOTH = "both"
    CHINESE = "zh"
    ENGLISH = "en"


_TAKEN = {FindingLanguage.BOTH: slice(0, 2), FindingLanguage.CHINESE: slice(0, 1), FindingLanguage.ENGLISH: slice(1, 2)}


def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    language: Annotated[FindingLanguage, typer.Option(help="Show findings in this language.")] = FindingLanguage.AUTO,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong with settings, files, certificate, machine, databases and the way to the counter.

    Changes nothing, and may run beside a relay that serves. A table on a terminal, JSON elsewhere. Exit code 0 where nothing
    is grave, also with warnings; 1 where something is.
    """
    findings = examine_file(config)
    if as_json or not sys.stdout.isatty():
        write_json([finding.as_json() for finding in findings])
    else:
        show_findings(findings, language)
    if gravest(findings) is FindingGravity.GRAVE:
        raise typer.Exit(ExitCode.REFUSED)


def look_before_serving(settings: Settings, *, replaces: bool) -> Callable[[], None]:
    """Leave, with every grave finding on standard error, where the relay could not serve; else what logs the others."""
    findings = examine(settings, starting=True, replaces=replaces)
    refusing = [finding for finding in findings if finding.refuses]
    if refusing:
        for finding in refusing:
            _tell(finding)
        warn("查看全部：ctp-relay doctor / to see everything: ctp-relay doctor")
        raise typer.Exit(_code(refusing))
    return lambda: _note([finding for finding in findings if finding.gravity is not FindingGravity.OK])


def _code(refusing: Sequence[Finding]) -> ExitCode:
    """Of several: settings first, because the others may follow from them."""
    kinds = {finding.about for finding in refusing}
    return next(_CODES[about] for about in (About.SETTINGS, About.DATABASE, About.MACHINE) if about in kinds)


def _tell(finding: Finding) -> None:
    """One finding in both languages, with what to do."""
    for text, advice in zip(finding.text, finding.advice, strict=True):
        complain(f"{text}" + (f"  → {advice}" if advice else ""))


def _note(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say = _log.error if finding.gravity is FindingGravity.GRAVE else _log.warning
        say("doctor_found", finding=finding.name, text=" / ".join(finding.text), advice=" / ".join(finding.advice))


def show_findings(findings: Sequence[Finding], language: FindingLanguage = FindingLanguage.AUTO) -> None:
    """As a table on a terminal."""
    if language is FindingLanguage.AUTO:
        language = FindingLanguage.CHINESE if reads_chinese(os.environ) else FindingLanguage.ENGLISH
    taken = _TAKEN[language]
    table = Table(title=Text("ctp-relay doctor"), title_justify="left", show_lines=True)
    for heading in (("程度", ""), ("结果", "finding"), ("处置", "what to do")):
        table.add_column(" ".join(filter(None, heading[taken])), overflow="fold")
    order = list(FindingGravity)
    for finding in sorted(findings, key=lambda one: -order.index(one.gravity)):
        style = _STYLE[finding.gravity]
        cells = [Text("\n".join(_WORDS[finding.gravity][taken]), style=style)]
        cells += [Text(shown("\n".join(part[taken])).replace("\\n", "\n")) for part in (finding.text, finding.advice)]
        table.add_row(*cells)
    Console().print(table)
    Console(highlight=False).print(" / ".join(_summary(findings)[taken]))


def _summary(findings: Sequence[Finding]) -> tuple[str, str]:
    count = {gravity: sum(finding.gravity is gravity for finding in findings) for gravity in FindingGravity}
    ok, warning, grave = (count[gravity] for gravity in FindingGravity)
    return f"正常 {ok}，注意 {warning}，严重 {grave}", f"{ok} ok, {warning} warnings, {grave} grave"
