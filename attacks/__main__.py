"""`python -m attacks`: attacks a real relay in each way of the catalog, and measures what honest terminals notice.

Each attack has a relay of its own, over TLS, with the real binding on the simulated counter. Honest terminals log in from
other addresses and one that is logged in places orders: first while it is quiet, then during the attack, then until
everything is served again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console

from attacks import report
from attacks.catalog import CATALOG, SPREADS, Attack
from attacks.trial import Plan, measure
from attacks.verdicts import Bounds, Measured
from demo.cast import MODES

_EPILOG = """\
examples:
  python -m attacks                                      everything, about 15 minutes; writes the results
  python -m attacks --only half_tls --from 100           one attack from a hundred addresses; writes nothing
  python -m attacks --mode many_to_one --json            for programs: the content of attack.json on standard output

exit status: 0 where every limit holds, 1 where one is missed.

attacks:
"""
Trials = list[tuple[Attack, int]]


def options() -> argparse.Namespace:
    names = [attack.name for attack in CATALOG]
    listed = "\n".join(f"  {attack.name:<25} {attack.words}" for attack in CATALOG)
    parser = argparse.ArgumentParser(
        prog="python -m attacks",
        description=__doc__,
        epilog=_EPILOG + listed,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAME", choices=names, action="append", help="this attack; may be repeated")
    parser.add_argument(
        "--from", dest="spread", type=int, choices=list(SPREADS), help="only from so many addresses; default: both"
    )
    parser.add_argument(
        "--mode", choices=list(MODES), default="many_to_many", help="of the relay (default: %(default)s)"
    )
    parser.add_argument(
        "--tries", type=int, default=2, help="an attack that misses a limit is tried again up to so often"
    )
    parser.add_argument("--json", action="store_true", help="write the result as JSON to standard output")
    parser.add_argument("--output", type=Path, help="write it to this file too; default of a whole run: attack.json")
    return parser.parse_args()


async def run(trials: Trials, mode: str, tries: int, console: Console) -> dict[tuple[str, int], Measured]:
    """All trials one after the other."""
    results: dict[tuple[str, int], Measured] = {}
    for number, (attack, spread) in enumerate(trials, 1):
        with console.status(f"{number} of {len(trials)}: {attack.name} from {spread} — {attack.words}"):
            result = await measure(attack, spread, mode, Plan())
            for _ in range(tries - 1):
                if not result.missed(Bounds()):
                    break
                console.print(report.line(attack.name, spread, result, Bounds()) + "\n  once more", style="dim")
                result = await measure(attack, spread, mode, Plan())
        results[attack.name, spread] = result
        console.print(report.line(attack.name, spread, result, Bounds()), highlight=False)
    return results


def main() -> int:
    given = options()
    console = Console(stderr=given.json)
    attacks = [attack for attack in CATALOG if not given.only or attack.name in given.only]
    spreads = [given.spread] if given.spread else list(SPREADS)
    trials = [(attack, spread) for attack in attacks for spread in spreads]
    results = asyncio.run(run(trials, given.mode, given.tries, console))
    content = report.as_json(results, given.mode, Bounds())
    is_whole = not given.only and not given.spread and given.mode == "many_to_many"
    if output := given.output or (report.RESULTS if is_whole else None):
        report.write(content, output)
        console.print(f"written: {output.name}")
    if is_whole:
        report.write_page(results, given.mode)
    if given.json:
        json.dump(content, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        report.show(results, given.mode, Bounds(), console)
    return 0 if content["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
