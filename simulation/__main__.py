"""Simulate from the command line; `make simulate` is `python -m simulation`.

A seed stands for one run and no other. Where a rule is broken the plan is shrunk, and what is printed plays it again.
Exit status 0: all rules held. 1: one did not.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from simulation.breaks import BREAKS, without
from simulation.plan import Act, Size, clock, make_plan, plan_of_cuts
from simulation.rules import RULES
from simulation.run import Result, play
from simulation.shrink import shrink

_DEFAULT = Size()


def main(given: Sequence[str]) -> int:
    wanted = _parser().parse_args(given)
    if wanted.list:
        return _list()
    size = Size(wanted.terminals, wanted.days, wanted.calls, wanted.faults, wanted.hours)
    with without(wanted.broken):
        for seed in range(wanted.seed, wanted.seed + wanted.seeds):
            made = plan_of_cuts(seed, size, wanted.cuts) if wanted.cuts else make_plan(seed, size)
            plan = _chosen(made, wanted)
            began = time.process_time()
            result = play(seed, size, plan)
            _say(result, time.process_time() - began)
            if result.broken is not None:
                _show(result, size, plan, wanted)
                return 1
    return 0


def _chosen(plan: Sequence[Act], wanted: argparse.Namespace) -> list[Act]:
    numbers, kinds = _numbers(wanted.only), set(wanted.kinds.split(",")) - {""}
    return [act for act in plan if (not numbers or act.number in numbers) and (not kinds or act.kind in kinds)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seeds", type=int, default=1, help="so many, from --seed on; it ends at the first that breaks a rule"
    )
    parser.add_argument("--terminals", type=int, default=_DEFAULT.terminals)
    parser.add_argument(
        "--days", type=int, default=_DEFAULT.days, help="trading days, each a night session and a day session"
    )
    parser.add_argument("--calls", type=int, default=_DEFAULT.calls, help="of each terminal and day")
    parser.add_argument(
        "--faults", type=int, default=_DEFAULT.faults, help="a day; the seed draws how many of each kind"
    )
    parser.add_argument("--hours", type=float, default=_DEFAULT.hours, help="of a day; 24 is a real one")
    parser.add_argument(
        "--cuts",
        type=int,
        default=0,
        help="another plan: so many streams end at random steps of logins, calls and drains",
    )
    parser.add_argument("--kinds", default="", help="only acts of these kinds: order,renew")
    parser.add_argument("--only", default="", help="only these acts of the plan: 3,17-20")
    parser.add_argument(
        "--shrink-seconds", type=float, default=60.0, help="how long a plan that fails is made smaller; 0 is not"
    )
    parser.add_argument(
        "--break", dest="broken", default="", choices=["", *sorted(BREAKS)], help="take a protection away"
    )
    parser.add_argument(
        "--list", action="store_true", help="list the rules, and the protections that --break takes away"
    )
    return parser


def _list() -> int:
    for name, what in RULES.items():
        sys.stdout.write(f"{name:20}{what}\n")
    for name, protection in BREAKS.items():
        sys.stdout.write(f"--break {name:20}{protection.what} ({protection.rule})\n")
    return 0


def _say(result: Result, seconds: float) -> None:
    end = "every rule held" if result.broken is None else f"BROKEN {result.broken}"
    sys.stdout.write(
        f"seed {result.seed}: {result.steps} steps, {result.acts} acts, {sum(result.held.values())} questions, "
        f"{clock(result.seconds)} simulated in {seconds:.1f} s of CPU, fingerprint {result.fingerprint}: {end}\n"
    )
    sys.stdout.flush()


def _show(result: Result, size: Size, plan: Sequence[Act], wanted: argparse.Namespace) -> None:
    broken = result.broken
    if broken is None:
        return

    def is_broken(tried: Sequence[Act]) -> bool:
        found = play(result.seed, size, tried).broken
        return found is not None and found.rule == broken.rule

    kept = shrink(plan, broken.at, is_broken, seconds=wanted.shrink_seconds) if wanted.shrink_seconds else list(plan)
    again = play(result.seed, size, kept).broken if len(kept) < len(plan) else broken
    sys.stdout.write(f"at step {broken.step}, {clock(broken.at)}; {len(kept)} of {len(plan)} acts are needed:\n")
    sys.stdout.writelines(f"{act}\n" for act in kept[:60])
    sys.stdout.write(f"then: {again}\n")
    options = f"--seed {result.seed} --terminals {size.terminals} --days {size.days} --calls {size.calls} --faults {size.faults} --hours {size.hours:g}"
    options += f" --cuts {wanted.cuts}" if wanted.cuts else ""
    options += f" --break {wanted.broken}" if wanted.broken else ""
    sys.stdout.write(f"again: python -m simulation {options} --only {_ranges([act.number for act in kept])}\n")


def _numbers(text: str) -> set[int]:
    spans = [part.partition("-") for part in text.split(",") if part]
    return {number for first, _, last in spans for number in range(int(first), int(last or first) + 1)}


def _ranges(numbers: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join(str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans) or "0"


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets of texts belongs to the seed too
        command = [sys.executable, "-m", "simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONHASHSEED": "0"})  # noqa: S606 - the same program again
    sys.exit(main(sys.argv[1:]))
