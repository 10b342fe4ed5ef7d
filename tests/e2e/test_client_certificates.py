"""Terminals that show certificates: let in with their own, refused with another's, with none, and with a stranger's."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relay.counter.port import Mode
from terminal_client import LoginRejected, RelayTerminal, Tls
from tests.e2e.conftest import StartRelay
from tests.e2e.site import AUTH_CODE, DEADLINE_SECONDS, INVESTORS, TERMINAL, Site, eventually, log_in

NAME = "desk.vendor.example"


@dataclass(frozen=True)
class Desk:
    certificate: Path
    key: Path


class Authority:
    """Issues terminals' certificates into a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._authority = trustme.CA()
        self.file = directory / "terminals-ca.crt"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str) -> Desk:
        desk = Desk(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        issued = self._authority.issue_cert(name)
        desk.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        issued.private_key_pem.write_to_path(desk.key)
        return desk


def terminal(site: Site, desk: Desk | None, port: int = 0, app_id: str = TERMINAL) -> RelayTerminal:
    shown = (desk.certificate, desk.key) if desk else (None, None)
    tls = Tls(ca_file=site.tls.authority, certificate_file=shown[0], key_file=shown[1])
    return RelayTerminal(f"127.0.0.1:{port or site.relay.port}", app_id=app_id, auth_code=AUTH_CODE, tls=tls)


async def refused(site: Site, desk: Desk | None, port: int = 0) -> str:
    """The reason in the terminal's refusal."""
    async with terminal(site, desk, port) as one:
        with pytest.raises(LoginRejected) as error:
            await log_in(one, INVESTORS[0])
    return str(error.value.refusal.reason)


async def not_connected(site: Site, desk: Desk | None) -> None:
    """TLS itself refuses it."""
    async with terminal(site, desk) as one:
        with pytest.raises(Exception) as error:
            async with asyncio.timeout(20):
                await log_in(one, INVESTORS[0])
    assert not isinstance(error.value, LoginRejected)


async def logs_in(site: Site, desk: Desk | None, port: int = 0, app_id: str = TERMINAL) -> None:
    async with terminal(site, desk, port, app_id) as one:
        await log_in(one, INVESTORS[0])


async def test_where_certificates_are_required_each_app_id_shows_its_own(
    start_site: StartRelay, tmp_path: Path
) -> None:
    """And the authorities are read again: who is trusted changes without a restart."""
    authority, next_one = Authority(tmp_path / "first"), Authority(tmp_path / "second")
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(authority.file.read_bytes())
    site = await start_site(Mode.MANY_TO_MANY, listen__client_certificates="required", listen__client_ca=str(trusted))
    own, others, strangers = authority.issue(NAME), authority.issue("other.example"), next_one.issue(NAME)
    assert await refused(site, own) == "certificate_not_registered"
    added = site.relay.command("terminal", "certificate", TERMINAL, "--add", f"name:{NAME}", "--json")
    assert added.returncode == 0, added.stderr

    await logs_in(site, own)
    assert await refused(site, others) == "certificate_of_another"
    await not_connected(site, None)
    await not_connected(site, strangers)
    admitted = [entry.data for entry in site.relay.ledger() if entry.kind == "terminal_admitted"]
    assert [str(data["certificate"])[:7] for data in admitted] == ["sha256:"]

    trusted.write_bytes(next_one.file.read_bytes())
    site.relay.signal(signal.SIGHUP)
    await eventually("the authorities were read again", lambda: '"client_ca_taken"' in site.relay.output)
    await logs_in(site, strangers)
    await not_connected(site, own)


async def test_where_they_are_optional_those_with_a_registered_one_show_it(
    start_site: StartRelay, tmp_path: Path, free_port: int
) -> None:
    """At an address of their own; all others come in as before."""
    authority = Authority(tmp_path / "authority")
    site = await start_site(
        Mode.MANY_TO_MANY,
        listen__client_certificates="optional",
        listen__client_ca=str(authority.file),
        listen__address_with_certificates=f"127.0.0.1:{free_port}",
    )
    own = authority.issue(NAME)
    await logs_in(site, None)
    added = site.relay.command("terminal", "certificate", TERMINAL, "--add", str(own.certificate))
    assert "sha256:" in added.stdout, added.stderr

    await eventually_refused(site)
    await logs_in(site, own, free_port)
    assert await refused(site, authority.issue(NAME), free_port) == "certificate_of_another"


async def eventually_refused(site: Site) -> None:
    """A registered certificate holds from the next look at the directory on."""
    reason = ""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not reason:
            await asyncio.sleep(0.1)
            try:
                await logs_in(site, None)
            except LoginRejected as error:
                reason = error.refusal.reason
    assert reason == "certificate_missing"
