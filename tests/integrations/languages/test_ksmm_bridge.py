"""The bridge in C++, with a class of our own in the library's place: what the relay's side registers, and what is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relay.faults.table import Fault
from tests.integrations.languages.toolchains import INTEGRATIONS, make, needs
from tests.relay.counter.bridge.conftest import BridgeSite, site, until

__all__ = ["site"]
WANTED = "CTP_RELAY_LANGUAGES_TEST"
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get(WANTED),
        reason="it is compiled; to run it: make languages-test TESTS=tests/integrations/languages/test_ksmm_bridge.py",
    ),
    needs(
        "g++",
        "make",
        "pkg-config",
        "protoc",
        "grpc_cpp_plugin",
        packages="g++ make pkg-config protobuf-compiler protobuf-compiler-grpc libgrpc++-dev",
    ),
]


@dataclass
class Running:
    """One bridge's process."""

    program: Path
    process: subprocess.Popen[str] | None = None
    port: int = 0

    def start(self, *words: str) -> str:
        """Start it; where it listens."""
        self.process = subprocess.Popen(
            [self.program, *(words or (f"127.0.0.1:{self.port}",))], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        assert said[:1] == ["listening"]
        self.port = int(said[1])
        return f"127.0.0.1:{self.port}"

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=30)
            self.process = None


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(INTEGRATIONS / "ksmm_bridge", tmp_path_factory.mktemp("ksmm")) / "ksmm-bridge"


@pytest.fixture
def bridge(program: Path) -> Iterator[Running]:
    running = Running(program)
    yield running
    running.end()


@pytest.fixture
def secrets(site: BridgeSite) -> BridgeSite:
    """The passwords that the class in the library's place takes."""
    site.settings()
    (site.folder / "operator.secret").write_text("operator-demo")
    return site


async def test_the_relay_opens_logs_in_and_registers(secrets: BridgeSite, bridge: Running) -> None:
    """With both configurations; exchanges and boards of the list, the licence's days, and a word every two seconds."""
    described = await secrets.live(address=bridge.start(), silence_seconds=5.0)

    assert [(one.native_code, [board.code for board in one.boards]) for one in described.exchanges] == [
        ("2", ["N0"]),
        ("3", ["B0"]),
    ]
    assert described.product == "ksmm stand-in 1 · 200 天 days"
    assert described.seconds_ahead is not None
    assert abs(described.seconds_ahead) < 60


@pytest.mark.parametrize(
    ("operator", "product", "says"),
    [("wrong", "", "plugin -101: 操作员或密码错误"), ("operator-demo", "expired", "plugin -100: 授权码无效或已过期")],
)
async def test_what_the_library_refuses_is_said(
    secrets: BridgeSite, bridge: Running, operator: str, product: str, says: str
) -> None:
    """By its number and words."""
    (secrets.folder / "operator.secret").write_text(operator)
    await secrets.begin(address=bridge.start(), product=product)

    assert says in await secrets.stands(Fault.BRIDGE_REFUSED)


async def test_a_bridge_that_is_killed_and_started_anew_is_found_again(secrets: BridgeSite, bridge: Running) -> None:
    """By itself, on the same port."""
    await secrets.live(address=bridge.start(), silence_seconds=5.0)
    [counter] = secrets.counters

    bridge.end()
    await secrets.stands(Fault.BRIDGE_UNREACHABLE)
    bridge.start()

    await until(lambda: counter.ready)


async def test_beyond_this_machine_it_speaks_mutual_tls_alone(
    secrets: BridgeSite, bridge: Running, program: Path, tmp_path: Path
) -> None:
    """An address of another machine without files is refused; with them the relay shows its certificate."""
    command = [str(program), "0.0.0.0:0"]
    refused = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=30)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("bridge", "relay"):
        leaf = authority.issue_cert("127.0.0.1")
        leaf.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")

    address = bridge.start("127.0.0.1:0", *(str(tmp_path / name) for name in ("ca.pem", "bridge.pem", "bridge.key")))
    described = await secrets.live(
        address=address,
        authority=tmp_path / "ca.pem",
        certificate=tmp_path / "relay.pem",
        key=tmp_path / "relay.key",
        silence_seconds=5.0,
    )

    assert refused.returncode == 1
    assert "without TLS" in refused.stderr
    assert described.exchanges
