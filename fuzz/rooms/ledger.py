"""Files that come back from outside: exported ledger files, the spool, the order map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from fuzz.mutations import any_bytes, json_text, lines_of
from fuzz.targets import Play, promise
from relay.admin.ledger import verify_files
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.ledger.chain import Entry, SecretInLedger, canonical, empty_head, head_after, link
from relay.ledger.export_columns import LineFormatWrong, csv_rows, entry_of, json_lines, login_lines
from relay.ledger.export_file import public_key_of, sealed_lines
from relay.ledger.file_lines import NoLedgerFile, NothingToVerify
from relay.ledger.reader import Stretch
from relay.ledger.spool import Spool

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_PUBLIC = public_key_of(_KEY)
_AT = "2026-11-23T09:00:00.000000+08:00"
_DAY = "20261123"
_FORMAT = "{flag}@{app_id}@{logged_in_at}@{public_ip}@{port}@{system_info}@{remark}"
_KINDS = ("terminal_admitted", "terminal_refused", "report_sent")


def _chain(name: str, count: int) -> list[Entry]:
    head, entries = empty_head(name), []
    for number in range(count):
        data = canonical(
            {
                "broker_id": "9999",
                "investor_id": "100001",
                "public_ip": "198.51.100.7",
                "port": 50122 + number,
                "system_info": bytes(range(20)),
                "remark": "备注 \u2028 @ %",
                "logged_in_at": _AT,
            }
        )
        entries.append(link(head, at=_AT, kind=_KINDS[number % 3], session="0a0b0c", data=data))
        head = head_after(entries[-1])
    return entries


def _sealed(*chains: list[Entry]) -> bytes:
    parts = {entries[0].chain: Stretch(empty_head(entries[0].chain), head_after(entries[-1])) for entries in chains}
    lines = sealed_lines(parts, [e for entries in chains for e in entries], key=_KEY)
    return "".join(lines).encode()


_ENTRIES = _chain("relay-1", 4)
_FILES = [_sealed(_ENTRIES), _sealed(_ENTRIES[:1], _chain("relay-2", 2)), _sealed(_chain("中继", 1))]
_SIGNED = {file.rstrip(b"\n").rpartition(b"\n")[0] for file in _FILES}
"""what the signatures are over"""


def ledger_files(data: bytes) -> None:
    """Nothing but a file of ours, unchanged, is found whole under our key."""
    path = Path("day.jsonl")
    path.write_bytes(data)
    try:
        report = verify_files([path], public_keys=[_PUBLIC])
    except (NoLedgerFile, NothingToVerify) as error:
        promise(len(str(error)) < 300, "what is wrong is said shortly")
        return
    "\n".join(report.problems).encode()
    if not report.problems:
        signed = data.removesuffix(b"\n").rpartition(b"\n")[0]
        promise(signed in _SIGNED, "a changed file is not found whole")


def ledger_lines(data: bytes) -> None:
    """An entry made of any data can be exported in every form; the JSON form gives the same entry again."""
    form, _, line = data.partition(b"\n")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(row, dict):
        return
    try:
        text = canonical(row)
    except (SecretInLedger, ValueError, RecursionError):
        return  # it is not taken into the ledger
    entry = link(empty_head("relay-1"), at=_AT, kind="terminal_admitted", session="s", data=text)
    (exported,) = json_lines([entry])
    promise(exported.count("\n") == 1, "an exported entry is one line")
    promise(entry_of(json.loads(exported)) == entry, "an exported entry is read back")
    exported.encode()
    "".join(csv_rows([entry])).encode()
    try:
        (shown,) = login_lines([entry], form.decode("utf-8", "replace")[:200])
    except LineFormatWrong:
        return
    promise(shown.endswith("\n"), "a login is a line")
    (usual,) = login_lines([entry], _FORMAT)
    promise(usual.count("@") == _FORMAT.count("@"), "no field moves another")
    promise(usual.count("\n") == 1, "a login is one line")


def spool_files(data: bytes) -> None:
    """Whatever was left on disk, what is read of it can go into the database, and is read the same again."""
    path = Path("spool.jsonl")
    path.write_bytes(data)
    spool = Spool(path, most=1000)
    items = spool.first(10_000)
    for at, kind, session, text, *day in items:
        promise(all(len(name) == 8 for name in day), "a trading day fits its column")
        promise(len(at) <= 40 and len(kind) <= 64 and len(session) <= 64, "an entry fits the ledger's columns")
        promise(isinstance(json.loads(text), dict), "an entry's data is an object")
        row = link(empty_head("relay-1"), at=at, kind=kind, session=session, data=text)
        promise("\0" not in at + kind + session + text, "no database takes a zero character")
        "".join([*json_lines([row]), *csv_rows([row])]).encode()
    promise(
        len(items) + spool.lost >= len([line for line in data.split(b"\n") if line.strip()]), "no line is lost unsaid"
    )
    spool.keep([(_AT, "kept", "s", "{}")])
    promise(Spool(path, most=1000).first(10_000)[-1][1] == "kept", "what is kept is read by the next process")
    path.unlink(missing_ok=True)


def order_map_files(data: bytes) -> None:
    """Whatever the day's file holds, the day begins, and two processes after one another know the same."""
    path = Path("orders") / f"{_DAY}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    with capture_logs():  # each damaged file is said
        _begun_twice(path, data)


def _begun_twice(path: Path, data: bytes) -> None:
    first = list(_entries_of(path.parent))
    promise(len(first) <= data.count(b"\n"), "an entry has a line of its own")
    kept = OrderMapFile(path.parent)
    kept.begin(_DAY)
    mine = MapEntry(RefSpace.ORDER, 9, 9, 99, 1, 9, 9, "99", 0, "100001")
    kept.append([*first, mine])
    kept.close()
    again = list(_entries_of(path.parent))
    promise(mine in again, "an order that was stored is known")
    promise({e.at_counter for e in first} <= {e.at_counter for e in again}, "what was known stays known")


def _entries_of(directory: Path) -> Iterator[MapEntry]:
    order_map = OrderMapFile(directory)
    order_map.begin(_DAY)
    yield from order_map.load()
    for investor in {entry.investor_id for entry in order_map.load()}:
        for entry in order_map.load(investor):
            promise(entry.investor_id == investor, "an investor gets its own")
    for entry in order_map.load():
        promise(entry.lane_number == int(entry.lane_ref), "a lane's reference is a number")
    order_map.close()


def _order_map_seed() -> bytes:
    directory = Path("seed-orders")
    order_map = OrderMapFile(directory)
    order_map.begin(_DAY)
    entries = [
        MapEntry(RefSpace.ORDER, 1, 1001, ref, 70000, 10**9, 7, str(ref), 0, f"10000{ref}", key, b"\0\xff")
        for ref, key in ((1, ""), (2, "my-key"))
    ]
    order_map.append(entries)
    order_map.retract(entries[:1])
    order_map.close()
    return (directory / f"{_DAY}.jsonl").read_bytes()


def _line_json(data: bytes, most: int, random: Random) -> bytes:
    return (json_text if random.random() < 0.8 else any_bytes)(data, most, random)


_SPOOLED = "".join(
    json.dumps(row, ensure_ascii=False) + "\n"
    for row in (
        [_AT, "terminal_refused", "0a0b", '{"reason":"中"}'],
        [_AT, "x", "", "{}"],
        ["2026-11-23", "k", "s", "{}"],
        [_AT, "k" * 64, "s" * 64, "{}", _DAY],  # as long as the columns take
    )
).encode()

PLAYS = {
    "ledger_files": Play(ledger_files, _FILES, lines_of(_line_json), longest=6000),
    "ledger_lines": Play(
        ledger_lines, [f"{_FORMAT}\n{entry.data}".encode() for entry in _ENTRIES[:1]], lines_of(_line_json)
    ),
    "spool_files": Play(spool_files, [_SPOOLED, _SPOOLED[:-9], b""], lines_of(_line_json)),
    "order_map_files": Play(order_map_files, [_order_map_seed(), b""], lines_of(_line_json)),
}
"""by target"""
