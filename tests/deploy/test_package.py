"""The Debian package on a clean machine with a real systemd: from `dpkg -i` to `dpkg --purge`.

`make deploy-test` runs it; it takes minutes, so `make test` has the short form (test_units.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctpabi.shim.build import build
from simcounter import demo_accounts
from tests.deploy.clean_root import ROOT, CleanRoot, why_not

pytestmark = pytest.mark.skipif(
    not os.environ.get("CTP_RELAY_DEPLOY_TEST"), reason="takes minutes; to run it: make deploy-test"
)

UNIT = "ctp-relay@relay"
SETTINGS = """\
[relay]
state_dir = "/var/lib/ctp-relay/relay"
drain_seconds = 1
[listen]
address = "127.0.0.1:50051"
plaintext_on_loopback = true
[counter]
fronts = ["tcp://127.0.0.1:17001"]
broker_id = "9999"
relay_app_id = "demo_relay_1.0"
relay_auth_code_file = "secrets/relay_auth_code"
[console]
plaintext_on_loopback = true
"""
TERMINAL, CODE, INVESTOR = "demo_terminal_1.0", "TERMINAL00000001", "100001"
_SECONDS = 120.0


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make deb` builds it."""
    return _built(tmp_path_factory.mktemp("dist"))


def _built(to: Path) -> Path:
    built = subprocess.run(
        ["scripts/deb", str(to)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    assert built.returncode == 0, built.stderr
    return Path(built.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """A clean Debian; the simulated counter's libraries lie where a drop-in names them."""
    if reason := why_not():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("machine") / "root"
    root = CleanRoot(directory)
    try:
        yield root
    finally:
        root.halt()
        shutil.rmtree(directory, ignore_errors=True)


def test_two_builds_of_a_commit_are_one_package(package: Path, tmp_path: Path) -> None:
    """What is compiled, too: nothing in it knows the folder that it was made in."""
    assert _built(tmp_path).read_bytes() == package.read_bytes()


def test_the_whole_life_of_an_installation(machine: CleanRoot, package: Path) -> None:
    """Install, serve under systemd, trade, reload, be stuck and restarted, upgrade, roll back, remove, purge."""
    _install(machine, package)
    if reason := machine.boot():
        pytest.skip(reason)
    _configure(machine)
    _serve(machine)
    _trade(machine)
    _reload(machine)
    _look(machine)
    _be_stuck(machine)
    _upgrade_and_roll_back(machine, package)
    _remove(machine)
    _purge(machine)


def _install(machine: CleanRoot, package: Path) -> None:
    """No network is asked: the bare root has none of ours and dpkg unpacks what is inside."""
    shutil.copy2(package, machine.path / "opt" / "first.deb")
    machine.run("unshare", "-n", "dpkg", "-i", "/opt/first.deb")

    assert machine.run("ctp-relay", "--version").stdout.strip() == package.name.split("_")[1].rpartition("-")[0]
    assert machine.run("dpkg", "-V", "ctp-relay").stdout == ""
    assert machine.run("stat", "-c", "%U %G %a", "/etc/ctp-relay", "/var/lib/ctp-relay").stdout.splitlines() == [
        "root ctp-relay 750",
        "ctp-relay ctp-relay 750",
    ]
    for page in (
        "man/man1/ctp-relay.1.gz",
        "man/zh_CN/man1/ctp-terminal.1.gz",
        "bash-completion/completions/ctp-relay",
    ):
        assert machine.run("stat", "-c", "%U %a", f"/usr/share/{page}").stdout == "root 644\n"
    assert machine.run("grep", "-rl", f"{ROOT}/", "/usr/lib/ctp-relay", check=False).stdout == ""


def _configure(machine: CleanRoot) -> None:
    libraries = build().libraries
    for library in libraries:
        machine.file(f"/opt/simulated/{library.name}", "")
        shutil.copy2(library, machine.path / "opt/simulated" / library.name)
    preload = ":".join(f"/opt/simulated/{library.name}" for library in libraries)
    machine.file(
        f"/etc/systemd/system/{UNIT}.service.d/simulated.conf", f"[Service]\nEnvironment=LD_PRELOAD={preload}\n"
    )
    machine.file(
        "/etc/systemd/system/counter.service", "[Service]\nExecStart=/usr/lib/ctp-relay/bin/ctp-simcounter run\n"
    )
    machine.file("/etc/ctp-relay/relay.toml", SETTINGS)
    secrets = {"relay_auth_code": demo_accounts.AUTH_CODES["demo_relay_1.0"], "terminal": CODE}
    secrets["password"] = demo_accounts.password_of(INVESTOR)
    for name, text in secrets.items():
        machine.file(f"/etc/ctp-relay/secrets/{name}", text, 0o600)
        machine.run("chown", "ctp-relay:", f"/etc/ctp-relay/secrets/{name}")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "counter")


def _serve(machine: CleanRoot) -> None:
    """`systemctl start` returns when terminals are served, with everything that the unit forbids."""
    machine.run("systemctl", "start", UNIT)

    state, text = _shown(machine, "ActiveState", "StatusText")
    assert (state, text.partition(", faults:")[0]) == ("active", "ready, 0 terminal sessions")
    status = machine.run("cat", f"/proc/{_main(machine)}/status").stdout
    assert {"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} <= set(
        status.splitlines()
    )
    assert _journal(machine, "CTP_RELAY_EVENT=relay_ready")[-1]["PRIORITY"] == "6"
    assert _journal(machine, "CTP_RELAY_EVENT=order_path_chosen")[-1]["CTP_RELAY_PATH"] == "compiled"
    found = {row["CTP_RELAY_FINDING"] for row in _journal(machine, "CTP_RELAY_EVENT=doctor_found")}
    assert "clock_unknown" not in found  # the unit lets it ask the kernel, and only ask
    assert machine.run("stat", "-c", "%U %a", "/var/lib/ctp-relay/relay").stdout.strip() == "ctp-relay 700"


def _trade(machine: CleanRoot) -> None:
    """A terminal of the same package, from the other side of the relay."""
    secrets = "/etc/ctp-relay/secrets"
    machine.run(*_as_relay("ctp-relay", "terminal", "add", TERMINAL, "--auth-code-file", f"{secrets}/terminal"))
    asked = ["ctp-terminal", "--relay", "127.0.0.1:50051", "--insecure", "--app-id", TERMINAL, "--broker", "9999"]
    asked += [
        "--investor",
        INVESTOR,
        "--auth-code-file",
        f"{secrets}/terminal",
        "--password-file",
        f"{secrets}/password",
    ]
    answer = machine.run(*asked, "--confirm-settlement", "account").stdout

    assert json.loads(answer.splitlines()[-1])["body"]["account_id"] == INVESTOR
    assert _journal(machine, "CTP_RELAY_EVENT=terminal_logged_in")[-1]["CTP_RELAY_INVESTOR"] == INVESTOR


def _reload(machine: CleanRoot) -> None:
    """Nothing is cut, what changed is in force; a file with a mistake changes nothing, and systemctl says so."""
    before = _main(machine)
    machine.file("/etc/ctp-relay/relay.toml", SETTINGS.replace("drain_seconds = 1", "drain_seconds = 2"))
    machine.run("systemctl", "reload", UNIT)
    assert "relay.drain_seconds" in _journal(machine, "CTP_RELAY_EVENT=settings_reloaded")[-1]["CTP_RELAY_TAKEN"]
    machine.file("/etc/ctp-relay/relay.toml", "nonsense")
    assert machine.run("systemctl", "reload", UNIT, check=False).returncode != 0
    machine.file("/etc/ctp-relay/relay.toml", SETTINGS)

    assert (_main(machine), _shown(machine, "ActiveState")) == (before, ["active"])


def _look(machine: CleanRoot) -> None:
    """The console serves its pages with what its unit forbids, and the ledger's day is sealed by its own."""
    machine.run("systemctl", "start", "ctp-relay-console@relay")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8443/').read().decode())"
    page: list[str] = []

    def answers() -> bool:
        page[:] = [machine.run("python3", "-c", ask, check=False).stdout]
        return "<!doctype html>" in page[0].lower()

    _until(answers)
    machine.run("systemctl", "start", "ctp-relay-ledger-day@relay.service")
    machine.run("systemctl", "enable", "--now", "ctp-relay-ledger-day@relay.timer")

    assert "</html>" in page[0]
    assert "ctp-relay-ledger-day@relay.timer" in machine.run("systemctl", "list-timers", "--no-pager").stdout


def _be_stuck(machine: CleanRoot) -> None:
    """A relay that does not go on is ended by the watchdog and started again, and serves."""
    before = _main(machine)
    machine.run("sh", "-c", f"kill -STOP {before}")
    _until(lambda: _main(machine) not in {before, "0"} and _shown(machine, "ActiveState") == ["active"])

    assert _shown(machine, "NRestarts") == ["1"]


def _upgrade_and_roll_back(machine: CleanRoot, package: Path) -> None:
    """The relay runs on meanwhile and is named; settings of the firm's own stay; the earlier package goes back over it."""
    before, newer = _main(machine), _as_version(package, "99.0-1", machine.path / "opt")
    machine.file("/etc/ctp-relay/environment", "GRPC_VERBOSITY=info\n")
    said = machine.run("dpkg", "--force-confold", "-i", f"/opt/{newer}").stdout
    assert f"systemctl restart {UNIT}.service" in said
    assert _main(machine) == before
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "ctp-relay").stdout == "99.0-1"
    assert machine.run("cat", "/etc/ctp-relay/environment").stdout == "GRPC_VERBOSITY=info\n"
    machine.run("systemctl", "restart", UNIT)
    machine.run("dpkg", "--force-downgrade", "--force-confold", "-i", "/opt/first.deb")
    machine.run("systemctl", "restart", UNIT)

    assert _shown(machine, "ActiveState") == ["active"]
    assert TERMINAL in machine.run(*_as_relay("ctp-relay", "terminal", "list", "--json")).stdout


def _remove(machine: CleanRoot) -> None:
    """The relay drains and stops; settings and the ledger stay."""
    machine.run("dpkg", "-r", "ctp-relay")

    assert _shown(machine, "ActiveState") == ["inactive"]
    assert _journal(machine, "CTP_RELAY_EVENT=fault_began")
    assert (machine.path / "var/lib/ctp-relay/relay/relay.sqlite3").exists()
    assert (machine.path / "etc/ctp-relay/relay.toml").exists()
    assert not (machine.path / "usr/lib/ctp-relay").exists()


def _purge(machine: CleanRoot) -> None:
    """Settings and secrets go, evidence stays and is named."""
    said = machine.run("dpkg", "--purge", "ctp-relay").stdout

    assert not (machine.path / "etc/ctp-relay").exists()
    assert (machine.path / "var/lib/ctp-relay/relay/relay.sqlite3").exists()
    assert "/var/lib/ctp-relay stays" in said


def _as_relay(*command: str) -> tuple[str, ...]:
    return ("runuser", "-u", "ctp-relay", "--", *command, "-c", "/etc/ctp-relay/relay.toml")


def _shown(machine: CleanRoot, *names: str) -> list[str]:
    """Properties of the unit, in the order asked for."""
    return [machine.run("systemctl", "show", UNIT, "-p", name, "--value").stdout.strip() for name in names]


def _main(machine: CleanRoot) -> str:
    return _shown(machine, "MainPID")[0]


def _journal(machine: CleanRoot, match: str) -> list[dict[str, str]]:
    """Records of the unit that have this field."""
    said = machine.run("journalctl", "-u", UNIT, "-o", "json", "--no-pager", match, check=False).stdout
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _as_version(package: Path, version: str, to: Path) -> str:
    """The same package under another version."""
    with_control = to.parent / "repacked"
    subprocess.run(["dpkg-deb", "-R", str(package), str(with_control)], check=True)
    control = with_control / "DEBIAN" / "control"
    lines = [
        f"Version: {version}" if line.startswith("Version:") else line
        for line in control.read_text(encoding="utf-8").splitlines()
    ]
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    name = f"ctp-relay_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(with_control), str(to / name)], check=True)
    shutil.rmtree(with_control)
    return name
