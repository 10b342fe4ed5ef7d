"""An office that archives."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, func, select

from relay.admin.ledger_archives import ArchiveActions, ArchiveFile
from relay.admin.ledger_seals import SealTools
from relay.database.database import writing
from relay.database.schema import LEDGER, LEDGER_ORDER
from relay.ledger.ledger import append
from tests.relay.admin.test_ledger_seals import SOMEBODY, Office
from tests.relay.conftest import HandClock


class Vault(Office):
    """With January in its ledger and a day of February."""

    def __init__(self, engine: Engine, clock: HandClock, folder: Path) -> None:
        super().__init__(engine, clock, folder)
        tools = SealTools(engine, folder / "signing.key", self.seals, "one", clock)
        self.archives = ArchiveActions(tools, self.actions, self.changes)

    def january(self) -> None:
        """A week of it with orders, and a day of February."""
        self.week()
        item = "2026-01-12T09:00:00.000000+08:00", "order_insert", "s-1", '{"investor_id":"100001"}', "20260112"
        with writing(self.engine) as connection:
            append(connection, "one/orders", [item] * 5)
        self.write("2026-02-02T09:00", "one", investor_id="100004")
        self.now("2026-02-03T08:00")
        self.days = self.seal()

    def archive(self, month: str = "2026-01") -> ArchiveFile:
        return self.archives.archive(SOMEBODY, month, self.out)

    def rows(self) -> int:
        with self.engine.connect() as connection:
            return sum(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (LEDGER, LEDGER_ORDER)
            )
