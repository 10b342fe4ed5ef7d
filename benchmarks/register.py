"""Registers investors in a many-to-one relay's database, as `ctp-relay investor add` does one; writes the firm's salt as JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor

from pydantic import SecretStr

from relay.database.database import open_database
from relay.directory.investors import Investors
from simcounter import demo_accounts

_THREADS = 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="the file")
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    engine = open_database(SecretStr(f"sqlite:///{given.database}"))
    investors = Investors(engine, clock=lambda: dt.datetime.now(dt.UTC))
    known = {investor.investor_id for investor in investors.all()}

    def add(name: str) -> None:
        if name not in known:
            investors.add(demo_accounts.BROKER_ID, name, demo_accounts.password_of(name))

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(add, [str(given.first + number) for number in range(given.count)]))
    engine.dispose()
    print(json.dumps(investors.firm_salt.hex()), flush=True)


if __name__ == "__main__":
    main()
