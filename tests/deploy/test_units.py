"""The systemd units and the package's scripts, judged by systemd's own programs without starting anything."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.edge.descriptors import OF_A_CONNECTION, most_strangers
from relay.settings.listen_section import Listen

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE = 20
"""in tenths: 2.0 of 10, which systemd calls OK; the units have 1.6, because a relay has to reach networks"""
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not here; to have it: apt-get install -y systemd",
)


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """No unknown key, no wrong value, no unit that is not there."""
    for unit in UNITS.iterdir():
        # The program is checked too, and this machine has none of that name.
        text = unit.read_text(encoding="utf-8").replace("/usr/bin/ctp-relay", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    said = _analyze("verify", *map(str, sorted(tmp_path.iterdir())))

    assert [line for line in said.stdout.splitlines() if "ctp-relay" in line] == []
    assert said.returncode == 0


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_no_more_than_it_must(service: str) -> None:
    """systemd's own judgement of the hardening."""
    said = _analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(UNITS / service))

    assert said.returncode == 0, said.stdout


@needs_systemd
def test_the_judgement_sees_what_is_missing(tmp_path: Path) -> None:
    """One protection less each is worse than the bound, or the bound says nothing."""
    text = (UNITS / "ctp-relay@.service").read_text(encoding="utf-8")
    open_one = tmp_path / "ctp-relay@.service"
    open_one.write_text(
        re.sub(r"^(SystemCallFilter|CapabilityBoundingSet)=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8"
    )

    assert _analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(open_one)).returncode != 0


def test_the_descriptors_are_enough_for_all_sessions() -> None:
    """Of either mode, with every place for strangers taken."""
    limit = int(_value("ctp-relay@.service", "LimitNOFILE"))
    strangers = Listen(plaintext_on_loopback=True).max_connections_without_session

    assert most_strangers(strangers, 1000, limit) == strangers
    assert limit >= 50 * 6 + OF_A_CONNECTION * (50 + strangers)


def test_the_relay_is_watched_reloaded_and_restarted() -> None:
    """What an operator relies on, by name."""
    wanted = {"Type": "notify", "Restart": "on-failure", "LimitCORE": "0", "UMask": "0077", "KillMode": "mixed"}

    assert {name: _value("ctp-relay@.service", name) for name in wanted} == wanted
    assert int(_value("ctp-relay@.service", "WatchdogSec")) >= 10
    assert int(_value("ctp-relay@.service", "StartLimitBurst")) * 2 < int(
        _value("ctp-relay@.service", "StartLimitIntervalSec")
    )


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_a_script_of_the_package_is_a_script(script: str) -> None:
    """For the plain sh of every Debian, and it ends at the first failure."""
    path = ROOT / "deploy" / "debian" / script

    assert subprocess.run(["sh", "-n", str(path)], capture_output=True, check=False).returncode == 0
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert "\nset -e\n" in path.read_text(encoding="utf-8")


def test_no_script_of_the_package_touches_a_ledger() -> None:
    """An upgrade starts no migration, a purge removes no evidence (decision 0080)."""
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "deploy" / "debian").glob("p*")]
    lines = [line.strip() for text in scripts for line in text.splitlines()]
    done = [line for line in lines if not line.startswith(("#", "echo "))]

    assert [line for line in done if "database upgrade" in line or re.search(r"rm -r\S* /var/lib", line)] == []


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def _value(unit: str, name: str) -> str:
    """What the unit says of one key."""
    text = (UNITS / unit).read_text(encoding="utf-8")
    found = re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)
    return str(found[-1]) if found else ""
