"""A ledger somebody laid hands on: `ctp-relay ledger verify` names the entry. Tried on copies of a real relay's."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.relay_process import run_command
from tests.e2e.site import INVESTORS, Site, many_to_many_only

pytestmark = pytest.mark.asyncio(loop_scope="session")


def change_a_byte(copy: sqlite3.Connection, sequence: int) -> None:
    copy.execute("update ledger set data = replace(data, '9999', '9998') where sequence = ?", (sequence,))


def remove(copy: sqlite3.Connection, sequence: int) -> None:
    copy.execute("delete from ledger where sequence = ?", (sequence,))


def swap_with_the_next(copy: sqlite3.Connection, sequence: int) -> None:
    for old, new in ((sequence, -1), (sequence + 1, sequence), (-1, sequence + 1)):
        copy.execute("update ledger set sequence = ? where sequence = ?", (new, old))


@many_to_many_only
@pytest.mark.parametrize("tamper", [change_a_byte, remove, swap_with_the_next], ids=lambda how: how.__name__)
async def test_an_entry_somebody_touched(
    site: Site, tmp_path: Path, tamper: Callable[[sqlite3.Connection, int], None]
) -> None:
    """The ledger as the relay wrote it verifies; the changed copy does not, and the entry's number is printed."""
    async with site.logged_in(INVESTORS[0]):
        pass
    copy, sequence = _copied(site, tmp_path)

    untouched = _verify(tmp_path)
    for (name,) in copy.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        copy.execute(f"drop trigger {name}")
    tamper(copy, sequence)
    copy.commit()
    copy.close()
    touched = _verify(tmp_path)

    assert (untouched.returncode, json.loads(untouched.stdout)["problems"]) == (0, [])
    assert touched.returncode == 1
    assert any(str(sequence) in problem for problem in json.loads(touched.stdout)["problems"])


def _copied(site: Site, directory: Path) -> tuple[sqlite3.Connection, int]:
    """A copy of the relay's database, and the number of an entry with a broker id in it."""
    shutil.copy(site.relay.config, directory)
    (directory / "state").mkdir(mode=0o700)
    copy = sqlite3.connect(directory / "state" / "relay.sqlite3")
    original = sqlite3.connect(site.relay.state_dir / "relay.sqlite3")
    with original:
        original.backup(copy)
    original.close()
    query = "select sequence from ledger where kind = 'terminal_admitted' and data like '%9999%' order by sequence"
    (sequence,) = copy.execute(query).fetchone()
    return copy, int(sequence)


def _verify(directory: Path) -> subprocess.CompletedProcess[str]:
    return run_command(directory, "ledger", "verify", "--json", "-c", "relay.toml")
