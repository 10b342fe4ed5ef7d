"""A PostgreSQL of the tests' own: a cluster in a temporary directory, on a free port, gone afterwards.

Import `postgres_server` and `postgres_url` into a conftest.py. Where the server's programs are missing the
tests that want it are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.ports import unused_port

_SECONDS = 60


def _programs() -> Path | None:
    """The newest server's programs, Debian's place or the PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which("initdb")
    return installed[0] if installed else Path(found).parent if found else None


class PostgresServer:
    """One running cluster; superuser `postgres`, no passwords, loopback only."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._data = directory / "data"
        self.port = unused_port()
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
        self._run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C"
        )

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories='' -c fsync=off"
        log = str(self._data.parent / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        """Stop at once, as a failing machine does; a stopped server stays stopped."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def new_database(self, like: str = "template1") -> str:
        """The URL of a fresh database: empty, or a copy of one that is not used now."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}".encode())
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=_SECONDS, cwd="/")


@contextmanager
def own_server() -> Iterator[PostgresServer | None]:
    """A running server for as long as it is open; None where the programs are not installed."""
    programs = _programs()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ctp-relay-postgres-") as directory:
        # Not under pytest's own directory: only root may enter that one.
        Path(directory).chmod(0o755)
        server = PostgresServer(programs, Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with own_server() as server:
        if server is None:
            pytest.skip("PostgreSQL's server programs are not installed: apt-get install postgresql")
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()
