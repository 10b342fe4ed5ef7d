"""The demonstration is what a stranger sees first: run as it is run by them, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ctpabi.shim.build import CompilerMissing, build
from ctpabi.shim.substitute import BindingMissing
from simcounter import demo_accounts

ROOT = Path(__file__).parents[2]
SECONDS = 240
SHA256 = re.compile(r"[0-9a-f]{64}")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 60)]


@dataclass(frozen=True)
class Ended:
    """A demonstration that is over."""

    status: int
    output: str
    errors: str
    left_behind: list[str]
    still_running: list[int]

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]


def demonstrate(folder: Path, *arguments: str) -> Ended:
    temporary = folder / "tmp"
    temporary.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    left_behind = [path.name for path in temporary.iterdir()]
    return Ended(ended.returncode, ended.stdout, ended.stderr, left_behind, list(processes_in(temporary)))


def processes_in(folder: Path) -> Iterator[int]:
    """Processes that work in the folder, also where it is gone already."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if where.startswith(str(folder)):
            yield int(entry.name)


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    try:
        build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def for_programs(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return demonstrate(tmp_path_factory.mktemp("json"), "--json")


@pytest.fixture(scope="module")
def for_people(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("text")
    ended = demonstrate(folder, "--mode", "many_to_one", "--svg", str(folder / "demo.svg"))
    picture = (folder / "demo.svg").read_text(encoding="utf-8")
    return Ended(ended.status, ended.output, ended.errors + picture, ended.left_behind, ended.still_running)


def test_a_program_gets_one_object_a_mode_and_nothing_else(for_programs: Ended) -> None:
    """Standard output is two JSON objects, one for each mode, each on a line."""
    assert for_programs.status == 0, for_programs.errors
    assert [line["mode"] for line in for_programs.objects] == ["many_to_many", "many_to_one"]


@pytest.mark.parametrize("number", [0, 1])
def test_the_system_info_arrives_byte_for_byte(for_programs: Ended, number: int) -> None:
    """What the vendor's collector gave is what the ledger, the counter and the day's report have."""
    line = for_programs.objects[number]

    given = line["system_info_sha256"]
    assert SHA256.fullmatch(given)
    assert line["ledger_system_info_sha256"] == given
    assert line["counter_system_info_sha256"] == given
    assert line["report_system_info_sha256"] == given
    assert 264 <= line["system_info_length"] <= 273


@pytest.mark.parametrize(
    ("number", "kind", "call", "app_type", "relay_app_id"),
    [
        (0, "register", "RegisterUserSystemInfo", "2", demo_accounts.INVESTOR_RELAY_APP_ID),
        (1, "submit", "SubmitUserSystemInfo", "3", demo_accounts.OPERATOR_RELAY_APP_ID),
    ],
)
def test_each_mode_reports_its_own_way(
    for_programs: Ended, number: int, kind: str, call: str, app_type: str, relay_app_id: str
) -> None:
    """The report came by the mode's own call, accepted, from the relay of that type, and names terminal and address."""
    line = for_programs.objects[number]

    assert (line["report_kind"], line["report_call"], line["return_code"]) == (kind, call, 0)
    assert (line["relay_app_type"], line["relay_app_id"]) == (app_type, relay_app_id)
    assert (line["report_app_id"], line["report_public_ip"]) == ("demo_terminal_1.0", "127.0.0.1")


@pytest.mark.parametrize("number", [0, 1])
def test_the_order_is_filled_and_the_ledger_is_whole(for_programs: Ended, number: int) -> None:
    """One lot is bought and held, and the ledger verifies."""
    line = for_programs.objects[number]

    assert (line["order_status"], line["trades"], line["position"]) == ("all_traded", 1, 1)
    assert line["ledger_verified"] is True
    assert line["ledger_entries"] >= 8
    assert isinstance(line["collector_code"], int)
    assert 0 < line["seconds"] < SECONDS


def test_people_read_it_step_by_step(for_people: Ended) -> None:
    """Twelve numbered steps, the four digests, and what a simulated counter cannot prove; no color without a terminal."""
    assert for_people.status == 0, for_people.errors
    numbers = re.findall(r"^ ?(\d+)  \S", for_people.output, re.MULTILINE)
    assert numbers == ["1", *map(str, range(1, 13))]
    assert len(set(SHA256.findall(for_people.output))) == 1
    assert "四处一致" in for_people.output
    assert "proves the protocol, not an exchange" in for_people.output
    assert "\x1b" not in for_people.output


def test_no_secret_is_shown(for_programs: Ended, for_people: Ended) -> None:
    """Neither the texts nor the picture have a password or an auth code of the demonstration."""
    users = [*demo_accounts.investor_ids(), demo_accounts.OPERATOR_ID]
    secrets = [*demo_accounts.AUTH_CODES.values(), *map(demo_accounts.password_of, users)]
    shown = f"{for_programs.output}{for_programs.errors}{for_people.output}{for_people.errors}"

    assert [secret for secret in secrets if secret in shown] == []


def test_nothing_is_left_behind(for_programs: Ended, for_people: Ended) -> None:
    """The temporary directory is gone, and so is every process that worked in it."""
    assert (for_programs.left_behind, for_programs.still_running) == ([], [])
    assert (for_people.left_behind, for_people.still_running) == ([], [])


def test_a_directory_in_use_is_not_taken(tmp_path: Path) -> None:
    """--keep wants a directory that does not exist yet: nothing of the user's is mixed with the demonstration's."""
    ended = demonstrate(tmp_path, "--keep", str(tmp_path))

    assert ended.status == 2
    assert "exists already" in ended.errors
