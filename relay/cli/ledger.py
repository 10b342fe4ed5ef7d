"""`ctp-relay ledger`: prove that the record is whole, hand it out, watch it grow."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Workplace
from relay.cli.output import EPILOG, AsJson, CommandRefused, ExitCode, reporting, say, warn, write_json
from relay.domain.ledger_chain import Entry
from relay.services import ledger_reader
from relay.services.ledger_file import NoLedgerFile, misfits, public_key_of, sealed_lines, verify_file
from relay.services.ledger_text import csv_rows, json_lines, login_lines
from relay.services.signing_key import make_signing_key, open_signing_key
from relay.settings.file import signing_key_file

app = typer.Typer(no_args_is_help=True, help="The permanent record (审计记录).", epilog=EPILOG)


_LONGEST_VALUE = 40


class Form(StrEnum):
    JSON = "json"
    CSV = "csv"
    LINE = "line"


@app.command(
    epilog="Example: ctp-relay ledger verify --file 2026-01-05.jsonl --file 2026-01-06.jsonl --public-key 5a1e…"
)
def verify(
    config: ConfigPath = DEFAULT_CONFIG,
    expect_head: Annotated[
        list[str] | None, typer.Option(help="A head hash kept elsewhere that must be in the ledger; may be repeated.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(
            help="Verify an exported JSON file instead of the database. Repeated: files of following days,"
            " oldest first, each of which must begin where the one before it ended."
        ),
    ] = None,
    public_key: Annotated[
        str, typer.Option(help="With --file: whose signature it must be; see ctp-relay ledger public-key.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Recompute every chain; exit code 1 names the entries that were changed, removed or reordered.

    A person who may write the whole database can build a new chain that fits. Against that, keep the head hashes
    printed here somewhere else, and give one later as --expect-head: the entry must still be there. An exported file
    needs neither the database nor the settings: it carries the heads it stands between, and a signature.
    """
    with reporting():
        if public_key and not file:
            raise CommandRefused("--public-key is whose signature a file must have: give the file with --file")
        found = _of_files(file, public_key) if file else _of_database(config, wanted=bool(expect_head))
    problems = [str(problem) for audit in found.audits for problem in audit.problems] + found.problems
    missing = set(expect_head or ()) - found.hashes
    problems += [f"no entry has the expected head hash {digest}" for digest in sorted(missing)]
    _tell(found, problems, as_json=as_json)
    if problems:
        raise typer.Exit(ExitCode.REFUSED)


@app.command(epilog="Example: ctp-relay ledger export --day 2026-01-05 --output 2026-01-05.jsonl")
def export(
    config: ConfigPath = DEFAULT_CONFIG,
    day: Annotated[str | None, typer.Option(help="Only this day in UTC+8: YYYY-MM-DD.")] = None,
    form: Annotated[Form, typer.Option("--format", help="line: one line for each terminal login.")] = Form.JSON,
    output: Annotated[Path | None, typer.Option(help="A new file, instead of standard output.")] = None,
) -> None:
    """Write entries as signed JSON lines, CSV, or the lines of terminal logins (`ledger.line_format`).

    A JSON file proves itself: it begins with each chain's head before its first entry and after its last, and ends
    with a signature. Check it with: ctp-relay ledger verify --file FILE.
    """
    with reporting():
        place = Workplace(config)
        since, until = _day(day)
        key = _signing_key(place) if form is Form.JSON else None
        parts = ledger_reader.stretches(place.ledger, since=since, until=until)
        entries = ledger_reader.read(place.ledger, parts)
        if key is not None:
            lines = sealed_lines(parts, entries, since=since, until=until, key=key)
        else:
            lines = _plain_lines(form, entries, place.settings.ledger.line_format)
        with _target(output) as target:
            target.writelines(lines)


@app.command("public-key", epilog="Example: ctp-relay ledger public-key")
def public_key_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the public key that exported files are signed with; give it to those who verify them."""
    with reporting():
        shown = public_key_of(_signing_key(Workplace(config)))
        if as_json:
            write_json({"public_key": shown})
        else:
            say(shown)


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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a verification looked at."""

    audits: list[ledger_reader.Audit]
    hashes: set[str]
    problems: list[str]
    signed_by: str = ""


def _of_database(config: Path, *, wanted: bool) -> _Found:
    """`wanted` says whether the hashes of the entries are asked for: they fill the memory of a long ledger."""
    engine = Workplace(config).ledger
    audits = ledger_reader.audit(engine)
    return _Found(audits, {entry.hash for entry in ledger_reader.read(engine)} if wanted else set(), [])


def _of_files(paths: list[Path], public_key: str) -> _Found:
    files, problems = [], []
    for path in paths:
        try:
            files.append(verify_file(path.read_text(encoding="utf-8"), public_key=public_key))
        except OSError as error:
            raise CommandRefused(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandRefused(f"{path}: is not UTF-8 text") from None
        except NoLedgerFile as error:
            raise CommandRefused(f"{path}: {error}") from None
        problems += [f"{path}: {problem}" for problem in files[-1].problems]
    problems += misfits(files)
    return _Found(
        [audit for found in files for audit in found.chains],
        set().union(*(found.hashes for found in files)),
        problems,
        " ".join(sorted({found.signed_by for found in files if found.signed_by})),
    )


def _signing_key(place: Workplace) -> Ed25519PrivateKey:
    """The key of exported files; made when it is first needed, and its public half recorded."""
    path = signing_key_file(place.settings)
    made = make_signing_key(path)
    key = open_signing_key(path)
    if made:
        with place.recorded("ledger_signing_key", {"public_key": public_key_of(key)}):
            warn(f"{path}: a new key that signs exported ledger files; keep a copy. Its public half is in the ledger")
    return key


def _plain_lines(form: Form, entries: Iterator[Entry], line_format: str) -> Iterator[str]:
    return csv_rows(entries) if form is Form.CSV else login_lines(entries, line_format)


def _tell(found: _Found, problems: list[str], *, as_json: bool) -> None:
    if as_json:
        chains = [
            {"chain": audit.chain, "entries": audit.entries, "head": asdict(audit.head) if audit.head else None}
            for audit in found.audits
        ]
        verdict = {"whole": not problems, "problems": problems, "chains": chains}
        write_json(verdict | ({"signed_by": found.signed_by} if found.signed_by else {}))
        return
    for audit in found.audits:
        head = audit.head.hash if audit.head else "no head"
        say(f"{audit.chain}: {audit.entries} entries, head {head}")
    if found.signed_by:
        say(f"signed by {found.signed_by}")
    for problem in problems:
        warn(problem)
    say("the ledger is NOT whole" if problems else "the ledger is whole")


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
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:  # half an export would only stand in the way of the next one
        path.unlink(missing_ok=True)
        raise


def _short(entry: Entry) -> str:
    """One line for people: seconds, and long values cut."""
    at = entry.at[:19].replace("T", " ")
    values = [f"{name}={_cut(value)}" for name, value in json.loads(entry.data).items()]
    return " ".join([at, f"{entry.chain}#{entry.sequence}", entry.kind, entry.session, *values])


def _cut(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
