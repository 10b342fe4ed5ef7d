"""Real HAProxy and nginx, with the sample files of `deploy/proxies`, in front of a relay."""

from __future__ import annotations

import asyncio
import select
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import RelayTerminal, Tls
from terminal_client.errors import LoginRejected
from tests.e2e.haproxy_state import until_up, with_state
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import AUTH_CODE, INVESTORS, TERMINAL, Site, log_in, ports_to, register, trade
from tests.ports import unused_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAMPLES = Path(__file__).parents[2] / "deploy" / "proxies"
PACKAGES = "haproxy nginx-light libnginx-mod-stream"
PASSES_ON, SPEAKS_HTTP2 = "127.0.0.2", "127.0.0.3"
"""the proxies' own addresses, as the relay sees them"""
STRANGER = "127.0.0.9"
_BOUND = 256
"""connections of one address in the sample files"""
_DEADLINE_SECONDS = 90.0


@pytest.fixture(scope="module")
def both_names(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate for the address and for a name, because nginx checks names only."""
    directory = tmp_path_factory.mktemp("tls")
    files = TlsFiles(directory / "relay.crt", directory / "relay.key", directory / "authority.crt")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(files.authority))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(files.key))
    files.key.chmod(0o600)
    return files


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def proxied_site(both_names: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    settings = {
        "listen__proxy_protocol_from": [PASSES_ON],
        "listen__trusted_proxies": [SPEAKS_HTTP2],
        "metrics__address": f"127.0.0.1:{unused_port()}",
    }
    async with SimulatedCounter(CounterConfig()) as counter:
        directory = tmp_path_factory.mktemp("proxied") / "relay"
        relay = RelayProcess(directory, Mode.MANY_TO_MANY, counter.address, both_names, settings)
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, both_names)
        finally:
            await relay.stop()


@pytest.mark.parametrize(
    "sample", ["haproxy-passthrough.cfg", "haproxy-http2.cfg", "nginx-passthrough.conf", "nginx-http2.conf"]
)
async def test_a_report_names_the_terminal_and_not_the_proxy(
    proxied_site: Site, sample: str, tmp_path: Path, free_port: int
) -> None:
    """Address and port are those of the terminal's own connection to the proxy, and trading works."""
    site, who = proxied_site, INVESTORS[0]
    text = _for_here((SAMPLES / sample).read_text(encoding="utf-8"), site, free_port, tmp_path)
    with _running(sample.partition("-")[0], text, free_port, tmp_path):
        async with _terminal(site, free_port) as terminal:
            await log_in(terminal, who)
            await trade(terminal)
            ports = ports_to(free_port)
            report = site.reports_of(who)[-1]

    assert report["terminal_ip"] == "127.0.0.1"
    assert report["terminal_port"] in ports


async def test_whoever_connects_directly_is_still_himself(proxied_site: Site) -> None:
    """To the same address, without any header."""
    site = proxied_site
    async with _terminal(site, site.relay.port) as terminal:
        await log_in(terminal, INVESTORS[1])
        ports = ports_to(site.relay.port)
        report = site.reports_of(INVESTORS[1])[-1]

    assert (report["terminal_ip"], report["terminal_port"] in ports) == ("127.0.0.1", True)


@pytest.mark.parametrize("sample", ["haproxy-passthrough.cfg", "haproxy-http2.cfg"])
async def test_the_proxy_turns_away_one_address_and_serves_the_others(
    proxied_site: Site, sample: str, tmp_path: Path, free_port: int
) -> None:
    """The bound of the sample file on connections of one address; a terminal elsewhere logs in and trades meanwhile."""
    site = proxied_site
    text = _patient(_for_here((SAMPLES / sample).read_text(encoding="utf-8"), site, free_port, tmp_path))
    with _running("haproxy", text, free_port, tmp_path), ExitStack() as crowd:
        held = [crowd.enter_context(_connection(free_port, STRANGER)) for _ in range(_BOUND + 20)]
        refused = await asyncio.to_thread(_closed, held, 20)
        async with _terminal(site, free_port) as terminal:
            await log_in(terminal, INVESTORS[0])
            await trade(terminal)

    assert len(refused) == 20


@pytest.mark.parametrize("sample", ["haproxy-passthrough.cfg", "haproxy-http2.cfg"])
async def test_where_no_relay_is_ready_terminals_hear_why(
    proxied_site: Site, sample: str, tmp_path: Path, free_port: int
) -> None:
    """HAProxy has taken the relay out, and a login still gets the relay's own words; afterwards it is in again."""
    site = proxied_site
    text = _for_here((SAMPLES / sample).read_text(encoding="utf-8"), site, free_port, tmp_path)
    with _running("haproxy", with_state(text, tmp_path), free_port, tmp_path):
        await asyncio.to_thread(until_up, tmp_path, "relays", {"relay1"})
        site.relay.command("logins", "pause", "--reason", "maintenance").check_returncode()
        try:
            await asyncio.to_thread(until_up, tmp_path, "relays", set())
            async with _terminal(site, free_port) as terminal:
                with pytest.raises(LoginRejected) as rejected:
                    await log_in(terminal, INVESTORS[0])
        finally:
            site.relay.command("logins", "resume", "--reason", "it is over").check_returncode()
        await asyncio.to_thread(until_up, tmp_path, "relays", {"relay1"})

    assert rejected.value.refusal.reason == "logins_paused"


async def test_what_is_not_tls_does_not_reach_the_relay(proxied_site: Site, tmp_path: Path, free_port: int) -> None:
    site = proxied_site
    text = _for_here((SAMPLES / "haproxy-passthrough.cfg").read_text(encoding="utf-8"), site, free_port, tmp_path)
    with _running("haproxy", text, free_port, tmp_path), _connection(free_port, STRANGER) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")

        assert _closed([connection], 1)


def _connection(port: int, source: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE_SECONDS, source_address=(source, 0))
    connection.settimeout(_DEADLINE_SECONDS)
    return connection


def _closed(connections: list[socket.socket], least: int) -> list[socket.socket]:
    """Those that the other side has ended, once there are so many."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        ended, _, _ = select.select(connections, [], [], 0.1)
        if len(ended) >= least:
            return ended
        assert time.monotonic() < deadline, f"{len(ended)} connections have ended"


def _for_here(sample: str, site: Site, port: int, directory: Path) -> str:
    """The sample with this machine's ports, files and addresses in place of its own."""
    pem = directory / "relay.pem"
    pem.write_bytes(site.tls.certificate.read_bytes() + site.tls.key.read_bytes())
    changes = {
        "0.0.0.0:50051": f"127.0.0.1:{port}",
        "    server relay2 10.0.0.12:50051\n": "",
        "        server 10.0.0.12:50051 max_fails=1 fail_timeout=5s;\n": "",
        "10.0.0.11:50051": f"127.0.0.1:{site.relay.port}",
        "default-server send-proxy-v2": f"default-server source {PASSES_ON} send-proxy-v2",
        "default-server ssl": f"default-server source {SPEAKS_HTTP2} ssl",
        "port 9100": f"port {_monitor(site)}",
        "proxy_protocol on;": f"proxy_protocol on; proxy_bind {PASSES_ON};",
        "grpc_ssl_verify on;": f"grpc_ssl_verify on; grpc_bind {SPEAKS_HTTP2};",
        "/etc/haproxy/relay.pem": str(pem),
        "/etc/haproxy/firm-ca.pem": str(site.tls.authority),
        "/etc/nginx/relay.crt": str(site.tls.certificate),
        "/etc/nginx/relay.key": str(site.tls.key),
        "/etc/nginx/firm-ca.pem": str(site.tls.authority),
        "relay.example.net": "localhost",
    }
    for old, new in changes.items():
        sample = sample.replace(old, new)
    return sample


def _patient(sample: str) -> str:
    """With so much time for a silent connection that a slow machine opens all of them before the first is too late."""
    for silence in ("tcp-request inspect-delay 5s", "timeout http-request    10s", "timeout client  90s"):
        sample = sample.replace(silence, f"{silence.rpartition(' ')[0]} 1h")
    return sample


def _monitor(site: Site) -> str:
    """The port of /readyz."""
    settings = tomllib.loads(site.relay.config.read_text(encoding="utf-8"))
    return str(settings["metrics"]["address"]).rpartition(":")[2]


@contextmanager
def _running(program: str, text: str, port: int, directory: Path) -> Iterator[None]:
    found = shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin")
    stream_module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if found is None or ("load_module" in text and not stream_module.exists()):
        pytest.skip(f"{program} is not here; to have it: sudo apt-get install -y {PACKAGES}")
    config = directory / "proxy.conf"
    config.write_text(text, encoding="utf-8")
    with (directory / "proxy.log").open("wb") as log:
        running = subprocess.Popen(_command(found, config), stdout=log, stderr=log, cwd=directory)
    try:
        _await_port(port, running, directory / "proxy.log")
        yield
    finally:
        running.terminate()
        running.wait(_DEADLINE_SECONDS)


def _command(program: str, config: Path) -> list[str]:
    if program.endswith("haproxy"):
        return [program, "-db", "-f", str(config)]
    # A complete configuration of nginx has these elsewhere.
    own = f"daemon off; pid {config.parent}/nginx.pid; error_log stderr;"
    return [program, "-e", "stderr", "-p", str(config.parent), "-c", str(config), "-g", own]


def _await_port(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert running.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.02)


def _terminal(site: Site, port: int) -> RelayTerminal:
    tls = Tls(ca_file=site.tls.authority)
    return RelayTerminal(f"127.0.0.1:{port}", app_id=TERMINAL, auth_code=AUTH_CODE, tls=tls)
