"""`ctp-relay doctor`: what is wrong here, and what to do; and what `serve` refuses to start with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.output import AsJson, ExitCode, complain, warn, write_json
from relay.doctor.doctor import examine, examine_file, gravest
from relay.doctor.finding import About, Finding, Gravity
from relay.outside_text import shown
from relay.settings.settings import Settings

_log = structlog.get_logger(__name__)
_STYLE = {Gravity.OK: "green", Gravity.WARNING: "yellow", Gravity.GRAVE: "bold red"}
_WORDS = {Gravity.OK: ("正常", "ok"), Gravity.WARNING: ("注意", "warning"), Gravity.GRAVE: ("严重", "grave")}
_CODES = {
    About.SETTINGS: ExitCode.SETTINGS,
    About.DATABASE: ExitCode.DATABASE,
    About.MACHINE: ExitCode.REFUSED,
}


class Language(StrEnum):
    """In which language findings are shown."""

    BOTH = "both"
    CHINESE = "zh"
    ENGLISH = "en"


_TAKEN = {Language.BOTH: slice(0, 2), Language.CHINESE: slice(0, 1), Language.ENGLISH: slice(1, 2)}


def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    language: Annotated[Language, typer.Option(help="Show findings in this language.")] = Language.BOTH,
    as_json: AsJson = False,
) -> None:
    """Look at settings, files, certificate, machine, databases and the way to the counter; change nothing.

    检查设置、文件、证书、本机、数据库与通往柜台的路; 不作任何改动, 可与运行中的中继并用.

    It may run beside a relay that serves. A table on a terminal, JSON elsewhere. Exit code 0 where nothing is grave, also
    with warnings; 1 where something is.
    """
    findings = examine_file(config)
    if as_json or not sys.stdout.isatty():
        write_json([finding.as_json() for finding in findings])
    else:
        show_findings(findings, language)
    if gravest(findings) is Gravity.GRAVE:
        raise typer.Exit(ExitCode.REFUSED)


def look_before_serving(settings: Settings) -> Callable[[], None]:
    """Leave, with every grave finding on standard error, where the relay could not serve; else what logs the others."""
    findings = examine(settings, starting=True)
    refusing = [finding for finding in findings if finding.refuses]
    if refusing:
        for finding in refusing:
            _tell(finding)
        warn("查看全部: ctp-relay doctor / to see everything: ctp-relay doctor")
        raise typer.Exit(_code(refusing))
    return lambda: _note([finding for finding in findings if finding.gravity is not Gravity.OK])


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
        say = _log.error if finding.gravity is Gravity.GRAVE else _log.warning
        say("doctor_found", finding=finding.name, text=" / ".join(finding.text), advice=" / ".join(finding.advice))


def show_findings(findings: Sequence[Finding], language: Language) -> None:
    """As a table on a terminal."""
    taken = _TAKEN[language]
    table = Table(title=Text("ctp-relay doctor"), title_justify="left", show_lines=True)
    for heading in (("程度", ""), ("结果", "finding"), ("处置", "what to do")):
        table.add_column(" ".join(filter(None, heading[taken])), overflow="fold")
    for finding in findings:
        style = _STYLE[finding.gravity]
        cells = [Text("\n".join(_WORDS[finding.gravity][taken]), style=style)]
        cells += [Text(shown("\n".join(part[taken])).replace("\\n", "\n")) for part in (finding.text, finding.advice)]
        table.add_row(*cells)
    Console().print(table)
    Console(highlight=False).print(" / ".join(_summary(findings)[taken]))


def _summary(findings: Sequence[Finding]) -> tuple[str, str]:
    count = {gravity: sum(finding.gravity is gravity for finding in findings) for gravity in Gravity}
    ok, warning, grave = (count[gravity] for gravity in Gravity)
    return f"正常 {ok}，注意 {warning}，严重 {grave}", f"{ok} ok, {warning} warnings, {grave} grave"
