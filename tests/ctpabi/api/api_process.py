"""A process of its own with the real binding on the simulated library, in which `ctpabi.api` is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.substitute import BindingMissing
from simcounter.exec import program_environment
from tests.relay.counter.ctp.ctp_bodies import CATALOG
from tests.simcounter.scripted_counter import DEADLINE_SECONDS, ScriptedCounter

BEGINNING = """
import json, queue, sys
from pathlib import Path
from ctpabi.api import binding
from ctpabi.api.trader import RESTART, TraderApi

loaded = binding.load()
events = queue.Queue()
flow = Path(sys.argv[2]) / "not" / "there" / "yet"
api = TraderApi(loaded, flow, events.put)
method = loaded.catalog.methods.__getitem__

def say(*values):
    print(json.dumps(values), flush=True)

def wait():
    return events.get(timeout=20)

def connect():
    api.connect([sys.argv[1]], RESTART)
    assert wait().callback.name == "OnFrontConnected"
"""

NATIVE = (
    BEGINNING.replace("api = TraderApi(loaded, flow, events.put)", "")
    + """
import select, threading
from ctpabi.api import roads
from ctpabi.api.native_inbox import NativePut

loaded, road = roads.choose(roads.Wanted.ON, loaded)
put = NativePut(loaded.native, 1000)
api = TraderApi(loaded, flow, put)

def pass_on():
    while select.select([put.queue.descriptor], [], []):
        for event in put.queue.take():
            events.put(event)

threading.Thread(target=pass_on, daemon=True).start()
"""
)
"""the same program on the native road"""
MARKET = """
import json, queue, sys
from pathlib import Path
from ctpabi.api import binding
from ctpabi.api.market import MarketApi

loaded = binding.load_market()
events = queue.Queue()
flow = Path(sys.argv[2]) / "not" / "there" / "yet"
api = MarketApi(loaded, flow, events.put)
method = loaded.catalog.methods.__getitem__

def say(*values):
    print(json.dumps(values), flush=True)

def wait():
    return events.get(timeout=20)

def connect():
    api.connect([sys.argv[1]])
    assert wait().callback.name == "OnFrontConnected"
"""

Start = Callable[[str], "Process"]


class Process:
    """The running program; `end` gives what it said."""

    def __init__(self, source: str, front: str, directory: Path, beginning: str = BEGINNING) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-c", beginning + textwrap.dedent(source), front, str(directory)],
            env=program_environment({**os.environ, "CTP_SIMCOUNTER_RECONNECT_MS": "10"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> list[Any]:
        """What it said, in order; fails where it did not end well."""
        output, errors = self._running.communicate(timeout=DEADLINE_SECONDS)
        assert self._running.returncode == 0, errors
        return [json.loads(line) for line in output.splitlines()]

    def kill(self) -> None:
        self._running.kill()
        self._running.communicate()


@pytest.fixture
def scripted() -> Iterator[ScriptedCounter]:
    with ScriptedCounter(CATALOG) as counter:
        yield counter


@pytest.fixture
def start(scripted: ScriptedCounter, tmp_path: Path) -> Iterator[Start]:
    """`start(source)` runs a program that has an `api`; skipped where the library cannot be built."""
    yield from starting(lambda source: Process(source, scripted.front, tmp_path))


def starting(run: Start) -> Iterator[Start]:
    """What starts programs by `run` and ends them."""
    processes: list[Process] = []

    def start_one(source: str) -> Process:
        try:
            processes.append(run(source))
        except (CompilerMissing, BindingMissing) as missing:
            pytest.skip(str(missing))
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
