"""The investors of the directory."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret_raw
from sqlalchemy import Engine, select, update

from relay.counter.port import Investor
from relay.database.database import writing
from relay.database.schema import INVESTOR
from relay.directory.access import DirectoryAccess
from relay.directory.investors import Investors, ProvedInvestor, ShownProof
from relay.directory.password_keys import PasswordCost, PasswordHashing, PasswordKeys, said_of, salt_of
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals.refusal import Refusal, Refused
from tests.relay.conftest import HandClock

BROKER = "9999"
PASSWORD = "hunter2 密码"


class CountingHashing(PasswordHashing):
    """A cheap argon2id that counts its comparisons."""

    def __init__(self) -> None:
        super().__init__(PasswordCost(passes=1, kib=8))
        self.compared = 0

    def matches(self, password: str, keys: PasswordKeys) -> bool:
        self.compared += 1
        return super().matches(password, keys)

    def matches_older(self, password: str, kept: str) -> bool:
        self.compared += 1
        return super().matches_older(password, kept)


@pytest.fixture
def hashing() -> CountingHashing:
    return CountingHashing()


@pytest.fixture
def investors(engine: Engine, clock: HandClock, hashing: CountingHashing) -> Investors:
    investors = Investors(engine, clock=clock, hashing=hashing)
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


@pytest.mark.parametrize("kept", ["keys", "hash of an earlier version"])
def test_unknown_investors_cost_as_much_as_wrong_passwords(
    investors: Investors, hashing: CountingHashing, engine: Engine, kept: str
) -> None:
    """One comparison each, with the same parameters: the time does not tell who is registered."""
    if kept != "keys":
        keep_as_before(engine)
    counts = []
    for investor_id in ("100001", "nobody"):
        before = hashing.compared
        with pytest.raises(Refused):
            investors.check(BROKER, investor_id, "wrong")
        counts.append(hashing.compared - before)

    assert counts == [1, 1]


def test_a_password_costs_at_least_what_owasp_recommends() -> None:
    """19 MiB, two passes."""
    assert PasswordHashing().cost == PasswordCost(passes=2, kib=19 * 1024)


def proof_of(investors: Investors, said: bytes, password: str = PASSWORD, investor_id: str = "100001") -> bytes:
    """As a terminal makes it, from the password alone."""
    cost, salt = investors.hashing.cost, salt_of(investors.firm_salt, BROKER, investor_id)
    derived = hash_secret_raw(password.encode(), salt, cost.passes, cost.kib, 1, 32, Type.ID)
    client = hmac.digest(derived, b"Client Key", "sha256")
    mask = hmac.digest(hashlib.sha256(client).digest(), said, "sha256")
    return bytes(a ^ b for a, b in zip(client, mask, strict=True))


def proved_by(investors: Investors, investor_id: str, said: bytes, proof: bytes) -> ProvedInvestor | Refusal | None:
    """As one of a group with others, whose answers are their own."""
    wrong, unknown = (ShownProof(Investor(BROKER, name), said, b"") for name in (investor_id, "unknown"))
    before, asked, after = investors.proved_all(
        [wrong, ShownProof(Investor(BROKER, investor_id), said, proof), unknown]
    )
    assert before is after is None
    return asked


SAID = said_of(b"c" * 128, b"n" * 32, ("terminal_1.0", BROKER, "100001"))


def test_a_proof_lets_in_without_a_derivation(investors: Investors, hashing: CountingHashing) -> None:
    """And is answered by what only the firm's relay can say."""
    proved = proved_by(investors, "100001", SAID, proof_of(investors, SAID))

    assert isinstance(proved, ProvedInvestor)
    assert (proved.record.account_ids, len(proved.relay_proof), hashing.compared) == (("A1", "A2"), 32, 0)


def test_a_proof_is_good_for_what_it_was_made_of_alone(investors: Investors) -> None:
    """Another challenge, another nonce, another name: nothing; nor what was kept itself."""
    proof = proof_of(investors, SAID)
    others = [
        said_of(b"d" * 128, b"n" * 32, ("terminal_1.0", BROKER, "100001")),
        said_of(b"c" * 128, b"m" * 32, ("terminal_1.0", BROKER, "100001")),
        said_of(b"c" * 128, b"n" * 32, ("terminal_2.0", BROKER, "100001")),
    ]

    assert [proved_by(investors, "100001", other, proof) for other in others] == [None] * 3
    assert proved_by(investors, "100001", SAID, b"") is None
    assert proved_by(investors, "100001", SAID, proof_of(investors, SAID, "wrong")) is None
    assert proved_by(investors, "nobody", SAID, proof_of(investors, SAID)) is None


def test_what_is_kept_makes_no_proof(investors: Investors, engine: Engine) -> None:
    """Neither key of the table, used as the client key or as what was derived, is taken."""
    with engine.connect() as connection:
        keys = PasswordKeys.read(connection.execute(select(INVESTOR.c.password_hash)).scalar_one())
    assert keys is not None
    mask = hmac.digest(keys.stored, SAID, "sha256")

    for stolen in (keys.stored, keys.server):
        as_client = bytes(a ^ b for a, b in zip(stolen, mask, strict=True))
        assert proved_by(investors, "100001", SAID, as_client) is None
        assert not keys.is_of(stolen)


def test_a_disabled_investor_is_told_so_at_a_right_proof_only(investors: Investors) -> None:
    """As at a password."""
    investors.set_enabled(BROKER, "100001", False)

    refused = proved_by(investors, "100001", SAID, proof_of(investors, SAID))

    assert isinstance(refused, Refusal)
    assert refused.reason == "investor_disabled"
    assert proved_by(investors, "100001", SAID, b"x" * 32) is None


def keep_as_before(engine: Engine) -> str:
    """The password as earlier versions kept it."""
    kept = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with writing(engine) as connection:
        connection.execute(update(INVESTOR).values(password_hash=kept))
    return kept


def test_what_an_earlier_version_kept_becomes_keys_at_the_first_right_password(
    investors: Investors, engine: Engine
) -> None:
    """With another salt: an old copy of the table proves nothing. A wrong password changes nothing."""
    before = keep_as_before(engine)
    assert proved_by(investors, "100001", SAID, proof_of(investors, SAID)) is None
    with pytest.raises(Refused):
        investors.check(BROKER, "100001", "wrong")
    with engine.connect() as connection:
        assert connection.execute(select(INVESTOR.c.password_hash)).scalar_one() == before

    investors.check(BROKER, "100001", PASSWORD)

    assert proved_by(investors, "100001", SAID, proof_of(investors, SAID)) is not None
    with engine.connect() as connection:
        assert "argon2id" not in connection.execute(select(INVESTOR.c.password_hash)).scalar_one()


def test_two_investors_with_one_password_are_kept_differently(investors: Investors) -> None:
    """The salt has the name in it, and the firm's own bytes."""
    first, second = (investors.hashed(BROKER, name, "same") for name in ("100001", "100002"))

    assert first != second
    assert len(investors.firm_salt) == 16


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


def test_a_password_is_stored_as_keys(investors: Investors, engine: Engine) -> None:
    """Never itself."""
    with engine.connect() as connection:
        stored = connection.execute(select(INVESTOR.c.password_hash)).scalar_one()

    assert stored.startswith("$ctp-relay-proof$m=8,t=1,p=1$")
    assert len(stored) < 256


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
