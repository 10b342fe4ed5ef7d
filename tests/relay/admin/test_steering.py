"""Two people who act on one relay at once: what holds afterwards is what the ledger's last entry says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from relay.admin.changes import Changes
from relay.admin.person import Person
from relay.admin.roles import PersonRole
from relay.admission.login_guard import LoginGuard
from relay.cli.workplace import now
from relay.database.database import open_database, upgrade
from relay.ledger import reader
from relay.settings.limits_section import Limits
from tests.relay.admin.played_relay import PlayedRelay
from tests.relay.admission.test_login_guard import PlayedPlaces

_AN = Person("an", "control socket", role=PersonRole.ADMIN, reason="drill")
_BO = Person("bo", "control socket", role=PersonRole.ADMIN, reason="drill")


class OvertakenChanges(Changes):
    """The first entry is written, and whoever wrote it hears of it only after the next action, or after a moment."""

    def __init__(self, ledger: Engine) -> None:
        super().__init__(ledger, "relay", now)
        self.written, self.overtaken = threading.Event(), threading.Event()

    def record(self, by: Person, kind: str, facts: Mapping[str, object]) -> None:
        super().record(by, kind, facts)
        if not self.written.is_set():
            self.written.set()
            self.overtaken.wait(0.5)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(SecretStr(f"sqlite:///{tmp_path / 'ledger.sqlite3'}"))
    upgrade(engine)
    yield engine
    engine.dispose()


async def test_the_last_entry_is_what_holds(ledger: Engine) -> None:
    """A pause whose entry came first does not hold after the resume whose entry came last."""
    changes = OvertakenChanges(ledger)
    relay = PlayedRelay(changes, LoginGuard(Limits(), PlayedPlaces(), lambda: 0.0, counter_knows_passwords=False))
    steering = relay.parts.steering
    pausing = asyncio.ensure_future(steering.pause_logins(_AN, "maintenance"))
    await asyncio.to_thread(changes.written.wait, 30)
    resuming = asyncio.ensure_future(steering.resume_logins(_BO))
    resuming.add_done_callback(lambda _: changes.overtaken.set())
    await asyncio.gather(pausing, resuming)

    entries = [(entry.kind, json.loads(entry.data)["by"]) for entry in reader.read(ledger)]
    assert entries == [("admin_logins_pause", "an"), ("admin_logins_resume", "bo")]
    assert relay.house.sessions.paused is None
    assert resuming.result()
    await relay.reads.close()
