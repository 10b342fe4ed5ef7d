"""Mutation testing from the command line; `make mutants` is `python -m mutants`.

Exit status 0: of the changes that change something at least --least percent were killed. 1: fewer. 3: --seconds were over
before all were judged; the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from mutants.accepted import accepted, content_of
from mutants.changes import Change, changes_of
from mutants.copy import renew_copy
from mutants.draw import draw
from mutants.judge import Judge, Judged
from mutants.places import ROOT, changed_files, judging_files
from mutants.reach import reach
from mutants.report import Sample, as_json, as_text
from mutants.warm import warm_up

_SCREEN = os.dup(2)


def main(given: Sequence[str]) -> int:
    wanted = _parser().parse_args(given)
    started = time.monotonic()
    stop_at = started + wanted.seconds if wanted.seconds else float("inf")
    possible = [one for one in _possible(wanted.places) if wanted.kind in {None, one[0].kind}]
    sample = draw(possible, wanted.seed, wanted.mutants)
    if wanted.list:
        sys.stdout.write("".join(f"{change.diff((ROOT / change.file).read_bytes())}\n" for change in sample))
        return 0
    _say("copying and importing")
    renew_copy()
    warm_up()
    judges = judging_files(wanted.places)
    found = reach(judges, _say, stop_at)
    if found is None:
        return _over()
    outcome = Sample(wanted.seed, len(sample), len(possible))
    verdicts = Judge(found, judges, _say, stop_at).judge_all(sample)
    _sort(outcome, verdicts)
    outcome.seconds = time.monotonic() - started
    sys.stdout.write(
        json.dumps(as_json(outcome), indent=2, ensure_ascii=False) + "\n" if wanted.json else as_text(outcome)
    )
    if not outcome.complete:
        return _over()
    return int(outcome.percent < wanted.least)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("places", nargs="*", help="only changes of files whose path begins so; all where none is named")
    parser.add_argument("--mutants", type=int, default=300, help="how many are drawn; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", help="only changes of this kind: text, number, comparison, condition, left out …")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0,
        help="stop after so long; what was judged is kept, and the same command goes on",
    )
    parser.add_argument("--least", type=float, default=90.0, help="percent that must be killed")
    parser.add_argument("--list", action="store_true", help="show the changes of the sample, and judge none")
    parser.add_argument("--json", action="store_true")
    return parser


def _possible(places: Sequence[str]) -> list[tuple[Change, bytes]]:
    files = [file for file in changed_files() if not places or file.startswith(tuple(places))]
    texts = {file: (ROOT / file).read_bytes() for file in files}
    return [(change, text) for file, text in texts.items() for change in changes_of(file, text)]


def _sort(outcome: Sample, verdicts: Sequence[Judged]) -> None:
    known = accepted()
    for verdict in verdicts:
        entry = known.get(content_of(verdict.change, (ROOT / verdict.change.file).read_bytes()))
        if entry is not None and not verdict.killed:
            outcome.accepted.append((verdict, entry.reason))
        else:
            outcome.verdicts.append(verdict)


def _say(text: str) -> None:
    """Also from a fork whose output goes to a file."""
    line = f"\x1b[K{text}\r" if os.isatty(_SCREEN) else f"{text}\n"
    os.write(_SCREEN, line.encode())


def _over() -> int:
    _say("the time is over; the same command goes on")
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
