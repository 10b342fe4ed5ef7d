"""A relay as its operator runs it: a settings file, `ctp-relay serve` in a process of its own, a ledger on disk."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ctpabi.catalog import Distribution
from relay.counter.port import Mode
from relay.database.database import open_database
from relay.ledger import reader as ledger_reader
from relay.ledger.chain import Head
from relay.ledger.reader import Stretch
from relay.settings.file import ledger_url, load
from simcounter import demo_accounts
from simcounter.exec import program_environment
from tests.e2e import warm_program
from tests.e2e.binding_under_test import CHOSEN, shim_of
from tests.e2e.warm_program import WarmProcess

READY_SECONDS = 120.0
STOP_SECONDS = 90.0
COMPILED = os.environ.get("CTP_RELAY_TEST_COMPILED", "off")
"""relay.compiled of relays whose test does not say: on proves machine code with the tests there are"""
RELAY_APP_IDS = {
    Mode.MANY_TO_MANY: demo_accounts.INVESTOR_RELAY_APP_ID,
    Mode.MANY_TO_ONE: demo_accounts.OPERATOR_RELAY_APP_ID,
}
_IMPORTS = {"PYTHONPATH": os.pathsep.join(warm_program.PATHS)}
Sections = dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate for 127.0.0.1 and the authority to trust for it."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry with its data decoded."""

    kind: str
    session: str
    data: dict[str, Any]


class RelayProcess:
    """One relay with a directory of its own; may be killed and started again on the same state."""

    def __init__(
        self, directory: Path, mode: Mode, front: str, tls: TlsFiles, settings: Mapping[str, object] | None = None
    ) -> None:
        """`settings` are further ones, by section__key; None leaves one out that is set here."""
        directory.mkdir(mode=0o700)
        self.mode = mode
        self.directory = directory
        self.config = directory / "relay.toml"
        self.output_file = directory / "output.log"
        self.state_dir = directory / "state"
        self.port = 0
        self.imports_first = ""
        """a directory that it and its side process look into before all others, for what hinders them"""
        self.is_compiled = (settings or {}).get("relay__compiled", COMPILED) == "on"
        """compiled parts are taken before the first import, which a warm process has behind it"""
        self.open_files = 0
        """the most it may have; 0 leaves what is inherited"""
        self._process: subprocess.Popen[bytes] | WarmProcess | None = None
        self._ledger_read: dict[str, Head] = {}
        self._entries: dict[str, list[LedgerEntry]] = {}
        sections = self._sections(front, tls)
        self.binding = Distribution(str((settings or {}).get("counter__binding") or CHOSEN))
        for name, value in (settings or {}).items():
            section, _, key = name.rpartition("__")
            sections.setdefault(section.replace("__", "."), {})[key] = value
        self.config.write_text(_toml(sections), encoding="utf-8")

    def _sections(self, front: str, tls: TlsFiles) -> Sections:
        app_id = RELAY_APP_IDS[self.mode]
        operator = demo_accounts.OPERATOR_ID
        code = self._secret("relay_auth_code.secret", demo_accounts.AUTH_CODES[app_id])
        return {
            "relay": {"mode": self.mode.value, "state_dir": "state", "drain_seconds": 1.0, "compiled": COMPILED},
            "listen": {
                "address": "127.0.0.1:0",
                "tls_certificate": str(tls.certificate),
                "tls_key": str(tls.key),
            },
            "counter": {
                "binding": CHOSEN.value,
                "fronts": [front],
                "broker_id": demo_accounts.BROKER_ID,
                "relay_app_id": app_id,
                "relay_auth_code_file": code,
                "inits_per_second": 1000.0,
                "connect_timeout_seconds": 5.0,
                "longest_pause_seconds": 0.1,  # tests break one connection after the other
            },
            "counter.operator": {
                "user_id": operator,
                "password_file": self._secret("operator.secret", demo_accounts.password_of(operator)),
            },
            # All terminals of a test come from one address; only the tests about locks want to see one.
            "limits": {
                "login_failures_per_investor": 1000,
                "login_failures_at_counter": 1000,
                "failures_before_slowing_investor": 1000,
                "failures_before_slowing_app_id": 1000,
                "failures_before_slowing_address": 1000,
                "orders_per_second": 1000,
                "queries_per_second": 1000,
                "transfers_per_second": 1000,
                "others_per_second": 1000,
                "breaker_pause_seconds": 0.01,
            },
            "verification": {"timeout_seconds": 30.0},
            # The same address again: each of the tests about refusals looks for its own.
            "ledger": {"stranger_refusals_per_minute": 100_000, "proved_refusals_per_minute": 100_000},
            "log": {"format": "json"},
        }

    def _secret(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return name

    async def start(self, *, await_operator: bool = True) -> None:
        """Start it and wait until it serves; in many-to-one also until its operator is logged in."""
        logins = self._operator_logins() if self.state_dir.exists() else 0
        begin = self._spawn()
        await self._until(lambda: self._announced(begin) > 0)
        self.port = self._announced(begin)
        if self.mode is Mode.MANY_TO_ONE and await_operator:
            await self._until(lambda: self._operator_logins() > logins)

    def begin(self) -> None:
        """Start it and wait for nothing."""
        self._spawn()

    async def start_unread(self) -> int:
        """Start it with a small pipe as its output, read until it serves and never again; returns the pipe's end."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self._popen(writer)
        os.close(writer)
        self.port = await asyncio.to_thread(_port_announced, reader)
        return reader

    def _spawn(self) -> int:
        """Begin the process; returns where its output begins in the file."""
        with self.output_file.open("ab") as output:
            begin = output.tell()
            self._popen(output.fileno())
        return begin

    def environment(self) -> dict[str, str]:
        """What decides which library it loads: the simulated one; and that it runs as it is shipped, on uvloop."""
        base = as_shipped() | {"CTP_SIMCOUNTER_RECONNECT_MS": "50"}
        return program_environment(base, shim=shim_of(self.binding))

    def _popen(self, output: int) -> None:
        words = ["serve", "-c", self.config.name]
        if not (self.open_files or self.imports_first or self.is_compiled):
            environment = self.environment() | _IMPORTS
            self._process = warm_program.begin(self.directory, output, environment, words)
            return
        limit = ["prlimit", f"--nofile={self.open_files}"] if self.open_files else []
        imports = os.pathsep.join(filter(None, (self.imports_first, *warm_program.PATHS)))
        self._process = subprocess.Popen(
            [*limit, *warm_program.PROGRAM, *words],
            cwd=self.directory,
            env=self.environment() | {"PYTHONPATH": imports},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    async def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            if self.status() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the relay does not serve:\n{self.output}")
            await asyncio.sleep(0.03)

    def _announced(self, begin: int) -> int:
        with self.output_file.open("rb") as output:
            output.seek(begin)
            said = output.read()
        for line in said.splitlines(keepends=True):
            if b'"relay_ready"' in line and line.endswith(b"\n"):
                ready = json.loads(line)
                if "worker" not in ready:  # a worker says so too, and one of an earlier start perhaps now
                    return int(ready["port"])
        return 0

    def _operator_logins(self) -> int:
        answers = [entry.data for entry in self.ledger() if entry.kind == "counter_login_answer"]
        return sum(answer["error_id"] == 0 for answer in answers)

    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll() if self._process is not None else 0

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> int:
        """SIGTERM, and its exit status; killed when it does not end."""
        return await self._end("terminate")

    async def kill(self) -> None:
        """SIGKILL: no chance to write or say anything."""
        await self._end("kill")

    async def _end(self, how: str) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        getattr(process, how)()
        try:
            return await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the relay did not stop:\n{self.output}") from None

    # What it leaves behind -------------------------------------------------------------------------------------

    @property
    def output(self) -> str:
        """Everything it wrote to standard output and standard error."""
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def ledger(self) -> list[LedgerEntry]:
        """Every entry there is now. What was read before is not read again: entries are only ever added."""
        with self._ledger_database() as engine:
            parts = ledger_reader.stretches(engine)
            new = {
                chain: Stretch(self._ledger_read[chain], part.after) if chain in self._ledger_read else part
                for chain, part in parts.items()
            }
            for entry in ledger_reader.read(engine, new):
                read = LedgerEntry(entry.kind, entry.session, json.loads(entry.data))
                self._entries.setdefault(entry.chain, []).append(read)
        self._ledger_read = {chain: part.after for chain, part in parts.items()}
        return [entry for chain in parts for entry in self._entries.get(chain, ())]

    def rows(self, table: str) -> int:
        """How many there are in a table of its database now."""
        with self._ledger_database() as engine, engine.connect() as connection:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    @contextmanager
    def _ledger_database(self) -> Iterator[Engine]:
        """The relay made its tables; looking for them anew would take longer than what is read, again and again."""
        engine = open_database(ledger_url(load(self.config)))
        try:
            yield engine
        finally:
            engine.dispose()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def memory(self) -> int:
        """Bytes it has resident now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))

    def refusals(self) -> list[dict[str, Any]]:
        """What the ledger says about refused terminals."""
        return [entry.data for entry in self.ledger() if entry.kind == "terminal_refused"]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ctp-relay ARGUMENTS -c relay.toml`."""
        return run_command(self.directory, *arguments, "-c", self.config.name)


def as_shipped() -> dict[str, str]:
    """This process's environment without asyncio's debug mode: a program's callbacks then cost many times more."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}


def spawn_program(directory: Path, output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `ctp-relay ARGUMENTS` in a directory; both its outputs go into a file."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [*warm_program.PROGRAM, *arguments],
            cwd=directory,
            env=as_shipped() | _IMPORTS,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def run_command(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ctp-relay ARGUMENTS` in a directory."""
    return subprocess.run(
        [*warm_program.PROGRAM, *arguments],
        cwd=directory,
        env=as_shipped() | _IMPORTS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )


def _port_announced(descriptor: int) -> int:
    read = b""
    while data := os.read(descriptor, 1):  # byte by byte: what comes after it stays in the pipe
        read += data
        if data == b"\n" and b'"relay_ready"' in read:
            return int(json.loads(read.splitlines()[-1])["port"])
    raise AssertionError(f"the relay does not serve:\n{read.decode()}")


def _toml(sections: Sections) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's too."""
    lines: list[str] = []
    for section, values in sections.items():
        kept = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
        lines += [f"[{section}]", *kept]
    return "\n".join(lines) + "\n"


def found_in(directory: Path, secrets: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Which of `secrets` stand in which file below `directory`."""
    return [
        (str(path.relative_to(directory)), secret)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        for content in [path.read_bytes()]
        for secret in secrets
        if secret in content
    ]
