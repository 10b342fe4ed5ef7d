"""Long histories of the whole relay: `python -m tests.stateful --steps 10000 --seed 1`; prints a verdict as JSON.

Exit status 0: no promise was broken. 1: one was, and the history that broke it is printed, shrunk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from ctpabi.api import binding, roads
from ctpabi.api.roads import Wanted
from relay.counter.port import Mode
from simcounter.exec import program_environment
from simcounter.tmdb import MonitoringKey
from tests.stateful import fast_retries, relay_errors, sabotage, small_day
from tests.stateful.machine import Histories

HISTORY_STEPS = 50
HISTORIES_A_ROUND = 10
SHRINKING_SECONDS = 90
RECONNECT_MILLISECONDS = "2"
READY = "CTP_STATEFUL_READY"
"""in the environment where the binding loads the simulated counter's library"""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="of both modes together, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=[mode.value for mode in Mode], help="only this one")
    parser.add_argument("--break", dest="broken", choices=sorted(sabotage.BREAKS), help="break the relay on purpose")
    parser.add_argument("--native", action="store_true", help="events take the native road")
    parser.add_argument("--no-shrink", action="store_true", help="tell the first broken history as it is")
    return parser.parse_args(given)


def on_the_simulated_library(given: Sequence[str]) -> None:
    """Become the same program with the simulated counter's library under the binding, if it is not that already."""
    if READY in os.environ:
        return
    command = [sys.executable, "-m", "tests.stateful", *given]
    os.execve(sys.executable, command, environment_of_histories(os.environ))


def environment_of_histories(inherited: Mapping[str, str]) -> dict[str, str]:
    """In which the binding loads the simulated counter's library; who starts a process in it saves one start."""
    extra = {READY: "1", "CTP_SIMCOUNTER_RECONNECT_MS": RECONNECT_MILLISECONDS}
    return {**program_environment(inherited), **extra}


def run(mode: Mode, steps: int, first_seed: int, runner: asyncio.Runner, options: dict[str, Any]) -> int:
    """Rounds of histories until `steps` steps were done; returns how many. Raises what broke."""
    machine: Any = type(
        f"Histories_{mode.value}", (Histories,), {**options, "mode": mode, "runner": runner, "failures": []}
    )
    phases = (Phase.generate,) if options["no_shrink"] else (Phase.generate, Phase.shrink)
    rules = settings(
        max_examples=min(HISTORIES_A_ROUND, -(-steps // HISTORY_STEPS)),
        stateful_step_count=HISTORY_STEPS,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    engine.MAX_SHRINKING_SECONDS = SHRINKING_SECONDS
    number = first_seed
    while machine.steps_done < steps:
        seed(number)(machine)
        try:
            run_state_machine_as_test(machine, settings=rules)
        except BaseException as error:
            error.add_note("".join(machine.failures[:1]))
            error.add_note(f"round {number}, after {machine.steps_done} steps")
            raise
        number += 1
    return int(machine.steps_done)


def main(given: Sequence[str]) -> int:
    wanted = arguments(given)
    on_the_simulated_library(given)
    fast_retries.arrange()
    small_day.arrange()
    relay_errors.listen()
    if wanted.broken:
        sabotage.BREAKS[wanted.broken]()
    modes = [Mode(wanted.mode)] if wanted.mode else list(Mode)
    verdict: dict[str, Any] = {"seed": wanted.seed, "broken_on_purpose": wanted.broken or "", "steps": {}}
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        key = Path(directory) / "monitoring"
        MonitoringKey.generate().save_private(key)
        loaded, _ = roads.choose(Wanted.ON if wanted.native else Wanted.OFF, binding.load())
        options = {"binding": loaded, "monitoring_key": str(key), "no_shrink": wanted.no_shrink}
        for mode in modes:
            began = time.perf_counter()
            done = run(mode, -(-wanted.steps // len(modes)), wanted.seed, runner, options)
            seconds = time.perf_counter() - began
            verdict["steps"][mode.value] = {"steps": done, "a_second": round(done / seconds, 1)}
    sys.stdout.write(json.dumps(verdict) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
