"""`ctp-relay ledger day`, `prove`, `archive` and `restore`: sealed files, and single entries proved."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from relay.admin.ledger_seals import SealedFile, write_same
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.output import AsJson, CommandRefused, say, warn, write_json
from relay.cli.progress import counting
from relay.cli.reader import spoken
from relay.cli.workplace import Workplace, reporting_stores
from relay.ledger import verify_proof
from relay.ledger.proof import proof_text
from relay.settings.file import days_dir, signing_key_file

Out = Annotated[
    Path | None, typer.Option(help="Where the files go; default: state_dir/ledger_days.", show_default=False)
]


def seal_commands(app: typer.Typer) -> None:
    """Add the commands to `ctp-relay ledger`."""
    app.command(epilog="Example: ctp-relay ledger day --out /srv/ledger")(day)
    app.command(epilog="Example: ctp-relay ledger archive --month 2026-01 --out /srv/ledger")(archive)
    app.command(epilog="Example: ctp-relay ledger restore --file /srv/ledger/ledger-2026-01.jsonl.gz")(restore)
    app.command(epilog="Example: ctp-relay ledger prove relay-1#1234 --out proof.json --with-verifier")(prove)


def day(
    config: ConfigPath = DEFAULT_CONFIG,
    trading_day: Annotated[
        str,
        typer.Option(help="Up to this trading day: YYYY-MM-DD. Default: every day that is over.", show_default=False),
    ] = "",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Seal each trading day that is over, and write its file and summary page; for cron.

    The night session belongs to the next trading day, Friday's to Monday; a day is over at 18:05 in UTC+8. A sealed day
    is written again with the same bytes. Exit code 1: the day is not over, its entries are not whole, or another file
    of that name is there; the message says which. Exit code 5: the ledger is empty. With nothing left to seal: 0.
    """
    with reporting_stores():
        place = Workplace(config)
        make_key(place)
        with counting(spoken("条", "entries")) as progress:
            written = list(place.seals.seal_days(place.by, out or days_dir(place.settings), trading_day, progress))
    _show(written, as_json=as_json)


def prove(
    entry: Annotated[str, typer.Argument(help="CHAIN#NUMBER, as ctp-relay ledger tail shows it.")],
    config: ConfigPath = DEFAULT_CONFIG,
    out: Annotated[Path, typer.Option(help="A new file.")] = Path("proof.json"),
    file: Annotated[
        Path | None, typer.Option(help="Take it from this sealed file (day, archive) instead of the database.")
    ] = None,
    with_verifier: Annotated[bool, typer.Option(help="Put verify_proof.py beside it.")] = False,
) -> None:
    """Prove one entry to somebody who may not see the others: its line, its way through the day's tree, the seal.

    Whoever gets the file checks it with verify_proof.py, one readable file that needs Python and cryptography alone, and
    this relay's public key (ctp-relay ledger public-key). The entry's day must be sealed.
    """
    with reporting_stores():
        place = Workplace(config)
        with counting(spoken("条", "entries")) as progress:
            proof = place.seals.prove(place.by, entry, file, progress)
        if not write_same(out, [proof_text(proof)]).is_new:
            raise CommandRefused(spoken(f"{out} 已经存在，就是这份证明", f"{out} exists already, and is this proof"))
        say(spoken(f"{out}：{entry} 的证明", f"{out}: proves {entry}"))
        if with_verifier:
            beside = out.parent / "verify_proof.py"
            shutil.copyfile(str(verify_proof.__file__), beside)
            say(f"{beside}: python3 verify_proof.py {out.name} --public-key {proof['signature']['public_key']}")


def archive(
    month: Annotated[str, typer.Option(help="Up to the end of this month: YYYY-MM.")],
    config: ConfigPath = DEFAULT_CONFIG,
    out: Out = None,
) -> None:
    """Put everything up to the end of a month into one sealed file, and remove it from the database.

    Nothing is removed before the file is written, read again and verified. Every trading day of the month must be sealed.
    Verification of the database goes on from the archive's heads. Keep the file: it is the only copy then.
    """
    with reporting_stores():
        place = Workplace(config)
        make_key(place)
        with counting(spoken("条", "entries")) as progress:
            made = place.archives.archive(place.by, month, out or days_dir(place.settings), progress)
        say(
            spoken(
                f"{made.path}：截至 {made.month} 月底的 {made.entries} 条，已从数据库移出",
                f"{made.path}: {made.entries} entries up to the end of {made.month}, removed from the database",
            )
        )
        say(f"sha256 {made.sha256}")


def restore(
    file: Annotated[Path, typer.Option(help="The archive; of several, the newest one first.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Put an archive's entries back into the database, once the file is verified."""
    with reporting_stores():
        place = Workplace(config)
        made = place.archives.restore(place.by, file)
        say(
            spoken(
                f"{made.month}：{made.entries} 条已放回数据库",
                f"{made.month}: {made.entries} entries are in the database again",
            )
        )


def make_key(place: Workplace) -> None:
    """Make the key that signs, where there is none yet."""
    if place.records.make_signing_key(place.by):
        path = signing_key_file(place.settings)
        warn(
            spoken(
                f"{path}：新建的台账导出文件签名密钥，请备份；公钥已记入台账",
                f"{path}: a new key that signs exported ledger files; keep a copy. Its public half is in the ledger",
            )
        )


def _show(written: list[SealedFile], *, as_json: bool) -> None:
    if as_json:
        write_json(
            [
                {name: str(value) if isinstance(value, Path) else value for name, value in asdict(one).items()}
                for one in written
            ]
        )
        return
    for one in written:
        again = "" if one.is_new else spoken("（已有，相同）", " (was there, the same)")
        say(
            spoken(f"{one.name}：{one.entries} 条，{one.path}", f"{one.name}: {one.entries} entries, {one.path}")
            + again
        )
        if one.was_left:
            english = "a run that was ended had left half of it, which is written anew"
            say("  " + spoken("上次中断留下的半个文件已重写", english))
    if not written:
        say(spoken("已结束的交易日均已封存", "every trading day that is over is sealed"))
