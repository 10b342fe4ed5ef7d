"""A change and its entry in the ledger: both or neither.

One chain, `<relay>/admin`, holds what operators change. The rule for every kind of change:

    it is made           one entry `admin_<kind>`
    it is refused        one entry `admin_<kind>_failed`, with the name of the error; nothing is changed. A role that is
                         too low and a reason that is missing are refused here, before anything is tried; what is made
                         ready first, a password's hash for instance, is refused by `attempted`, and what a running relay
                         finds out, a session that is not there, by `refuse`
    no entry possible    LedgerUnavailable; nothing is changed

A change of the directory and its entry are one transaction where directory and ledger are one database. Where they are
two, the entry is committed after the change was carried out and before it is committed: what the database would refuse
is refused before the entry, and a commit that fails after it leaves both entries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from relay.admin.person import Person
from relay.admin.roles import REASON_FOR, ReasonMissing, RoleTooLow, needed_for
from relay.database.database import brief, writing
from relay.database.times import stamp
from relay.ledger.chain import canonical
from relay.ledger.digests import SHA256
from relay.ledger.ledger import append, record_now
from relay.refusals.refusal import LedgerUnavailable

Clock = Callable[[], dt.datetime]


class Changes:
    """Makes changes together with their entries. Blocks; thread-safe."""

    def __init__(self, ledger: Engine, relay_name: str, clock: Clock, digest: str = SHA256) -> None:
        """`clock` gives aware times, `digest` is the hash function of entries."""
        self._ledger = ledger
        self._chain = f"{relay_name}/admin"
        self._clock = clock
        self._digest = digest

    @contextmanager
    def recorded(self, directory: Engine, by: Person, kind: str, facts: Mapping[str, object]) -> Iterator[Connection]:
        """A change of the directory, to be made on the connection given. Raises as `check` does, LedgerUnavailable."""
        with self.attempted(by, kind, facts), writing(directory) as connection:
            yield connection
            self._record_beside(connection, f"admin_{kind}", {**facts, **by.facts()})

    @contextmanager
    def attempted(self, by: Person, kind: str, facts: Mapping[str, object]) -> Iterator[None]:
        """What is made ready before a change, outside its transaction: it is refused as the change is. Raises as `check` does."""
        self.check(by, kind, facts)
        try:
            yield
        except LedgerUnavailable:
            raise
        except Exception as error:
            self._failed(by, kind, facts, error)
            raise

    def record(self, by: Person, kind: str, facts: Mapping[str, object]) -> None:
        """The entry of a change that is no database's, and that nothing else can refuse any more.

        Raises as `check` does, LedgerUnavailable.
        """
        self.check(by, kind, facts)
        self._record(f"admin_{kind}", {**facts, **by.facts()})

    def check(self, by: Person, kind: str, facts: Mapping[str, object]) -> None:
        """Whether this person may; raises RoleTooLow, ReasonMissing, and leaves an entry that says so."""
        needed = needed_for(kind)
        missing = not by.reason and (bool(by.account) or kind in REASON_FOR)
        if by.role.may(needed) and not missing:
            return
        error = ReasonMissing("请说明原因 / give a reason") if by.role.may(needed) else RoleTooLow(by.role, needed)
        self._failed(by, kind, facts, error)
        raise error

    def refuse(self, by: Person, kind: str, facts: Mapping[str, object], error: Exception) -> None:
        """The entry of a change that cannot be carried out, because of `error`; raises as `check` does."""
        self.check(by, kind, facts)
        self._failed(by, kind, facts, error)

    def _failed(self, by: Person, kind: str, facts: Mapping[str, object], error: Exception) -> None:
        with suppress(LedgerUnavailable):  # the error itself says more
            self._record(f"admin_{kind}_failed", {**facts, **by.facts(), "why": type(error).__name__})

    def _record(self, kind: str, entry: Mapping[str, object]) -> None:
        record_now(self._ledger, self._chain, self._clock, kind, entry, self._digest)

    def _record_beside(self, connection: Connection, kind: str, entry: Mapping[str, object]) -> None:
        if connection.engine is not self._ledger:
            self._record(kind, entry)
            return
        try:
            item = stamp(self._clock()), kind, "", canonical(entry)
            append(connection, self._chain, [item], self._digest)
        except SQLAlchemyError as error:
            raise LedgerUnavailable(brief(error)) from None
