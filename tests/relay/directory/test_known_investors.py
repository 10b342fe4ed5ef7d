"""The counter side keeps notices only of investors the directory knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from sqlalchemy import Engine, insert

from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.identity.ownership import Owner, Ownership
from relay.database.schema import INVESTOR
from relay.directory.access import DirectoryAccess
from relay.directory.investors import Investors, read_investors
from tests.relay.conftest import HandClock


async def test_the_directorys_investors_of_this_broker_are_known_with_their_accounts(
    sqlite_engine: Engine, clock: HandClock
) -> None:
    """And stay known while the directory is away."""
    investors, owners = Investors(sqlite_engine, clock=clock), KnownOwners()
    investors.add("9999", "100001", "secret", ["100001", "88001"])
    investors.add("8888", "200001", "secret")
    stranger = Ownership(Owner.INVESTOR, b"300001")
    with DirectoryAccess(threads=1) as access:
        everybody = stranger in owners

        await read_investors(access, investors, "9999", owners)
        INVESTOR.drop(sqlite_engine)
        await read_investors(access, investors, "9999", owners)

    names = ("100001", "88001", "200001", "300001")
    known = {
        name
        for name in names
        for kind in Owner
        if Ownership(kind, name.encode()) in owners and kind is not Owner.EVERYBODY
    }
    assert everybody
    assert known == {"100001", "88001"}


class CountedOwners(KnownOwners):
    """Counts what is learned between two turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.learned = 0
        self.in_turns: list[int] = []

    def learn(self, investor_id: str, accounts: Iterable[str]) -> None:
        super().learn(investor_id, accounts)
        self.learned += 1

    async def count(self) -> None:
        while True:
            before = self.learned
            await asyncio.sleep(0)
            self.in_turns.append(self.learned - before)


async def test_thousands_of_investors_do_not_hold_the_loop(sqlite_engine: Engine, clock: HandClock) -> None:
    """They are learned some at a time, and in the next minute only those that are new or have other accounts."""
    investors, owners = Investors(sqlite_engine, clock=clock), CountedOwners()
    rows = [
        {
            "broker_id": "9999",
            "investor_id": f"{number:06}",
            "password_hash": "",
            "account_ids": json.dumps([f"{number:06}"]),
            "enabled": True,
            "created_at": "",
            "password_changed_at": "",
        }
        for number in range(3000)
    ]
    with sqlite_engine.begin() as connection:
        connection.execute(insert(INVESTOR), rows)
    counting = asyncio.create_task(owners.count())

    with DirectoryAccess(threads=1) as access:
        await read_investors(access, investors, "9999", owners)
        first = owners.learned
        investors.set_accounts("9999", "000007", ["000007", "88007"])
        investors.add("9999", "100001", "secret")
        await read_investors(access, investors, "9999", owners)
    counting.cancel()

    assert (first, owners.learned) == (3000, 3002)
    assert max(owners.in_turns) <= 500
    assert Ownership(Owner.INVESTOR, b"002999") in owners
    assert Ownership(Owner.ACCOUNT, b"88007") in owners
    assert Ownership(Owner.ACCOUNT, b"88008") not in owners


async def test_an_investor_who_is_admitted_while_the_directory_is_read_stays_known(
    sqlite_engine: Engine, clock: HandClock
) -> None:
    """The reading began before it was registered."""
    investors, owners = Investors(sqlite_engine, clock=clock), KnownOwners()
    with DirectoryAccess(threads=1) as access:
        reading = asyncio.create_task(read_investors(access, investors, "9999", owners))
        await asyncio.sleep(0)
        owners.learn("100001", ("100001",))
        await reading

    assert Ownership(Owner.INVESTOR, b"100001") in owners
    assert Ownership(Owner.INVESTOR, b"100002") not in owners
