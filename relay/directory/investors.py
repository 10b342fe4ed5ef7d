"""The investors the relay itself admits in many-to-one, where the counter never sees their passwords."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.counter.port import Investor
from relay.database.database import writing
from relay.database.schema import INVESTOR, INVESTOR_SALT
from relay.database.times import stamp
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.announcements import announce
from relay.directory.names import ACCOUNT_ID, ACCOUNT_ID_ZH, is_account_id
from relay.directory.password_keys import PasswordHashing, PasswordKeys, salt_of
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal, Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_READ_EVERY_SECONDS = 60.0
"""an investor who is registered meanwhile is told to query what happened before"""

# Built once: building a statement costs as much as running it.
_OF_SOME = select(INVESTOR).where(
    INVESTOR.c.broker_id.in_(bindparam("brokers", expanding=True)),
    INVESTOR.c.investor_id.in_(bindparam("investors", expanding=True)),
)
_AT_A_TIME = 500
"""investors that are read, and learned, before others have their turn: there may be a hundred thousand"""
_PAUSE_SECONDS = 0.0001
"""long enough for a thread that waits for the interpreter to wake up"""
_NameAndAccounts = tuple[str, tuple[str, ...]]


class InvestorsKept(Protocol):
    """Where the counter's side keeps which investors there are, and whose account is whose."""

    def knows(self, investor_id: str, accounts: Iterable[str]) -> bool:
        """Whether this is nothing new. Called on a thread."""

    def learn(self, investor_id: str, accounts: Iterable[str]) -> None:
        """There is this investor."""

    def know_all(self) -> None:
        """There are no others by now."""


@dataclass(frozen=True, slots=True)
class InvestorRecord:
    """One investor; the password's hash stays in the table."""

    broker_id: str
    investor_id: str
    account_ids: tuple[str, ...]
    """AccountIDs of the investor's funds; without an entry, the investor id itself"""
    enabled: bool
    created_at: str
    password_changed_at: str


@dataclass(frozen=True, slots=True)
class ShownProof:
    """A terminal's proof that it knows the investor's password."""

    investor: Investor
    said: bytes = field(repr=False)
    """what it is a proof of"""
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProvedInvestor:
    """An investor whose password was proved."""

    record: InvestorRecord
    relay_proof: bytes = field(repr=False)
    """shows the terminal that the relay has the password's keys"""


class Investors:
    """The table of investors. The methods block and are thread-safe."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime],
        hashing: PasswordHashing | None = None,
        within: Connection | None = None,
    ) -> None:
        """`within` is a transaction that changes become a part of; without it each one is committed at once."""
        self._engine = engine
        self._transaction = (lambda: writing(engine)) if within is None else (lambda: nullcontext(within))
        self._clock = clock
        self._hashing = hashing or PasswordHashing()
        self._firm_salt = b""
        self._nobody = PasswordKeys(self._hashing.cost, bytes(16), secrets.token_bytes(32), secrets.token_bytes(32))
        """no password is known for these"""

    @property
    def hashing(self) -> PasswordHashing:
        return self._hashing

    @property
    def firm_salt(self) -> bytes:
        """Told to every terminal; read once."""
        if not self._firm_salt:
            with self._engine.connect() as connection:
                self._firm_salt = connection.execute(select(INVESTOR_SALT.c.salt)).scalar_one()
        return self._firm_salt

    def proved_all(self, shown: Sequence[ShownProof]) -> list[ProvedInvestor | Refusal | None]:
        """For each the investor whose password made the proof; None where it did not, or nothing is known that could tell.

        The refusal is investor_disabled. Every None is the same work.
        """
        asked = {one.investor for one in shown}
        with self._engine.connect() as connection:
            rows = connection.execute(_OF_SOME, _names(asked)).all()
        known = {Investor(row.broker_id, row.investor_id): row for row in rows}
        return [self._proved(one, known.get(one.investor)) for one in shown]

    def _proved(self, shown: ShownProof, row: Row[Any] | None) -> ProvedInvestor | Refusal | None:
        keys = (PasswordKeys.read(row.password_hash) if row else None) or self._nobody
        if not keys.is_proved(shown.said, shown.proof) or row is None:
            return None
        if not row.enabled:
            return login_reasons.investor_disabled(investor_id=row.investor_id)
        return ProvedInvestor(_record(row), keys.answer(shown.said))

    def check(self, broker_id: str, investor_id: str, password: str) -> InvestorRecord:
        """The investor, if the password is right and the firm has not disabled it.

        Raises Refused with investor_unknown, wrong_investor_password or investor_disabled. All cases take one password
        hash's time; the right one, where earlier versions kept it, a second one to keep it as this version does.
        """
        row = self._row(broker_id, investor_id)
        kept = row.password_hash if row is not None else self._nobody.text()
        keys = PasswordKeys.read(kept)
        right = self._hashing.matches(password, keys) if keys else self._hashing.matches_older(password, kept)
        if row is None:
            raise Refused(login_reasons.investor_unknown(investor_id=investor_id))
        if not right:
            raise Refused(login_reasons.wrong_investor_password(investor_id=investor_id))
        if keys is None:
            self._keep_anew(row, password)
        return _enabled(row)

    def not_proved(self, broker_id: str, investor_id: str) -> Refusal:
        """Why a proof alone was not enough, for the ledger."""
        if self._row(broker_id, investor_id) is None:
            return login_reasons.investor_unknown(investor_id=investor_id)
        return login_reasons.wrong_investor_password(investor_id=investor_id)

    def _row(self, broker_id: str, investor_id: str) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(select(INVESTOR).where(_is(broker_id, investor_id))).one_or_none()

    def _keep_anew(self, row: Row[Any], password: str) -> None:
        """Unless it was changed meanwhile."""
        kept = self.hashed(row.broker_id, row.investor_id, password)
        mine = and_(_is(row.broker_id, row.investor_id), INVESTOR.c.password_hash == row.password_hash)
        with self._transaction() as connection:
            connection.execute(update(INVESTOR).where(mine).values(password_hash=kept))

    def admitted(self, investors: Iterable[Investor]) -> set[Investor]:
        asked = set(investors)
        wanted = select(INVESTOR.c.broker_id, INVESTOR.c.investor_id).where(
            INVESTOR.c.broker_id.in_({investor.broker_id for investor in asked}),
            INVESTOR.c.investor_id.in_({investor.investor_id for investor in asked}),
            INVESTOR.c.enabled,
        )
        with self._engine.connect() as connection:
            return asked & {Investor(*row) for row in connection.execute(wanted)}

    def all(self) -> list[InvestorRecord]:
        ordered = select(INVESTOR).order_by(INVESTOR.c.broker_id, INVESTOR.c.investor_id)
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(ordered)]

    def new_ones(self, broker_id: str, kept: InvestorsKept) -> list[_NameAndAccounts]:
        """This broker's investors with their accounts, without what `kept` knows. Gives the interpreter back in between."""
        wanted = select(INVESTOR.c.investor_id, INVESTOR.c.account_ids).where(INVESTOR.c.broker_id == broker_id)
        new: list[_NameAndAccounts] = []
        with self._engine.connect() as connection:
            for some in connection.execute(wanted).yield_per(_AT_A_TIME).partitions():
                read = [(investor_id, tuple(json.loads(accounts))) for investor_id, accounts in some]
                new += [one for one in read if not kept.knows(*one)]
                time.sleep(_PAUSE_SECONDS)
        return new

    def add(self, broker_id: str, investor_id: str, password: str, account_ids: Iterable[str] = ()) -> InvestorRecord:
        """Register an investor; raises EntryExists, or ValueError for ids CTP cannot carry."""
        return self.add_hashed(broker_id, investor_id, self.hashed(broker_id, investor_id, password), account_ids)

    def add_hashed(
        self, broker_id: str, investor_id: str, hashed: str, account_ids: Iterable[str] = ()
    ) -> InvestorRecord:
        """The same with a password that was hashed before the transaction began; raises as `add` does."""
        _check_id("BrokerID", "broker id", broker_id, 10)
        _check_id("InvestorID", "investor id", investor_id, 12)
        now = stamp(self._clock())
        record = InvestorRecord(broker_id, investor_id, _accounts(account_ids) or (investor_id,), True, now, now)
        values = {
            "broker_id": broker_id,
            "investor_id": investor_id,
            "password_hash": hashed,
            "account_ids": json.dumps(record.account_ids),
            "enabled": True,
            "created_at": now,
            "password_changed_at": now,
        }
        try:
            with self._transaction() as connection:
                connection.execute(insert(INVESTOR).values(values))
        except IntegrityError:
            raise EntryExists(f"投资者 {investor_id} 已登记 / investor {investor_id} is registered already") from None
        return record

    def set_password(self, broker_id: str, investor_id: str, password: str) -> None:
        """Replace the password; raises EntryUnknown, ValueError."""
        hashed = self.hashed(broker_id, investor_id, password)
        self._change(broker_id, investor_id, password_hash=hashed, password_changed_at=stamp(self._clock()))

    def set_accounts(self, broker_id: str, investor_id: str, account_ids: Iterable[str]) -> None:
        """Say which accounts are this investor's, from the next login on; raises EntryUnknown, ValueError."""
        accounts = _accounts(account_ids)
        if not accounts:
            raise ValueError("投资者至少要有一个资金账号 / an investor has an account")
        self._change(broker_id, investor_id, account_ids=json.dumps(accounts))

    def set_enabled(self, broker_id: str, investor_id: str, enabled: bool) -> None:
        """Admit or shut out an investor; running relays end the sessions within seconds. Raises EntryUnknown."""
        self._change(broker_id, investor_id, enabled=enabled)

    def hashed(self, broker_id: str, investor_id: str, password: str) -> str:
        """What is kept of it. Takes some 30 ms; raises ValueError for an empty one."""
        if not password:
            raise ValueError("密码不能为空 / a password is not empty")
        return self._hashing.keys(password, salt_of(self.firm_salt, broker_id, investor_id)).text()

    def _change(self, broker_id: str, investor_id: str, **values: object) -> None:
        with self._transaction() as connection:
            changed = connection.execute(update(INVESTOR).where(_is(broker_id, investor_id)).values(values))
            announce(connection)
        if changed.rowcount != 1:
            raise EntryUnknown(
                f"经纪公司 {broker_id} 的投资者 {investor_id} 未登记"
                f" / investor {investor_id} of broker {broker_id} is not registered"
            )


async def read_investors(access: DirectoryAccess, investors: Investors, broker_id: str, kept: InvestorsKept) -> None:
    """Read the directory once; where it is away, what was known stays."""
    try:
        new = await access.run(lambda: investors.new_ones(broker_id, kept))
    except DirectoryUnavailable as away:
        _log.warning("investors_not_read", why=away.why)
        return
    for number, one in enumerate(new):
        kept.learn(*one)
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    kept.know_all()


@asynccontextmanager
async def kept_known(
    access: DirectoryAccess, investors: Investors, broker_id: str, kept: InvestorsKept
) -> AsyncIterator[None]:
    """`kept` learns of the directory's investors and their accounts, now and as long as the context lasts."""

    async def keep_reading() -> None:
        while True:
            await asyncio.sleep(_READ_EVERY_SECONDS)
            await read_investors(access, investors, broker_id, kept)

    tasks = Tasks()
    await read_investors(access, investors, broker_id, kept)
    tasks.start(keep_reading(), "investors of the directory")
    try:
        yield
    finally:
        await tasks.cancel()


def _names(investors: Iterable[Investor]) -> dict[str, list[str]]:
    """For `_OF_SOME`, which finds those of one broker with the id of another, too."""
    asked = list(investors)
    return {
        "brokers": sorted({investor.broker_id for investor in asked}),
        "investors": [investor.investor_id for investor in asked],
    }


def _is(broker_id: str, investor_id: str) -> ColumnElement[bool]:
    return and_(INVESTOR.c.broker_id == broker_id, INVESTOR.c.investor_id == investor_id)


def _record(row: Row[Any]) -> InvestorRecord:
    accounts = tuple(json.loads(row.account_ids))
    return InvestorRecord(
        row.broker_id, row.investor_id, accounts, row.enabled, row.created_at, row.password_changed_at
    )


def _enabled(row: Row[Any]) -> InvestorRecord:
    if not row.enabled:
        raise Refused(login_reasons.investor_disabled(investor_id=row.investor_id))
    return _record(row)


def _accounts(account_ids: Iterable[str]) -> tuple[str, ...]:
    accounts = tuple(account_ids)
    if not all(map(is_account_id, accounts)):
        raise ValueError(f"资金账号应为{ACCOUNT_ID_ZH} / an account id has {ACCOUNT_ID}")
    return accounts


def _check_id(field: str, english: str, value: str, longest: int) -> None:
    if not 1 <= len(value) <= longest or not value.isascii() or not value.isalnum():
        raise ValueError(
            f"{field} 应为 1 至 {longest} 个 ASCII 字母或数字"
            f" / {english}: 1 to {longest} ASCII letters and digits are allowed"
        )
