"""The bridge in C++, with a class of our own in the library's place: what the relay's side registers, and what is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relay.faults.table import Fault
from simcounter import demo_accounts
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

    def says(self) -> str:
        """What the class in the library's place was called with next."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

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


async def test_both_configurations_reach_the_library_and_it_is_closed(secrets: BridgeSite, bridge: Running) -> None:
    """Operator and message bus, with all the seed names; without a bus the library reads its own file. Then Close, at the relay's end."""
    address = bridge.start()
    await secrets.live(
        address=address,
        silence_seconds=5.0,
        threads=5,
        log_prefix="api",
        log_to_file=True,
        product="KSMM",
        all_quotes=True,
        middleware_port=21001,
        request_queue="req_market",
        answer_queue="ans_market",
    )
    with_bus = await asyncio.to_thread(bridge.says)
    await secrets.counters[0].stop()
    closed = await asyncio.to_thread(bridge.says)
    nothing = {
        "middleware_user": "",
        "middleware_password_file": None,
        "middleware_address": "",
        "middleware_server": "",
    }
    counter = await secrets.begin(address=address, silence_seconds=5.0, **nothing)
    await until(lambda: counter.ready)
    without_bus = await asyncio.to_thread(bridge.says)

    operator = demo_accounts.OPERATOR_ID
    assert with_bus == (
        f"InitPlugin {operator} quotes=1 threads=5 product=KSMM log=api,1"
        " bus=KCXP00@198.51.100.20:21001 KCBP1 req_market ans_market"
    )
    assert closed == "Close"
    assert without_bus == f"InitPlugin {operator} quotes=0 threads=1 product= log=,0"


async def test_a_bridge_that_stands_still_is_silent_and_found_again(secrets: BridgeSite, bridge: Running) -> None:
    """Its process is stopped, not ended: connections stay up and nobody answers."""
    await secrets.live(address=bridge.start(), silence_seconds=3.0)
    [counter] = secrets.counters
    assert bridge.process is not None

    bridge.process.send_signal(signal.SIGSTOP)
    try:
        why = await secrets.stands(Fault.BRIDGE_SILENT)
    finally:
        bridge.process.send_signal(signal.SIGCONT)
    await until(lambda: counter.ready)

    assert why == "Events: no word for 3 s"
    assert not secrets.faults.stands(Fault.BRIDGE_SILENT)


@pytest.mark.parametrize(
    ("operator", "bus", "product", "says"),
    [
        ("wrong", "888888", "", "plugin -101: 操作员或密码错误"),
        ("operator-demo", "wrong", "", "plugin -102: KCBP 登录失败"),
        ("operator-demo", "888888", "expired", "plugin -100: 授权码无效或已过期"),
    ],
)
async def test_what_the_library_refuses_is_said(
    secrets: BridgeSite, bridge: Running, operator: str, bus: str, product: str, says: str
) -> None:
    """By its number and words."""
    (secrets.folder / "operator.secret").write_text(operator)
    (secrets.folder / "middleware.secret").write_text(bus)
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


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:0", "[::]:0", ":0", "localhost:0", "198.51.100.1:0", "unix:here", "ipv4:0.0.0.0:0", "dns:///0.0.0.0:0"],
)
async def test_without_tls_it_listens_on_this_machine_alone(program: Path, address: str) -> None:
    """Any other address is refused in words, and a name too: it may stand for any."""
    done = await asyncio.to_thread(
        subprocess.run, [str(program), address], capture_output=True, text=True, check=False, timeout=30
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "without TLS the address is 127.0.0.1:PORT, [::1]:PORT or unix:/PATH" in done.stderr


async def test_beyond_this_machine_it_speaks_mutual_tls_alone(
    secrets: BridgeSite, bridge: Running, tmp_path: Path
) -> None:
    """The relay shows its certificate, and wants to see one."""
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

    assert described.exchanges
