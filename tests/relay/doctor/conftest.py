"""A relay's directory in which everything is right but for its front, and what the doctor says of it."""

from __future__ import annotations

import datetime as dt
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from relay.database.database import open_database, upgrade
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import Terminals
from relay.doctor.doctor import examine, examine_file
from relay.doctor.finding import Finding
from relay.settings.file import load
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@dataclass
class Patient:
    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "relay.toml"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def set(self, key: str, value: object) -> None:
        """Another value of one setting, as `listen.address`."""
        section, _, name = key.partition(".")
        lines: list[str] = []
        now = ""
        for line in self.config.read_text().splitlines():
            now = line if line.startswith("[") else now
            if now != f"[{section}]" or not line.startswith(f"{name} = "):
                lines.append(line)
        at = lines.index(f"[{section}]") + 1
        self.config.write_text("\n".join([*lines[:at], f"{name} = {json.dumps(value)}", *lines[at:]]) + "\n")

    def certify(self, *names: str, authority: trustme.CA | None = None, until: dt.datetime | None = None) -> trustme.CA:
        """A certificate for these names."""
        made = authority or trustme.CA()
        issued = made.issue_cert(*names, not_after=until)
        (self.directory / "relay.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self.directory / "relay.key")
        (self.directory / "relay.key").chmod(0o600)
        return made

    def register(self, *app_ids: str, key: Path | None = None) -> None:
        """Terminals in the directory, their auth codes encrypted with this key."""
        engine = open_database(SecretStr(f"sqlite:///{self.state / 'relay.sqlite3'}"))
        upgrade(engine)
        box = SecretsBox.open_or_create(key or self.state / "secrets.key")
        terminals = Terminals(engine, box, clock=lambda: dt.datetime.now(dt.UTC))
        for app_id in app_ids:
            terminals.add(app_id, "ABCDEFGHJKLMNPQ1")
        engine.dispose()

    def findings(self) -> dict[str, Finding]:
        """What `ctp-relay doctor` finds, by name; the slow look at the library's side process left out."""
        return {finding.name: finding for finding in examine_file(self.config)}

    def before_serving(self) -> dict[str, Finding]:
        """What `serve` finds."""
        return {finding.name: finding for finding in examine(load(self.config), starting=True)}


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    (tmp_path / "relay.toml").write_text(
        """\
[relay]
state_dir = "state"
[listen]
address = "127.0.0.1:0"
tls_certificate = "relay.crt"
tls_key = "relay.key"
[counter]
fronts = ["tcp://127.0.0.1:9"]
broker_id = "9999"
relay_app_id = "relay_1.0"
relay_auth_code_file = "relay.secret"
[ledger]
[verification]
genuineness = false
[sessions]
[metrics]
"""
    )
    (tmp_path / "relay.secret").touch(mode=0o600)
    (tmp_path / "relay.secret").write_text("ABCDEFGHJKLMNPQ1\n")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    patient = Patient(tmp_path)
    patient.certify("127.0.0.1")
    return patient


@pytest.fixture
def listening() -> Iterator[Callable[[], int]]:
    """Opens a port that something listens on."""
    opened: list[socket.socket] = []

    def open_port() -> int:
        opened.append(socket.create_server(("127.0.0.1", 0)))
        return int(opened[-1].getsockname()[1])

    yield open_port
    for one in opened:
        one.close()
