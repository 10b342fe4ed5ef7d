"""SIGHUP: the usual word for "read it again"."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import trustme

from relay.counter.port import Mode
from terminal_client import CallFailed, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.relay_process import TlsFiles
from tests.e2e.site import INVESTORS, TERMINAL, Site, eventually, log_in, trade

ORDERS_A_DAY = 4
"""after the reload; each terminal of it trades less"""
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_relay_reads_its_certificate_and_settings_again(start_site: StartRelay, tls: TlsFiles) -> None:
    """Terminals trade on, new ones get the new certificate, and what waits for a restart is named; nothing ends."""
    site = await start_site(Mode.MANY_TO_MANY, watch__period_seconds=0.1)
    alarms = site.relay.directory / "alarms.json"
    before = site.relay.config.read_text(encoding="utf-8")
    renewed = _renewed(site.relay.directory)
    async with site.logged_in(INVESTORS[0]) as terminal:
        site.relay.config.write_text(_changed(before, tls, renewed, alarms), encoding="utf-8")
        site.relay.signal(signal.SIGHUP)
        await eventually("the settings are reloaded", lambda: "settings_reloaded" in site.relay.output)
        await trade(terminal)
        await eventually(
            "the new way says what the new limit finds",
            lambda: alarms.exists() and "certificate_expiring" in alarms.read_text(encoding="utf-8"),
        )

        async with Site(site.counter, site.relay, renewed).terminal() as newcomer:
            await log_in(newcomer, INVESTORS[1])
            await trade(newcomer)
        site.relay.config.write_text("nonsense", encoding="utf-8")
        site.relay.signal(signal.SIGHUP)
        await eventually("the nonsense is refused", lambda: "settings_not_reloaded" in site.relay.output)
        async with Site(site.counter, site.relay, renewed).raw() as stream:
            await stream.hello(TERMINAL)
        await trade(terminal)
        await trade_beyond(terminal)
    site.relay.config.write_text(before, encoding="utf-8")

    assert_named(site)
    assert await site.relay.stop() == 0


def assert_named(site: Site) -> None:
    """What was taken, and what waits for a restart."""
    (line,) = [json.loads(line) for line in site.relay.output.splitlines() if '"settings_reloaded"' in line]
    assert line["taken"] == [
        "alarms.command",
        "alarms.group_seconds",
        "limits.orders_per_day",
        "listen.tls_certificate",
        "listen.tls_key",
        "log.level",
        "watch.certificate_days",
    ]
    assert line["needs_restart"] == ["counter.inits_per_second"]


async def trade_beyond(terminal: RelayTerminal) -> None:
    """Once more than a day may have, which is refused."""
    with pytest.raises(CallFailed, match="day"):  # noqa: PT012 - which one it is, is the relay's business
        for _ in range(ORDERS_A_DAY + 1):
            await trade(terminal)


def _changed(text: str, tls: TlsFiles, renewed: TlsFiles, alarms: Path) -> str:
    """The settings file with a change for each who takes one, and one for none."""
    for old, new in {
        str(tls.certificate): str(renewed.certificate),
        str(tls.key): str(renewed.key),
        'format = "json"': 'format = "json"\nlevel = "debug"',
        "period_seconds = 0.1": "period_seconds = 0.1\ncertificate_days = 1000000.0",
        "inits_per_second = 1000.0": "inits_per_second = 99.0",
        "[limits]\n": f"[limits]\norders_per_day = {ORDERS_A_DAY}\n",
    }.items():
        text = text.replace(old, new)
    return f'{text}[alarms]\ngroup_seconds = 0.05\ncommand = ["/bin/sh", "-c", "cat >> {alarms}"]\n'


def _renewed(directory: Path) -> TlsFiles:
    """A certificate of another authority, so that who gets the old one notices."""
    files = TlsFiles(directory / "renewed.crt", directory / "renewed.key", directory / "renewed-ca.crt")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(files.authority))
    issued.cert_chain_pems[0].write_to_path(str(files.certificate))
    issued.private_key_pem.write_to_path(str(files.key))
    files.key.chmod(0o600)
    return files
