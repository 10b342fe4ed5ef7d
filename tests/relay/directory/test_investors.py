"""The investors of the directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Engine, select

from relay.database.schema import INVESTOR
from relay.directory.access import DirectoryAccess
from relay.directory.investors import NO_ONES_HASH, Investors, make_investor_hasher
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals.refusal import Refused
from tests.relay.conftest import HandClock

BROKER = "9999"
PASSWORD = "hunter2 密码"


class CountingHasher(PasswordHasher):
    """A cheap argon2id that counts its verifications."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def investors(engine: Engine, clock: HandClock, hasher: CountingHasher) -> Investors:
    investors = Investors(engine, clock=clock, hasher=hasher)
    investors.add(BROKER, "100001", PASSWORD, ["A1", "A2"])
    return investors


@pytest.fixture
def access() -> Iterator[DirectoryAccess]:
    with DirectoryAccess(threads=1) as opened:
        yield opened


async def test_the_right_password_is_accepted(investors: Investors, access: DirectoryAccess) -> None:
    """And the accounts are told."""
    record = await access.run(lambda: investors.check(BROKER, "100001", PASSWORD))

    assert (record.investor_id, record.account_ids) == ("100001", ("A1", "A2"))


@pytest.mark.parametrize(
    ("investor_id", "password", "reason"),
    [
        ("100001", "wrong", "wrong_investor_password"),
        ("100001", "", "wrong_investor_password"),
        ("100001", "\ud800\0", "wrong_investor_password"),
        ("100002", PASSWORD, "investor_unknown"),
        ("100002", "", "investor_unknown"),
    ],
)
async def test_anything_else_is_refused(
    investors: Investors, access: DirectoryAccess, investor_id: str, password: str, reason: str
) -> None:
    """With the precise reason, for the ledger."""
    with pytest.raises(Refused) as caught:
        await access.run(lambda: investors.check(BROKER, investor_id, password))

    assert caught.value.refusal.reason == reason


def test_the_hash_that_stands_for_the_unknown_costs_what_theirs_do() -> None:
    """It is written out, so that no start computes it; it must have the parameters of every other."""
    hasher = make_investor_hasher()

    assert not hasher.check_needs_rehash(NO_ONES_HASH)
    with pytest.raises(VerifyMismatchError):
        hasher.verify(NO_ONES_HASH, "")


def test_unknown_investors_cost_as_much_as_wrong_passwords(investors: Investors, hasher: CountingHasher) -> None:
    """One verification each: the time does not tell who is registered."""
    counts = []
    for investor_id in ("100001", "nobody"):
        before = hasher.verified
        with pytest.raises(Refused):
            investors.check(BROKER, investor_id, "wrong")
        counts.append(hasher.verified - before)

    assert counts == [1, 1]


def test_a_disabled_investor_is_told_so_only_with_the_right_password(investors: Investors) -> None:
    """Otherwise guessing would tell who is disabled."""
    investors.set_enabled(BROKER, "100001", False)

    reasons = []
    for password in (PASSWORD, "wrong"):
        with pytest.raises(Refused) as caught:
            investors.check(BROKER, "100001", password)
        reasons.append(caught.value.refusal.reason)
    assert reasons == ["investor_disabled", "wrong_investor_password"]


def test_the_same_id_at_another_broker_is_another_investor(investors: Investors) -> None:
    """An investor is broker and id."""
    with pytest.raises(Refused):
        investors.check("8888", "100001", PASSWORD)


def test_a_password_is_stored_as_argon2id(investors: Investors, engine: Engine) -> None:
    """Never itself."""
    with engine.connect() as connection:
        stored = connection.execute(select(INVESTOR.c.password_hash)).scalar_one()

    assert stored.startswith("$argon2id$")


def test_a_new_password_replaces_the_old_one(investors: Investors, clock: HandClock) -> None:
    """At once, and the time is kept."""
    clock.move(5)
    investors.set_password(BROKER, "100001", "new")

    record = investors.check(BROKER, "100001", "new")
    assert record.password_changed_at > record.created_at
    with pytest.raises(Refused):
        investors.check(BROKER, "100001", PASSWORD)


def test_an_investor_without_accounts_has_one_of_its_own_name(investors: Investors) -> None:
    """As the counter usually has it."""
    investors.add(BROKER, "100002", "pw")

    first, second = investors.all()
    assert (first.investor_id, second.investor_id) == ("100001", "100002")
    assert second.account_ids == ("100002",)


def test_wrong_entries_are_refused(investors: Investors) -> None:
    """Twice the same, ids CTP cannot carry, no password."""
    with pytest.raises(EntryExists):
        investors.add(BROKER, "100001", "pw")
    for investor_id in ("", "x" * 13, "投资者", "a b"):
        with pytest.raises(ValueError, match="investor id"):
            investors.add(BROKER, investor_id, "pw")
    with pytest.raises(ValueError, match="empty"):
        investors.add(BROKER, "100003", "")
    with pytest.raises(EntryUnknown):
        investors.set_password(BROKER, "nobody", "pw")
