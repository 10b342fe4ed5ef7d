"""`ctp-relay ledger`: prove that the record is whole, hand it out, watch it grow."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, TextIO

import typer

from relay.cli_context import DEFAULT_CONFIG, ConfigPath, Workplace
from relay.cli_output import EPILOG, AsJson, CommandRefused, ExitCode, reporting, say, warn, write_json
from relay.domain.ledger_chain import Entry, Problem, head_after
from relay.domain.ledger_chain import verify as verify_chain
from relay.services import ledger_reader
from relay.services.ledger_text import csv_rows, from_json_lines, json_lines, login_lines

app = typer.Typer(no_args_is_help=True, help="The permanent record (审计记录).", epilog=EPILOG)


_LONGEST_VALUE = 40


class Form(StrEnum):
    JSON = "json"
    CSV = "csv"
    LINE = "line"


@app.command(
    epilog="Example: ctp-relay ledger verify --expect-head 3f1c…  (a head hash printed earlier and kept elsewhere)"
)
def verify(
    config: ConfigPath = DEFAULT_CONFIG,
    expect_head: Annotated[
        list[str] | None, typer.Option(help="A head hash kept elsewhere that must be in the ledger; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Verify an exported JSON file instead of the database.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain; exit code 1 names the entries that were changed, removed or reordered.

    Whoever may write the whole database can build a new chain that fits. Against that, keep the head hashes
    printed here somewhere else, and give one later as --expect-head: the entry must still be there.
    """
    with reporting():
        audits = _of_file(file) if file is not None else ledger_reader.audit(Workplace(config).ledger)
        entries = _of_file_entries(file) if file is not None else ledger_reader.read(Workplace(config).ledger)
        missing = set(expect_head or ()) - ({entry.hash for entry in entries} if expect_head else set())
    problems = [str(problem) for audit in audits for problem in audit.problems]
    problems += [f"no entry has the expected head hash {digest}" for digest in sorted(missing)]
    _tell(audits, problems, as_json=as_json)
    if problems:
        raise typer.Exit(ExitCode.REFUSED)


@app.command(epilog="Example: ctp-relay ledger export --day 2026-01-05 --format csv --output ledger.csv")
def export(
    config: ConfigPath = DEFAULT_CONFIG,
    day: Annotated[str | None, typer.Option(help="Only this day in UTC+8: YYYY-MM-DD.")] = None,
    form: Annotated[Form, typer.Option("--format", help="line: one line for each terminal login.")] = Form.JSON,
    output: Annotated[Path | None, typer.Option(help="A new file, instead of standard output.")] = None,
) -> None:
    """Write entries as JSON lines, CSV, or the lines of terminal logins (`ledger.line_format`)."""
    with reporting():
        place = Workplace(config)
        since, until = _day(day)
        entries = ledger_reader.read(place.ledger, since=since, until=until)
        lines = _lines(form, entries, place.settings.ledger.line_format)
        with _target(output) as target:
            target.writelines(lines)


@app.command()
def tail(
    config: ConfigPath = DEFAULT_CONFIG,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10000, help="How many entries.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries."""
    with reporting():
        entries = ledger_reader.tail(Workplace(config).ledger, count)
        if as_json:
            sys.stdout.writelines(json_lines(entries))
            return
        for entry in entries:
            say(_short(entry))


def _lines(form: Form, entries: Iterator[Entry], line_format: str) -> Iterator[str]:
    match form:
        case Form.JSON:
            return json_lines(entries)
        case Form.CSV:
            return csv_rows(entries)
        case Form.LINE:
            return login_lines(entries, line_format)


def _tell(audits: list[ledger_reader.Audit], problems: list[str], *, as_json: bool) -> None:
    if as_json:
        chains = [{"chain": a.chain, "entries": a.entries, "head": asdict(a.head) if a.head else None} for a in audits]
        write_json({"whole": not problems, "problems": problems, "chains": chains})
        return
    for audit in audits:
        head = audit.head.hash if audit.head else "no head"
        say(f"{audit.chain}: {audit.entries} entries, head {head}")
    for problem in problems:
        warn(problem)
    say("the ledger is NOT whole" if problems else "the ledger is whole")


def _of_file(path: Path) -> list[ledger_reader.Audit]:
    """An exported file has no recorded heads: what is missing at its end cannot be noticed."""
    audits = []
    for chain, group in groupby(_of_file_entries(path), key=lambda entry: entry.chain):
        entries = list(group)
        head = head_after(entries[-1])
        problems: list[Problem] = list(verify_chain(chain, entries, head))
        audits.append(ledger_reader.Audit(chain, len(entries), head, tuple(problems)))
    return audits


def _of_file_entries(path: Path) -> Iterator[Entry]:
    try:
        return from_json_lines(path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise CommandRefused(f"{path}: {error.strerror}") from None


def _day(day: str | None) -> tuple[str, str]:
    if day is None:
        return "", ""
    try:
        first = dt.date.fromisoformat(day)
    except ValueError:
        raise CommandRefused(f"{day!r} is no day: YYYY-MM-DD") from None
    return first.isoformat(), (first + dt.timedelta(days=1)).isoformat()


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        # What is exported names people and their machines: for its owner only.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandRefused(f"{path} exists already") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file


def _short(entry: Entry) -> str:
    """One line for people: seconds, and long values cut."""
    at = entry.at[:19].replace("T", " ")
    values = [f"{name}={_cut(value)}" for name, value in json.loads(entry.data).items()]
    return " ".join([at, f"{entry.chain}#{entry.sequence}", entry.kind, entry.session, *values])


def _cut(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
