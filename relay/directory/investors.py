"""The investors the relay itself admits in many-to-one, where the counter never sees their passwords."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.counter.port import Investor
from relay.database.database import writing
from relay.database.schema import INVESTOR
from relay.database.times import stamp
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.announcements import announce
from relay.directory.names import ACCOUNT_ID, ACCOUNT_ID_ZH, is_account_id
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals import login_reasons
from relay.refusals.refusal import Refused
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_READ_EVERY_SECONDS = 60.0
"""an investor who is registered meanwhile is told to query what happened before"""

Replace = Callable[[Iterable[tuple[str, tuple[str, ...]]]], None]
"""takes every investor id with its account ids"""


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


NO_ONES_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$EYqYEFrTn+TWdfHAjx910w$PBtjN8eZd3MFX2AznuzMzieqzk3QAeIZolGY2+mh8mc"
)
"""of a password that was thrown away: what the passwords of unknown investors are compared with, at the cost of known ones"""


def make_investor_hasher() -> PasswordHasher:
    """The parameters that every hash here has; one try takes some ten milliseconds."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Investors:
    """The table of investors. The methods block and are thread-safe."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], datetime],
        hasher: PasswordHasher | None = None,
        within: Connection | None = None,
    ) -> None:
        """`within` is a transaction that changes become a part of; without it each one is committed at once."""
        self._engine = engine
        self._transaction = (lambda: writing(engine)) if within is None else (lambda: nullcontext(within))
        self._clock = clock
        self._hasher = hasher or make_investor_hasher()
        self._nobody = NO_ONES_HASH if hasher is None else hasher.hash("")

    def check(self, broker_id: str, investor_id: str, password: str) -> InvestorRecord:
        """The investor, if the password is right and the firm has not disabled it.

        Raises Refused with investor_unknown, wrong_investor_password or investor_disabled. All cases take one password
        hash's time.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(INVESTOR).where(_is(broker_id, investor_id))).one_or_none()
        right = self._password_is(row.password_hash if row else self._nobody, password)
        if row is None:
            raise Refused(login_reasons.investor_unknown(investor_id=investor_id))
        if not right:
            raise Refused(login_reasons.wrong_investor_password(investor_id=investor_id))
        if not row.enabled:
            raise Refused(login_reasons.investor_disabled(investor_id=investor_id))
        return _record(row)

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

    def add(self, broker_id: str, investor_id: str, password: str, account_ids: Iterable[str] = ()) -> InvestorRecord:
        """Register an investor; raises EntryExists, or ValueError for ids CTP cannot carry."""
        return self.add_hashed(broker_id, investor_id, self.hashed(password), account_ids)

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
        hashed = self.hashed(password)
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

    def hashed(self, password: str) -> str:
        """Takes some 30 ms; raises ValueError for an empty one."""
        if not password:
            raise ValueError("密码不能为空 / a password is not empty")
        return self._hasher.hash(password)

    def _password_is(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password.encode("utf-8", "replace"))
        except (VerificationError, InvalidHashError):
            return False

    def _change(self, broker_id: str, investor_id: str, **values: object) -> None:
        with self._transaction() as connection:
            changed = connection.execute(update(INVESTOR).where(_is(broker_id, investor_id)).values(values))
            announce(connection)
        if changed.rowcount != 1:
            raise EntryUnknown(
                f"经纪公司 {broker_id} 的投资者 {investor_id} 未登记"
                f" / investor {investor_id} of broker {broker_id} is not registered"
            )


async def read_investors(access: DirectoryAccess, investors: Investors, broker_id: str, replace: Replace) -> None:
    """Read the directory once; where it is away, what was known stays."""
    try:
        found = await access.run(investors.all)
    except DirectoryUnavailable as away:
        _log.warning("investors_not_read", why=away.why)
        return
    replace((one.investor_id, one.account_ids) for one in found if one.broker_id == broker_id)


@asynccontextmanager
async def kept_known(
    access: DirectoryAccess, investors: Investors, broker_id: str, replace: Replace
) -> AsyncIterator[None]:
    """`replace` gets the directory's investors with their accounts, now and as long as the context lasts."""

    async def keep_reading() -> None:
        while True:
            await asyncio.sleep(_READ_EVERY_SECONDS)
            await read_investors(access, investors, broker_id, replace)

    tasks = Tasks()
    await read_investors(access, investors, broker_id, replace)
    tasks.start(keep_reading(), "investors of the directory")
    try:
        yield
    finally:
        await tasks.cancel()


def _is(broker_id: str, investor_id: str) -> ColumnElement[bool]:
    return and_(INVESTOR.c.broker_id == broker_id, INVESTOR.c.investor_id == investor_id)


def _record(row: Row[Any]) -> InvestorRecord:
    accounts = tuple(json.loads(row.account_ids))
    return InvestorRecord(
        row.broker_id, row.investor_id, accounts, row.enabled, row.created_at, row.password_changed_at
    )


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
