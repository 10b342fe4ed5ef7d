"""`ctp-relay ledger`: prove that the record is whole, hand it out, watch it grow."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TextIO

import typer

from relay.admin.ledger import Form, WholenessReport, verify_files
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.exit_codes import EPILOG, ExitCode
from relay.cli.ledger_seals import make_key, seal_commands
from relay.cli.output import AsJson, CommandRefused, say, warn, write_json
from relay.cli.progress import counting
from relay.cli.reader import spoken
from relay.cli.workplace import Workplace, reporting_stores
from relay.ledger.chain import Entry
from relay.ledger.export_columns import json_lines
from relay.outside_text import shown

app = typer.Typer(no_args_is_help=True, help="The permanent record (台账).", epilog=EPILOG)
seal_commands(app)


_LONGEST_VALUE = 40


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
            help="Verify an exported or sealed file (day, archive) instead of the database. Repeated: files that follow"
            " one another, oldest first, each of which must begin where the one before it ended."
        ),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            help="With --file: whose signature it must be; see ctp-relay ledger public-key. Repeated: one of these, where"
            " the key was replaced between two files."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain; exit code 1 names the entries that were changed, removed or reordered.

    Every head that a day or month was sealed with must still be there: the seals are kept in the database and in
    state_dir/ledger_seals. A person who may write both can build a new chain that fits. Against that, keep the day files
    somewhere else, or give a head hash from there as --expect-head. A file needs neither the database nor the settings:
    it carries the heads it stands between, and a signature.
    """
    with reporting_stores():
        if public_key and not file:
            raise CommandRefused(
                spoken(
                    "--public-key 说明文件须由谁签名：请用 --file 给出文件",
                    "--public-key is whose signature a file must have: give the file with --file",
                )
            )
        heads = expect_head or ()
        if file:
            found = verify_files(file, public_keys=public_key or (), expected_heads=heads)
        else:
            place = Workplace(config)
            keys = place.settings.ledger.trusted_keys
            with counting(spoken("条", "entries")) as progress:
                found = place.records.verify(heads, trusted_keys=keys, progress=progress)
    _tell(found, as_json=as_json)
    if found.problems or found.nothing:
        raise typer.Exit(ExitCode.REFUSED if found.problems else ExitCode.NOTHING)


@app.command(epilog="Example: ctp-relay ledger export --day 2026-01-05 --output 2026-01-05.jsonl")
def export(
    config: ConfigPath = DEFAULT_CONFIG,
    day: Annotated[
        str | None, typer.Option(help="Only this trading day: YYYY-MM-DD. The night before belongs to it.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="line: one line for each terminal login.")] = Form.JSON,
    output: Annotated[Path | None, typer.Option(help="A new file, instead of standard output.")] = None,
) -> None:
    """Write entries as signed JSON lines, CSV, or the lines of terminal logins (`ledger.line_format`).

    The night session belongs to the next trading day, Friday's to Monday, as in the files of ctp-relay ledger day.
    Orders are among the entries, but not in the lines of logins.

    A JSON file proves itself: it begins with each chain's head before its first entry and after its last, and ends
    with a signature. Check it with: ctp-relay ledger verify --file FILE.
    """
    with reporting_stores():
        place = Workplace(config)
        if form is Form.JSON:
            make_key(place)
        lines = place.records.export(form, day=day, line_format=place.settings.ledger.line_format)
        with _target(output) as target:
            target.writelines(lines)


@app.command("public-key", epilog="Example: ctp-relay ledger public-key")
def public_key_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the public key that exported files are signed with; give it to those who verify them."""
    with reporting_stores():
        place = Workplace(config)
        make_key(place)
        shown = place.records.public_key()
        if as_json:
            write_json({"public_key": shown})
        else:
            say(shown)


@app.command()
def tail(
    config: ConfigPath = DEFAULT_CONFIG,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10000, help="How many entries.")] = 20,
    day: Annotated[
        str | None, typer.Option(help="Only this trading day: YYYY-MM-DD. The night before belongs to it.")
    ] = None,
    orders: Annotated[
        bool,
        typer.Option("--orders", help="The orders' stream: orders, cancels, and what the counter refused of them."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries."""
    with reporting_stores():
        entries = Workplace(config).records.tail(count, day=day, orders=orders)
        if as_json:
            sys.stdout.writelines(json_lines(entries))
            return
        for entry in entries:
            say(_short(entry))


def _tell(found: WholenessReport, *, as_json: bool) -> None:
    if as_json:
        chains = [
            {"chain": audit.chain, "entries": audit.entries, "head": asdict(audit.head) if audit.head else None}
            for audit in found.audits
        ]
        whole = not found.problems and not found.nothing
        verdict = {"whole": whole, "problems": found.problems, "chains": chains}
        if found.signed_by:
            verdict["signed_by"] = found.signed_by
        if found.sealed_until:
            verdict["sealed_until"] = found.sealed_until
        write_json(verdict)
        return
    for audit in found.audits:
        head = audit.head.hash if audit.head else spoken("无", "no head")
        entries = audit.entries
        say(spoken(f"{audit.chain}：{entries} 条，链头 {head}", f"{audit.chain}: {entries} entries, head {head}"))
    if found.signed_by:
        say(spoken(f"签名公钥：{found.signed_by}", f"signed by {found.signed_by}"))
    if found.sealed_until:
        say(spoken(f"已封存至 {found.sealed_until}", f"sealed until {found.sealed_until}"))
    for problem in found.problems:
        warn(problem)
    if found.nothing:
        warn(
            spoken(
                "无可核验：没有一条记录，也没有链头说明曾有记录",
                "nothing to verify: there is no entry, and no head that says that there was one",
            )
        )
        return
    broken = spoken("台账不完整！", "the ledger is NOT whole")
    say(broken if found.problems else spoken("台账完整，未被改动", "the ledger is whole"))


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        # What is exported names people and their machines: for its owner only.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandRefused(spoken(f"{path} 已经存在", f"{path} exists already")) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:  # half an export would only stand in the way of the next one
        path.unlink(missing_ok=True)
        raise


def _short(entry: Entry) -> str:
    """One line for people: seconds, and long values cut."""
    at = entry.at[:19].replace("T", " ")
    values = [f"{shown(name)}={_cut(value)}" for name, value in json.loads(entry.data).items()]
    return " ".join([at, f"{entry.chain}#{entry.sequence}", entry.kind, entry.session, *values])


def _cut(value: object) -> str:
    text = shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
