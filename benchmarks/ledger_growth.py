"""`python -m benchmarks.ledger_growth`: how the record grows, and that long work on it takes time and no memory.

    bytes an entry, for 1,000 logins and for an order, with indexes, on SQLite; on PostgreSQL with --postgres URL of an empty database
    a day's file and a packed month's for each entry
    seconds and peak memory of verify, day, verify --file and prove over --entries entries

The entries are those of a login in many-to-many (admitted, authenticated, reported, logged in, logged out) with 273 bytes of system info,
and of an order with its number.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, text

from relay.admin.changes import Changes
from relay.admin.ledger import LedgerActions, verify_files
from relay.admin.ledger_archives import ArchiveActions
from relay.admin.ledger_seals import SealActions, SealTools
from relay.admin.person import Person
from relay.database.database import open_database, upgrade, writing
from relay.ledger.chain import canonical
from relay.ledger.kept_seals import SealFolder
from relay.ledger.ledger import append
from relay.ledger.spool import Item

_AT, _DAY = "2026-01-05T09:00:00.000000+08:00", "20260105"
_SOMEBODY = Person("benchmark", "command line")
_GROUP = 1000


def login(number: int) -> Iterator[tuple[str, dict[str, object]]]:
    """The entries of one login."""
    user: dict[str, object] = {"broker_id": "9999", "user_id": f"{100_000 + number % 5000}"}
    report = {
        "broker_id": "9999", "investor_id": user["user_id"], "system_info": base64.b64encode(os.urandom(273)).decode(),
        "system_info_length": 273, "system_info_sha256": os.urandom(32).hex(), "terminal_app_id": "client_demo_1.0",
        "public_ip": "198.51.100.7", "port": 50122, "logged_in_at": _AT[:19] + "+08:00", "remark": "", "mac_address": "",
        "wechat": False,
    }  # fmt: skip
    more = {"client_version": "1.0", "collector_code": 0, "collector_version": "6.7.11", "mode": "many_to_many"}
    yield "terminal_admitted", {**report, **more, "genuineness_checked": True}
    yield "counter_authenticate", {**user, "relay_app_id": "relay_demo_1.0"}
    yield "counter_authenticate_answer", {"error_id": 0, "app_type": "2"}
    yield "terminal_report", {"call": "RegisterUserSystemInfo", **report}
    yield "terminal_report_result", {"call": "RegisterUserSystemInfo", "return_code": 0}
    yield "counter_login", user
    yield "counter_login_answer", {"error_id": 0, "trading_day": _DAY, "front_id": 1, "session_id": 1_234_567}
    yield "terminal_logout", {"kind": "terminal_left", "reason": "终端退出 / the terminal left"}


def order(number: int) -> Iterator[tuple[str, dict[str, object]]]:
    """The entries of one order."""
    of_terminal = {"FrontID": -5, "SessionID": 1_234_567, "Ref": f"{number:012}"}
    at_counter = {"FrontID": 1, "SessionID": 1_234_567, "Ref": number}
    who = {"terminal_app_id": "client_demo_1.0", "investor_id": "100001"}
    ordered = {
        "CombOffsetFlag": "0", "Direction": "0", "ExchangeID": "SHFE", "InstrumentID": "rb2701", "LimitPrice": 3501.0,
        "OrderPriceType": "2", "VolumeTotalOriginal": 1,
    }  # fmt: skip
    names = {"of_terminal": of_terminal, "at_counter": at_counter}
    yield "order_insert", {**who, "call": "ReqOrderInsert", "return_code": 0, "order": ordered, **names}
    number_facts = {"ExchangeID": "SHFE", "OrderSysID": f"{number:>21}", "kind_of_reference": "order"}
    yield "order_numbered", {**who, **number_facts, **names}


def fill(engine: Engine, chain: str, make: Callable[[int], Iterator[tuple[str, dict[str, object]]]], many: int) -> int:
    """Write so many of them; returns how many entries that is."""
    group: list[Item] = []
    count = 0
    for number in range(many):
        group += [(_AT, kind, f"s-{number:08}", canonical(data), _DAY) for kind, data in make(number)]
        if len(group) >= _GROUP or number == many - 1:
            with writing(engine) as connection:
                append(connection, chain, group)
            count, group = count + len(group), []
    return count


def size(engine: Engine, table: str) -> int:
    """Bytes of a table with its indexes; of SQLite, of the whole file."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            return int(connection.execute(text(f"SELECT pg_total_relation_size('{table}')")).scalar_one())
        pages, page = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
        return int(pages) * int(page)


def growth(engine: Engine, logins: int, orders: int) -> None:
    """Bytes by kind."""
    name = engine.dialect.name
    for table, chain, make, many in (("ledger", "one", login, logins), ("ledger_order", "one/orders", order, orders)):
        before = size(engine, table)
        entries = fill(engine, chain, make, many)
        grown = size(engine, table) - before
        what = (
            f"{grown / many * 1000 / 1e6:.2f} MB for 1,000 logins"
            if make is login
            else f"{grown / many:.0f} bytes an order"
        )
        print(f"{name:10} {table:12} {grown / entries:6.0f} bytes an entry, {what} ({entries} entries)")


def timed(what: str, work: Callable[[], object]) -> None:
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{what:14} {time.monotonic() - begin:6.1f} s, peak memory {before / 1024:.0f} -> {after / 1024:.0f} MB")


def long_work(engine: Engine, folder: Path, entries: int) -> None:
    """Everything that reads the whole ledger."""
    fill(engine, "one", login, entries // 8)

    def clock() -> dt.datetime:
        return dt.datetime(2026, 2, 3, tzinfo=dt.UTC)

    changes = Changes(engine, "one", clock)
    tools = SealTools(engine, folder / "signing.key", SealFolder(folder / "seals"), "one", clock)
    records = LedgerActions(engine, tools.key_file, changes, tools.folder)
    records.make_signing_key(_SOMEBODY)
    seals = SealActions(tools, changes)
    archives = ArchiveActions(tools, seals, changes)
    print(f"over {entries} entries:")
    timed("day", lambda: list(seals.seal_days(_SOMEBODY, folder, "2026-01-05")))
    timed("verify", records.verify)
    day, month = folder / "ledger-2026-01-05.jsonl", folder / "ledger-2026-01.jsonl.gz"
    timed("verify --file", lambda: verify_files([day]))
    timed("prove", lambda: seals.prove(_SOMEBODY, "one#77"))
    timed("archive", lambda: archives.archive(_SOMEBODY, "2026-01", folder))
    timed("restore", lambda: archives.restore(_SOMEBODY, month))
    assert records.verify().problems == []
    print(f"day's file {day.stat().st_size / entries:.0f} bytes an entry, packed {month.stat().st_size / entries:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_growth", description=__doc__.splitlines()[0])
    parser.add_argument("--logins", type=int, default=2000)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=200_000, help="for time and memory; 0 leaves that out")
    parser.add_argument("--postgres", default="", help="URL of an empty database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for url in (f"sqlite:///{folder / 'growth.sqlite3'}", given.postgres):
            if url:
                engine = open_database(SecretStr(url))
                upgrade(engine)
                growth(engine, given.logins, given.orders)
                engine.dispose()
        if given.entries:
            engine = open_database(SecretStr(f"sqlite:///{folder / 'long.sqlite3'}"))
            upgrade(engine)
            long_work(engine, folder, given.entries)
            engine.dispose()


if __name__ == "__main__":
    main()
