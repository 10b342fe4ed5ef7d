"""The shim for the installed binding, a counter to script, and programs that run on both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ctpabi.catalog import Catalog
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.build import CompilerMissing, Shim, build
from ctpabi.shim.substitute import BindingMissing, environment
from tests.simcounter.scripted_counter import DEADLINE_SECONDS, ScriptedCounter

PROGRAM = Path(__file__).with_name("trader_program.py")


@pytest.fixture(scope="session")
def shim() -> Shim:
    """The built drop-in libraries."""
    try:
        return build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def scripted(catalog: Catalog) -> Iterator[ScriptedCounter]:
    with ScriptedCounter(catalog) as counter:
        yield counter


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left behind."""

    status: int
    output: str
    errors: str

    @property
    def findings(self) -> list[Any]:
        """What it said with `say`, in order."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("[")]


class Program:
    """A process with the unmodified binding on top of the shim."""

    def __init__(self, shim: Shim, front: str, source: str, **extra: str) -> None:
        base = {**os.environ, "CTP_SIMCOUNTER_RECONNECT_MS": "10", "PYTHONUNBUFFERED": "1", **extra}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), front],
            env=environment(base, shim.libraries),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(textwrap.dedent(source))
        self._process.stdin.close()
        self._process.stdin = None

    def end(self) -> Ended:
        """Wait for its end; a program that hangs is killed and shows as status -9."""
        try:
            output, errors = self._process.communicate(timeout=DEADLINE_SECONDS * 2)
        except subprocess.TimeoutExpired:
            self.kill()
            output, errors = self._process.communicate()
        return Ended(self._process.returncode, output, errors)

    def kill(self) -> None:
        self._process.kill()


@pytest.fixture
def start(shim: Shim, scripted: ScriptedCounter) -> Iterator[Callable[..., Program]]:
    """`start(source)` runs a program against the scripted counter."""
    programs: list[Program] = []

    def start_one(source: str, front: str | None = None, **extra: str) -> Program:
        programs.append(Program(shim, scripted.front if front is None else front, source, **extra))
        return programs[-1]

    yield start_one
    for program in programs:
        program.kill()
        program.end()
