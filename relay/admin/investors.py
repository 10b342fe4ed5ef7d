"""Whom the relay itself admits in many-to-one: what an operator may see and change of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import Engine

from relay.admin.changes import Changes, Clock
from relay.admin.investor_import import InvestorRow
from relay.admin.person import Person
from relay.admission.machines import forget_machines_of
from relay.counter.port import Investor
from relay.directory.investors import InvestorRecord, Investors


class InvestorActions:
    """Each method that takes a `Person` changes something; all of these raise LedgerUnavailable. Blocks."""

    def __init__(self, directory: Engine, changes: Changes, clock: Clock) -> None:
        self._directory = directory
        self._changes = changes
        self._clock = clock

    def all(self) -> list[InvestorRecord]:
        """Every investor, by broker and id."""
        return Investors(self._directory, clock=self._clock).all()

    def add(self, by: Person, investor: Investor, password: str, account_ids: Sequence[str] = ()) -> InvestorRecord:
        """Register an investor; without accounts its only one is the investor id. Raises EntryExists, ValueError."""
        accounts = tuple(account_ids) or (investor.investor_id,)
        with self._recorded(by, "investor_add", investor, account_ids=accounts) as investors:
            return investors.add(investor.broker_id, investor.investor_id, password, accounts)

    def add_all(self, by: Person, broker_id: str, rows: Sequence[InvestorRow]) -> None:
        """Register all of a file's investors, or none; one entry. Raises EntryExists, ValueError."""
        facts = {"broker_id": broker_id, "investor_ids": [row.investor_id for row in rows]}
        table = Investors(self._directory, clock=self._clock)
        with self._changes.attempted(by, "investor_import", facts):
            hashed = [
                table.hashed(broker_id, row.investor_id, row.password) for row in rows
            ]  # before the transaction: others write, too
        with self._changes.recorded(self._directory, by, "investor_import", facts) as connection:
            investors = Investors(self._directory, clock=self._clock, within=connection)
            for row, password in zip(rows, hashed, strict=True):
                investors.add_hashed(broker_id, row.investor_id, password, row.account_ids)

    def set_password(self, by: Person, investor: Investor, password: str) -> None:
        """Replace the password; raises EntryUnknown, ValueError."""
        with self._recorded(by, "investor_passwd", investor) as investors:
            investors.set_password(investor.broker_id, investor.investor_id, password)

    def set_accounts(self, by: Person, investor: Investor, account_ids: Sequence[str]) -> None:
        """Say which accounts are this investor's, from the next login on; raises EntryUnknown, ValueError."""
        with self._recorded(by, "investor_accounts", investor, account_ids=account_ids) as investors:
            investors.set_accounts(investor.broker_id, investor.investor_id, account_ids)

    def set_enabled(self, by: Person, investor: Investor, enabled: bool) -> None:
        """Admit or shut out an investor; running relays end the sessions within seconds. Raises EntryUnknown."""
        with self._recorded(by, "investor_enable" if enabled else "investor_disable", investor) as investors:
            investors.set_enabled(investor.broker_id, investor.investor_id, enabled)

    def forget_machines(self, by: Person, investor: Investor) -> int:
        """Forget what an investor's machines were like, so that a new one is let in; returns how many there were."""
        facts = asdict(investor)
        with self._changes.recorded(self._directory, by, "investor_forget_machines", facts) as connection:
            return forget_machines_of(connection, investor)

    @contextmanager
    def _recorded(self, by: Person, kind: str, investor: Investor, **facts: object) -> Iterator[Investors]:
        named = {"broker_id": investor.broker_id, "investor_id": investor.investor_id}
        with self._changes.recorded(self._directory, by, kind, named | facts) as connection:
            yield Investors(self._directory, clock=self._clock, within=connection)
