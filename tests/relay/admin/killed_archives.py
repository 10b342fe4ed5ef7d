"""Archives and their return in processes that are killed: a program of one thread, which forks for every kill.

The tests' own process must not fork for it. It has gRPC's threads, and a fork of it has not: when the fork's collector
frees what is left of a gRPC client, gRPC waits for its thread there, which never comes, and at full speed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import event

from relay.database.database import open_database
from tests.relay.admin.test_ledger_seals import SOMEBODY
from tests.relay.admin.vault import Vault
from tests.relay.conftest import HandClock

_ROOT = Path(__file__).parents[3]
_PR_SET_PDEATHSIG = 1
_LONGEST_SECONDS = 60
"""one archive takes less than a second; a fork ends in any case"""
_IN_ALL_SECONDS = 240


def kills(vault: Vault, step: int, archive: Path | None = None) -> int:
    """Archive January, or restore this archive, until a process does it to its end; returns how many were killed before.

    The first is killed (SIGKILL) after one statement, each following one `step` statements later.
    """
    url = vault.engine.url.render_as_string(hide_password=False)
    asked = {"url": url, "folder": str(vault.folder), "step": step, "archive": str(archive or "")}
    ended = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=_IN_ALL_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


def _killed_at(point: int, asked: dict[str, str]) -> bool:
    """Whether the process was killed at this point, and had not ended before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _work(point, asked)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _work(point: int, asked: dict[str, str]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(_LONGEST_SECONDS)
    engine, left = open_database(SecretStr(asked["url"])), point

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "after_cursor_execute", count)
    vault = Vault(engine, HandClock(), Path(asked["folder"]))
    vault.now("2026-02-03T08:00")
    if asked["archive"]:
        vault.archives.restore(SOMEBODY, Path(asked["archive"]))
    else:
        vault.archive()


def _main() -> None:
    asked = json.load(sys.stdin)
    killed = 0
    while _killed_at(asked["step"] * killed + 1, asked):
        killed += 1
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    _main()
