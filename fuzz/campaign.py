"""Shares a campaign's inputs out among the targets, runs the workers, two at a time, and keeps what they found.

A worker that dies by a signal, or ends with anything but 0, has found something: native code that crashed is noticed
like an exception. The input is then in the folder of findings, whoever wrote it: libFuzzer, the random driver, or, where
a process was ended without a word, the last input that it had noted.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.targets import FuzzTarget

ROOT = Path(__file__).resolve().parent.parent
FOUND = ROOT / "fuzz" / "found"
AT_ONCE = 2
FEWEST = 200
"""inputs of a target, however few are asked for"""
_LAST_LINES = 60
_STATUS = re.compile(r"^#(\d+)\s+(\w+)(?:\s+cov: (\d+))?")
_WRITTEN = re.compile(r"Test unit written to (\S+)")
_CLEAN_ENVIRONMENT = ("LD_PRELOAD", "LD_AUDIT")


@dataclass(slots=True)
class Tally:
    """What became of one target."""

    target: str
    inputs: int = 0
    edges_of_seeds: int = 0
    """covered before the first change"""
    edges: int = 0
    seconds: float = 0.0
    loading: float = 0.0
    """of these, until the first input: what is watched is loaded slowly"""
    finding: str = ""
    """what was found, in one line"""
    input: Path | None = None
    """the input that shows it"""
    last_lines: list[str] = field(default_factory=list, repr=False)

    @property
    def a_second(self) -> int:
        playing = self.seconds - self.loading
        return round(self.inputs / playing) if playing > 0 else 0


@dataclass(frozen=True, slots=True)
class Campaign:
    targets: Sequence[FuzzTarget]
    inputs: int
    seed: int
    driver: str
    """one of DRIVERS"""
    broken: str = ""
    """the name of a parser broken on purpose"""
    found: Path = FOUND


def program_of(driver: str) -> str:
    """The module that plays a target for this driver."""
    return "fuzz.compiled" if driver == "compiled" else "fuzz.worker"


def best_driver() -> str:
    """`guided` where atheris can be loaded, otherwise random."""
    return "guided" if importlib.util.find_spec("atheris") is not None else "random"


def shares(targets: Sequence[FuzzTarget], inputs: int) -> dict[str, int]:
    """How many inputs each target gets; at least `inputs` in all."""
    whole = sum(target.share for target in targets)
    return {target.name: max(FEWEST, -(-inputs * target.share // whole)) for target in targets}


def run(campaign: Campaign, told: Callable[[dict[str, Tally]], None]) -> list[Tally]:
    """Play every target; `told` is called now and then with how far they are."""
    campaign.found.mkdir(parents=True, exist_ok=True)
    outcomes = {target.name: Tally(target.name) for target in campaign.targets}
    wanted = shares(campaign.targets, campaign.inputs)
    over = threading.Event()
    watcher = threading.Thread(target=_tell_on, args=(outcomes, told, over), daemon=True)
    watcher.start()
    # Those that take longest first: two workers end at about the same time then.
    slow_first = sorted(campaign.targets, key=lambda target: target.share)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for work in [pool.submit(_play, campaign, t, wanted[t.name], outcomes[t.name]) for t in slow_first]:
            work.result()
    over.set()
    watcher.join()
    return [outcomes[target.name] for target in campaign.targets]


def _tell_on(outcomes: dict[str, Tally], told: Callable[[dict[str, Tally]], None], over: threading.Event) -> None:
    while not over.wait(0.5):
        told(outcomes)


def _play(campaign: Campaign, target: FuzzTarget, inputs: int, outcome: Tally) -> None:
    began = time.monotonic()
    command = [
        *(sys.executable, "-m", program_of(campaign.driver), target.name, "--driver", campaign.driver),
        *("--inputs", str(inputs), "--seed", str(campaign.seed), "--found", str(campaign.found)),
        *(("--break", campaign.broken) if campaign.broken else ()),
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_environment(),
        text=True,
        errors="replace",
    ) as worker:
        for line in worker.stderr or ():
            _read(line.rstrip("\n"), outcome)
            outcome.loading = outcome.loading or (time.monotonic() - began if outcome.inputs else 0.0)
    outcome.seconds = time.monotonic() - began
    if worker.returncode != 0:
        _keep(campaign, outcome, worker.returncode)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _CLEAN_ENVIRONMENT}
    paths = [str(ROOT), str(ROOT / "proto"), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", "COLUMNS": "100"}


def _read(line: str, outcome: Tally) -> None:
    outcome.last_lines = [*outcome.last_lines[-_LAST_LINES:], line]
    if status := _STATUS.match(line):
        outcome.inputs, outcome.edges = int(status[1]), int(status[3] or 0)
        if status[2] == "INITED":
            outcome.edges_of_seeds = outcome.edges
    elif line.startswith("fuzz: "):
        said = json.loads(line.removeprefix("fuzz: "))
        outcome.inputs = said.get("inputs", outcome.inputs)
        outcome.finding = said.get("finding", outcome.finding)
    elif written := _WRITTEN.search(line):
        outcome.input = Path(written[1])


def _keep(campaign: Campaign, outcome: Tally, status: int) -> None:
    outcome.finding = outcome.finding or _what(outcome.last_lines, status)
    if outcome.input is None:
        noted = campaign.found / f"last-input-{outcome.target}"
        kept = sorted(campaign.found.glob(f"{outcome.target}-*"), key=lambda path: path.stat().st_mtime)
        if noted.exists():
            outcome.input = noted.rename(campaign.found / f"{outcome.target}-ended")
        elif kept:
            outcome.input = kept[-1]


def _what(lines: Sequence[str], status: int) -> str:
    """One line for a finding: the exception, or how the process ended."""
    if status < 0:
        return f"the process was ended by {signal.Signals(-status).name}"
    for line in lines:
        if "ERROR: libFuzzer" in line:
            return line.partition("ERROR: ")[2]
    # A traceback ends with its exception.
    said = [line for line in lines if line and not line.startswith((" ", "#", "fuzz: "))]
    return said[-1] if said else f"exit status {status}"
