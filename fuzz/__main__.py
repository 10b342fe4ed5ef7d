"""Fuzzing from the command line; `make fuzz` is `python -m fuzz`.

Exit status 0: nothing was found. 1: something was, and the input is in fuzz/found.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz import report
from fuzz.breaks import BREAKS
from fuzz.campaign import ROOT, Campaign, best_driver, program_of, run
from fuzz.targets import ABSENT, DRIVERS, TARGETS, by_name, compiled_targets

INPUTS = 1_000_000


def main(given: Sequence[str]) -> int:
    parser = _parser()
    wanted = parser.parse_args(given)
    unknown = set(wanted.targets) - {target.name for target in TARGETS}
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; see --list")
    if wanted.list:
        return _list()
    if wanted.input:
        if len(wanted.targets) != 1:
            parser.error("--input plays one target: name it")
        return _replay(wanted.targets[0], wanted.input, wanted.driver or best_driver())
    of_driver = compiled_targets() if wanted.driver == "compiled" else TARGETS
    targets = [by_name(name) for name in wanted.targets] or of_driver
    if wanted.broken and not wanted.targets:
        targets = [by_name(BREAKS[wanted.broken].target)]
    driver = wanted.driver or best_driver()
    if driver == "random" and not wanted.driver:
        sys.stderr.write("atheris is not here (pip install atheris, on Linux x86_64): inputs are made at random\n")
    progress = report.Progress(wanted.inputs)
    outcomes = run(Campaign(targets, wanted.inputs, wanted.seed, driver, wanted.broken), progress)
    progress.over()
    if wanted.json:
        sys.stdout.write(json.dumps(report.as_json(outcomes, driver, wanted.seed), indent=2) + "\n")
    else:
        sys.stdout.write(report.table(outcomes, driver))
    return int(any(outcome.finding for outcome in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="only these; all that the driver suits where none is named")
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="play this input once, and show what it does")
    parser.add_argument(
        "--driver",
        choices=DRIVERS,
        help="guided by coverage, the default where atheris is; to compare, unguided, or plain: as bytes only; random: without atheris; "
        "compiled: at random, the relay's order path as machine code",
    )
    parser.add_argument("--break", dest="broken", choices=sorted(BREAKS), help="break a parser on purpose")
    parser.add_argument("--list", action="store_true", help="list the targets")
    parser.add_argument("--json", action="store_true")
    return parser


def _list() -> int:
    for target in TARGETS:
        sys.stdout.write(f"{target.name:24}{target.reads}\n")
    for name, why in ABSENT.items():
        sys.stdout.write(f"({name}: {why})\n")
    return 0


def _replay(target: str, path: Path, driver: str) -> int:
    command = [sys.executable, "-m", program_of(driver), target, "--driver", driver, "--input", str(path.resolve())]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    sys.stderr.write("nothing was found\n" if status == 0 else f"{target}: found, exit status {status}\n")
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
