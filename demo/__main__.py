"""`python -m demo`: the demonstration for people, or as one JSON object a line and mode; exit code 1 when it failed."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.bridge_performance import BridgePerformance
from demo.cast import CASTS, TERMINAL_APP_ID, Cast
from demo.certificates import make_tls_files
from demo.outcome import DemoOutcome
from demo.performance import DemoStage, Performance
from demo.picture import picture
from demo.relay_site import RelaySite
from demo.story import DemoStepFailed, Part, Screen, Story, tell_failure
from demo.systems import SYSTEMS, DemoSystem, SystemMissing
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.settlement import day_report

PLAIN_WIDTH = 110


class ModeName(StrEnum):
    MANY_TO_MANY = "many_to_many"
    MANY_TO_ONE = "many_to_one"


class SystemName(StrEnum):
    CTP = "ctp"
    TTS = "tts"
    CTS = "cts"
    UFX = "ufx"
    BRIDGE = "bridge"


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line and mode, and nothing else.")]
Modes = Annotated[list[ModeName] | None, typer.Option("--mode", help="Only this mode; may be repeated.")]
Which = Annotated[SystemName, typer.Option("--system", help="The counter system that is played.")]
Keep = Annotated[Path | None, typer.Option(help="Work in this new directory and leave it behind.")]
Svg = Annotated[Path | None, typer.Option(help="Also write what was shown as a picture.")]


@app.command(epilog="Exit codes: 0 all was as it must be, 1 a step failed or a fact is wrong, 2 wrong usage.")
def main(
    as_json: AsJson = False,
    system: Which = SystemName.CTP,
    mode: Modes = None,
    keep: Keep = None,
    svg: Svg = None,
) -> None:
    """Start a simulated counter and a relay, send a terminal through it in each mode, and show what happened."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # gRPC would take a proxy of the environment even to this machine.
    os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost")
    console = _console(quiet=as_json, record=svg is not None)
    chosen, modes = SYSTEMS[system.value], {name.value for name in mode or ModeName}
    casts = [cast for cast in CASTS[system.value] if cast.mode in modes]
    try:
        chosen.needs()
        with _folder(keep) as folder:
            good = asyncio.run(_perform(Screen(console), chosen, casts, folder, as_json=as_json, kept=str(keep or "")))
    except SystemMissing as missing:
        sys.stderr.write(f"{missing}\n")
        raise typer.Exit(1) from None
    except DemoStepFailed as failure:
        tell_failure(Console(stderr=True, highlight=False, width=PLAIN_WIDTH), failure)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None
    if svg is not None:
        command = "make demo" if chosen.name == "ctp" else f"make demo SYSTEM={chosen.name}"
        svg.write_text(picture(console, command), encoding="utf-8")
    raise typer.Exit(0 if good else 1)


async def _perform(
    screen: Screen, system: DemoSystem, casts: list[Cast], folder: Path, *, as_json: bool, kept: str
) -> bool:
    """Whether every mode showed what it must."""
    _cancel_on_sigterm()
    started = time.monotonic()
    story = Story(screen)
    story.opening(system.about, system.title, system.real, system.simulated)
    doing = "准备模拟柜台 make the simulated counter ready"
    async with story.step(Part.COUNTER, doing, system.preparing, seconds=320.0) as say:
        environment = await asyncio.to_thread(system.relay_environment, folder / "tmp")
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        say("内部 CA 与中继证书已生成 internal CA and the relay's certificate made")
    sites = [RelaySite(folder / cast.mode, cast, tls, secrets.token_hex(8)) for cast in casts]
    async with AsyncExitStack() as stack:
        counters = [await stack.enter_async_context(counter) for counter in _counters(system, folder, len(sites))]
        stages = [DemoStage(system, counter, environment) for counter in counters]
        good = await _play(screen, stages, sites, as_json=as_json)
        if any(cast.takes_terminals for cast in casts):
            story.day_report(day_report(counters[0].tmdb.reports(), counters[0].monitoring_key))
    story.closing(time.monotonic() - started, kept)
    return good


def _counters(system: DemoSystem, folder: Path, modes: int) -> Iterator[SimulatedCounter]:
    """One for each mode: the same, where the counter serves several relays."""
    made = system.counter(CounterConfig(database=str(folder / "terminal_store.sqlite3")))
    for number in range(modes):
        yield system.counter(CounterConfig()) if number and system.one_each else made


async def _play(screen: Screen, stages: list[DemoStage], sites: list[RelaySite], *, as_json: bool) -> bool:
    """All modes at the same time, shown one after the other; raises the first DemoStepFailed."""
    stories = [Story(screen, waits=bool(number)) for number in range(len(sites))]
    good = True
    try:
        async with asyncio.TaskGroup() as group:
            performances = [
                group.create_task(_performance(*parts).play(), name=parts[-1].cast.mode)
                for parts in zip(stories, stages, sites, strict=True)
            ]
            for story, site, performance in zip(stories, sites, performances, strict=True):
                story.begin()
                good = _tell(story, site.cast, await performance, as_json=as_json) and good
    except* DemoStepFailed as failures:
        first = next(failure for failure in failures.exceptions if isinstance(failure, DemoStepFailed))
        stories[[site.cast.mode for site in sites].index(first.mode)].begin()
        raise first from None
    return good


def _performance(story: Story, stage: DemoStage, site: RelaySite) -> Performance | BridgePerformance:
    play = Performance if site.cast.takes_terminals else BridgePerformance
    return play(story, stage, site)


def _tell(story: Story, cast: Cast, outcome: DemoOutcome, *, as_json: bool) -> bool:
    problems = outcome.problems(cast, TERMINAL_APP_ID)
    story.result(outcome, problems)
    if as_json:
        sys.stdout.write(outcome.as_json() + "\n")
        sys.stdout.flush()
        for problem in problems:
            sys.stderr.write(f"{cast.mode}: {problem}\n")
    return not problems


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A directory for its owner only, gone afterwards unless it is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="ctp-relay-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        sys.stderr.write(f"--keep: {keep} exists already 目录已存在\n")
        raise typer.Exit(2) from None
    yield keep.resolve()


def _cancel_on_sigterm() -> None:
    """SIGTERM ends the demonstration as Ctrl-C does: the relay is stopped and the directory removed."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _console(*, quiet: bool, record: bool) -> Console:
    width = None if sys.stdout.isatty() and not record else PLAIN_WIDTH
    return Console(quiet=quiet, record=record, width=width, highlight=False)


if __name__ == "__main__":
    app(prog_name="python -m demo")
