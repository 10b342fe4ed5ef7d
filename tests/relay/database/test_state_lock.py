"""One process for one place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relay.database.state_lock import AlreadyRunning, StateLock

_HOLDER = """
import sys, time
from pathlib import Path
from relay.database.state_lock import StateLock
with StateLock(Path(sys.argv[1]), "here"):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    """Also when the first was killed: nothing has to be cleared away by hand."""
    file = tmp_path / "relay.lock"
    first = subprocess.Popen([sys.executable, "-c", _HOLDER, str(file)], stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"

        with pytest.raises(AlreadyRunning, match="another relay process runs on the state directory x"):
            StateLock(file, "the state directory x")
    finally:
        first.kill()
        first.communicate()

    with StateLock(file, "the state directory x"):
        pass


def test_a_place_that_cannot_be_written_is_not_called_taken(tmp_path: Path) -> None:
    """The operator is told what is really wrong."""
    with pytest.raises(FileNotFoundError):
        StateLock(tmp_path / "missing" / "relay.lock", "here")
