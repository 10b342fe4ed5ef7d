"""The relay through random histories, each in a process of its own with the simulated counter's library underneath.

`make soak` runs ten thousand steps; `STEPS` and `SEED` make it longer, or another. A failure prints the steps of
the history that broke a promise and the command that repeats it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ctpabi.shim.build import CompilerMissing, build
from ctpabi.shim.substitute import BindingMissing
from relay.counter.port import Mode
from tests.ctpabi.native_library import native_module
from tests.stateful.__main__ import environment_of_histories
from tests.stateful.sabotage import BREAKS

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 240
STEPS = 250 if os.environ.get("HYPOTHESIS_PROFILE") != "deep" else 1500
SEED = 1
FOUND_WITHIN = 1000
"""steps in which each break must be found; most take a tenth of that"""
BROKEN_IN = {
    "investor-filter": Mode.MANY_TO_ONE,  # in many-to-many the counter itself tells investors apart
    "ref-counter": Mode.MANY_TO_ONE,
    "restart": Mode.MANY_TO_MANY,
}
FOUND_LATE = {"trades-wait", "ref-counter", "restart", "order-keys"}
"""by histories that take a minute beside other work"""
TELLING = {
    "investor-filter": (" of 10000",),
    "ref-map": (" was (", "is shown as", "with reference", "was refused"),
    "ref-counter": ("were used twice in the day",),
    "restart": ("is shown as", "with reference"),
    "repetitions": ("came twice",),
    "legs": (": trades [", "reported {"),
    "trades-wait": ("before its order",),
    "order-keys": ("gave a second order",),
}
"""What is said of each; what it is noticed by first depends on the history."""


@dataclass(frozen=True, slots=True)
class Verdict:
    status: int
    said: dict[str, Any]
    output: str


@pytest.fixture(scope="module", autouse=True)
def shim() -> None:
    """Without a compiler these tests cannot run."""
    try:
        build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))


def history(mode: Mode, steps: int, *more: str) -> Verdict:
    arguments = ["-m", "tests.stateful", "--steps", str(steps), "--seed", str(SEED), "--mode", mode.value, *more]
    # The loop's debug mode takes half of the speed and tells nothing here.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}
    environment = environment_of_histories(inherited)
    command = [sys.executable, *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    output = f"again with: python {' '.join(arguments)}\n{ended.stderr}"
    said = [line for line in ended.stdout.splitlines() if line.startswith("{")]  # the library prints, too
    return Verdict(ended.returncode, json.loads(said[-1] if said else "{}"), output)


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
def test_no_history_breaks_a_promise(mode: Mode) -> None:
    """No event at the wrong investor, no order or trade lost, doubled or out of order, no reference used twice."""
    verdict = history(mode, STEPS, "--no-shrink")

    assert verdict.status == 0, verdict.output
    assert verdict.said["steps"][mode.value]["steps"] >= STEPS


def test_no_history_breaks_a_promise_on_the_native_road() -> None:
    """The same promises where events are taken and encoded in C++."""
    native_module()
    steps = STEPS // 4
    verdict = history(Mode.MANY_TO_ONE, steps, "--no-shrink", "--native")

    assert verdict.status == 0, verdict.output
    assert verdict.said["steps"][Mode.MANY_TO_ONE.value]["steps"] >= steps


@pytest.mark.parametrize(
    "broken",
    [pytest.param(name, marks=pytest.mark.long if name in FOUND_LATE else ()) for name in sorted(BREAKS)],
)
def test_a_relay_broken_on_purpose_is_found(broken: str) -> None:
    """Each of the mechanisms the promises rest on is needed, and its loss is noticed."""
    verdict = history(BROKEN_IN.get(broken, Mode.MANY_TO_ONE), FOUND_WITHIN, "--no-shrink", "--break", broken)

    assert verdict.status == 1, f"{broken} was not noticed in {FOUND_WITHIN} steps"
    assert any(words in verdict.output for words in TELLING[broken]), verdict.output
