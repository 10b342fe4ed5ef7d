"""Another revision of the tree beside this one, interleaved in one run: `make bench-against REV`.

Both relays of both modes get the same orders and notices in turn, each relay with a counter and a terminal of its own; this tree's
many-to-one relay runs twice, and the ratio of that pair is the noise: a ratio within it says nothing. What is compared is this tree as
it stands, changes that are not committed included, with terminal and relay of the other revision. Nothing is written.

`--ours NAME=VALUE` and `--theirs NAME=VALUE` are settings of the relays of one side (`--ours RELAY__NAME=x`), so that `--rev HEAD` compares
one tree with itself under another setting.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.events import Floods, flood_all
from benchmarks.order_part import TWIN
from benchmarks.orders import Rounds, Say, measure, progress
from benchmarks.scene import DIRECT
from benchmarks.stand import Stand, start_direct, start_relay
from benchmarks.trees import HERE, Tree, tree_of
from demo.cast import MODES
from demo.certificates import make_tls_files
from demo.relay_site import CommandFailed

_PAUSES = ((0, "back to back"), (3, "3 ms pauses"), (20, "20 ms pauses"))
_THEIRS = "theirs_"
_WIDE = 130
"""columns, where the table goes into a file"""


async def compare(folder: Path, given: argparse.Namespace, say: Say) -> tuple[Rounds, Floods]:
    """ValueError where there is no such revision."""
    theirs = tree_of(given.rev)
    say("the order paths are compiled where they are not yet (relay.compiled): a minute or two each")
    for tree in (HERE, theirs):
        await asyncio.to_thread(tree.compile)
    say(f"{HERE.name} and {theirs.name}: counters, relays and terminals start")
    async with AsyncExitStack() as stack:
        stands = await _stands(stack, folder, theirs, given)
        rounds = await measure(stands, given.rounds, say)
        say(f"{given.events} notices to each terminal, several times")
        return rounds, await flood_all(stands, given.events, given.floods, say)


async def _stands(stack: AsyncExitStack, folder: Path, theirs: Tree, given: argparse.Namespace) -> dict[str, Stand]:
    tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
    stands = {DIRECT: await start_direct(stack, folder)}
    sides = [*((mode, mode, HERE, given.ours) for mode in MODES), (TWIN, "many_to_one", HERE, given.ours)]
    sides += [(_THEIRS + mode, mode, theirs, given.theirs) for mode in MODES]
    for name, mode, tree, settings in sides:
        stands[name] = await start_relay(stack, folder / name, mode, tls, tree=tree, settings=dict(settings))
    return stands


def show(rounds: Rounds, floods: Floods, revision: str, console: Console) -> None:
    """Below 1 this tree is faster, or needs less."""
    table = Table(
        title=f"this tree to {revision}: medians of {len(rounds.kept)} rounds, {rounds.thrown_away} thrown away"
    )
    for column in ("what", "mode", "this tree", revision, "ratio", "noise (A/A)"):
        table.add_column(column, justify="left" if column in {"what", "mode"} else "right")
    for pause, words in _PAUSES:
        for mode in MODES:
            other = _THEIRS + mode
            _row(
                table, f"order p50 µs, {words}", mode, rounds.percentile(mode, pause, 0.5), rounds.percentile(other, pause, 0.5),
                rounds.ratio(mode, other, pause), rounds.ratio(TWIN, "many_to_one", pause),
            )  # fmt: skip
            _row(
                table, f"relay CPU µs an order, {words}", mode, rounds.relay_cpu_us(mode, pause), rounds.relay_cpu_us(other, pause),
                rounds.cpu_ratio(mode, other, pause), rounds.cpu_ratio(TWIN, "many_to_one", pause),
            )  # fmt: skip
    for mode in MODES:
        other, p99 = (
            _THEIRS + mode,
            {name: rounds.percentile(name, 3, 0.99) for name in (mode, _THEIRS + mode, TWIN, "many_to_one")},
        )
        _row(
            table,
            "order p99 µs, 3 ms pauses",
            mode,
            p99[mode],
            p99[other],
            p99[mode] / p99[other],
            p99[TWIN] / p99["many_to_one"],
        )
    for mode in MODES:
        other = _THEIRS + mode
        for place, words, of in (
            (0, "a notice, µs", floods.microseconds),
            (1, "relay CPU µs a notice", floods.relay_cpu_us),
        ):
            noise = floods.ratio(TWIN, "many_to_one", place)
            _row(table, words, mode, of(mode), of(other), floods.ratio(mode, other, place), noise)
    console.print(table)


def _row(table: Table, what: str, mode: str, here: float, there: float, ratio: float, noise: float) -> None:
    style = "" if abs(ratio - 1) <= max(0.03, abs(noise - 1)) else "green" if ratio < 1 else "red"
    figures = [f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in (here, there)]
    table.add_row(what, mode, *figures, f"{ratio:.3f}", f"{noise:.3f}", style=style)


def as_json(rounds: Rounds, floods: Floods) -> Mapping[str, object]:
    """The ratios for a program."""
    names = {0: "back_to_back", 3: "pause_3ms", 20: "pause_20ms"}
    return {
        mode: {
            "p50": {names[pause]: round(rounds.ratio(mode, _THEIRS + mode, pause), 3) for pause in names},
            "relay_cpu_an_order": {
                names[pause]: round(rounds.cpu_ratio(mode, _THEIRS + mode, pause), 3) for pause in names
            },
            "a_notice": round(floods.ratio(mode, _THEIRS + mode, 0), 3),
            "relay_cpu_a_notice": round(floods.ratio(mode, _THEIRS + mode, 1), 3),
        }
        for mode in MODES
    } | {"a_a": {names[pause]: round(rounds.ratio(TWIN, "many_to_one", pause), 3) for pause in names}}


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or "__" not in name:
        raise argparse.ArgumentTypeError(
            f"{text}: a setting is SECTION__NAME=VALUE, COUNTER__INITS_PER_SECOND=50 for one"
        )
    return name.upper(), value


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rev", default="main", help="commit, branch or tag to compare with (main)")
    parser.add_argument("--rounds", type=int, default=12, help="quiet rounds of orders, some 5 s each (12)")
    parser.add_argument("--events", type=int, default=10_000, help="notices in one flood (10000)")
    parser.add_argument("--floods", type=int, default=5, help="floods of each relay (5)")
    for side, words in (("ours", "this tree's"), ("theirs", "the other revision's")):
        parser.add_argument(
            f"--{side}", type=_setting, action="append", default=[], help=f"a setting of {words} relays"
        )
    parser.add_argument("--json", action="store_true", help="the ratios as JSON instead of a table")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: relays and counters are ended first
    run(parser.parse_args())


def run(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            rounds, floods = asyncio.run(compare(Path(folder), given, progress))
        except (ValueError, RuntimeError, CommandFailed) as error:
            sys.exit(f"bench-against: {error}")
    if given.json:
        print(json.dumps(as_json(rounds, floods), indent=2))
    else:
        show(rounds, floods, given.rev, Console(width=None if sys.stdout.isatty() else _WIDE))


if __name__ == "__main__":
    main()
