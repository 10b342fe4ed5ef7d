"""One relay, and all that must be within reach to provoke its faults: the counter, its clock, the certificate, the side process."""

from __future__ import annotations

import datetime as dt
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.session import china_now
from tests.e2e.heard import Heard, heard_settings
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import Site, register
from tests.ports import unused_port
from tests.relay.alarms.robot import Robot


@dataclass(slots=True)
class CounterClock:
    """The counter's, which may be ahead."""

    ahead: dt.timedelta = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return china_now() + self.ahead


@dataclass(slots=True)
class FaultedRelay:
    """A relay that goes through one fault after the other, each over before the next begins, and where each is provoked."""

    site: Site
    heard: Heard
    clock: CounterClock
    place: Path
    certificate: TlsFiles
    authority: trustme.CA

    def issue(self, left: dt.timedelta) -> None:
        """Replace its certificate by one that is good for so long."""
        now = dt.datetime.now(dt.UTC)
        issued = self.authority.issue_cert("127.0.0.1", not_before=now - dt.timedelta(days=2), not_after=now + left)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        key = issued.private_key_pem.bytes()
        for path, content in ((self.certificate.key, key), (self.certificate.certificate, chain)):
            fresh = path.with_name(f"{path.name}.new")
            fresh.write_bytes(content)
            fresh.chmod(0o600)
            fresh.replace(path)

    @property
    def verifier_bar(self) -> Path:
        """A file that keeps a side process from starting."""
        return self.place / "imports" / "sitecustomize.py"


@asynccontextmanager
async def relay_with_faults(place: Path, mode: Mode, **settings: object) -> AsyncIterator[FaultedRelay]:
    port = unused_port()
    authority, clock = trustme.CA(), CounterClock()
    files = TlsFiles(place / "own.crt", place / "own.key", place / "authority.crt")
    authority.cert_pem.write_to_path(files.authority)
    (place / "imports").mkdir()
    with Robot() as robot:
        chosen = heard_settings(port, robot, place) | {"counter__login_timeout_seconds": 3.0} | settings
        async with SimulatedCounter(CounterConfig(), clock=clock) as counter:
            relay = RelayProcess(place / "relay", mode, counter.address, files, chosen)
            relay.imports_first = str(place / "imports")
            made = FaultedRelay(Site(counter, relay, files), Heard(relay, port, robot), clock, place, files, authority)
            made.issue(dt.timedelta(days=300))
            register(relay)
            try:
                await relay.start()
                yield made
            finally:
                await relay.stop()
            assert leaks(relay) == []


def limit(pid: int, files: int) -> int:
    """Let a process have so many files; returns how many it could have before."""
    before, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, hard))
    return before


def fill(ballast: Path) -> None:
    """Raises OSError when nothing more goes in."""
    with ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(65536))
