"""The counter side keeps notices only of investors the directory knows."""

from __future__ import annotations

from sqlalchemy import Engine

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

        await read_investors(access, investors, "9999", owners.replace)
        INVESTOR.drop(sqlite_engine)
        await read_investors(access, investors, "9999", owners.replace)

    names = ("100001", "88001", "200001", "300001")
    known = {
        name
        for name in names
        for kind in Owner
        if Ownership(kind, name.encode()) in owners and kind is not Owner.EVERYBODY
    }
    assert everybody
    assert known == {"100001", "88001"}
