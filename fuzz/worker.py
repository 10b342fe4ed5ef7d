"""Plays one target in a process of its own: guided by coverage where atheris is there, otherwise at random.

Coverage sees no machine code: the driver `compiled` makes inputs at random, and `fuzz.compiled` is its program.

What is said to the campaign goes to standard error, line by line: libFuzzer's own lines, and `fuzz: {json}` from here.
A finding is an input in a file of the folder that was named, and an exit status that is not 0. Which input a process
was at when native code ended it, libFuzzer writes as well; the random driver keeps it in `last-input`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from fuzz.cases import cases_of
from fuzz.mutations import any_bytes
from fuzz.targets import DRIVERS, WITHOUT_COVERAGE, FuzzTarget, Play, by_name

SLOWEST_SECONDS = 5.0
"""of processor time for one input"""
HANGS_SECONDS = 60
MEMORY_MIB = 1536
_MEMORY_FILES = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_REPORT_SECONDS = 1.0
_OWN_SHARE = 0.6
"""how often a guided worker changes an input by the target's own mutation; otherwise libFuzzer does"""
_FRESH_SHARE = 0.2
"""and how often it begins with a whole value again: what covers a new branch is mostly broken, and what is made of it too"""


class TooSlow(AssertionError):
    """One input took more processor time than any should."""


def main(given: list[str]) -> int:
    wanted = _arguments(given)
    target = by_name(wanted.target)
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_in_memory()) as place:
        os.chdir(place)  # what a target writes by a relative path stays here
        if wanted.input:
            return _replay(target, wanted)
        if wanted.driver in WITHOUT_COVERAGE:
            return _random(target, wanted)
        return _guided(target, wanted, Path(place))


def _in_memory() -> Path | None:
    """Where files cost least: a target may write some for each input."""
    return _MEMORY_FILES if os.access(_MEMORY_FILES, os.W_OK) else None


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz.worker", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--driver", choices=DRIVERS, default="guided")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, help="folder for inputs that are findings")
    parser.add_argument("--break", dest="broken", default="", help="break a parser on purpose, see fuzz.breaks")
    parser.add_argument("--input", type=Path, help="only this input")
    return parser.parse_args(given)


def play_once(play: Play, data: bytes) -> None:
    """One input; raises what the target raises, and TooSlow."""
    before = time.process_time()
    play.run(data)
    taken = time.process_time() - before
    if taken > SLOWEST_SECONDS:
        raise TooSlow(f"{taken:.1f} s for {len(data)} bytes")


def _played(play: Play, data: bytes) -> None:
    """As `play_once`; what is found is said before it goes on its way, since atheris says it on standard output."""
    try:
        play_once(play, data)
    except BaseException as error:
        _found(error)
        raise


def _found(error: BaseException) -> None:
    traceback.print_exc()
    where = traceback.extract_tb(error.__traceback__)[-1]
    _say(finding=f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:300])


def seeds_of(target: FuzzTarget, play: Play) -> list[bytes]:
    """What a worker begins with: the real values and the corpus."""
    return [*(seed[: play.longest] for seed in play.seeds), *cases_of(target.name)]


def changed_seeds(target: FuzzTarget, play: Play, random: Random, count: int) -> Iterator[bytes]:
    """Inputs made of what a worker begins with, without a look at what they cover."""
    seeds = seeds_of(target, play)
    for _ in range(count):
        yield _made(play, seeds, random)


def _break(name: str) -> None:
    if name:
        from fuzz.breaks import BREAKS  # noqa: PLC0415 - it loads the parsers it breaks, which are to be watched first

        BREAKS[name].apply()


def _replay(target: FuzzTarget, wanted: argparse.Namespace) -> int:
    play = target.load()
    _break(wanted.broken)
    play_once(play, wanted.input.read_bytes())
    return 0


def _random(target: FuzzTarget, wanted: argparse.Namespace) -> int:
    """Without coverage: each input is made from one of the first ones."""
    play = target.load()
    _break(wanted.broken)
    random = Random(wanted.seed)
    seeds, last = seeds_of(target, play), wanted.found / f"last-input-{target.name}"
    next_report = time.monotonic()
    for number in range(wanted.inputs):
        data = seeds[number] if number < len(seeds) else _made(play, seeds, random)
        last.write_bytes(data)
        try:
            play_once(play, data)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
            kept = wanted.found / f"{target.name}-{hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]}"
            last.rename(kept)
            _found(error)
            return 77
        if time.monotonic() > next_report:
            next_report = time.monotonic() + _REPORT_SECONDS
            _say(inputs=number + 1)
    last.unlink(missing_ok=True)
    _say(inputs=wanted.inputs)
    return 0


def _made(play: Play, seeds: list[bytes], random: Random) -> bytes:
    data = random.choice(seeds) if seeds else b""
    for _ in range(1 + random.randrange(4)):
        data = play.mutate(data, play.longest, random)
    return data


def _guided(target: FuzzTarget, wanted: argparse.Namespace, place: Path) -> int:
    import atheris  # noqa: PLC0415 - not there on every platform

    # The parsers' own modules are loaded inside, so that their branches are counted.
    watching = atheris.instrument_imports(include=list(target.watched)) if target.watched else contextlib.nullcontext()
    with watching:
        play = target.load()
        _break(wanted.broken)
    seeds = seeds_of(target, play)
    corpus = place / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / f"{number:04}").write_bytes(seed)
    options = [
        f"-runs={wanted.inputs}",
        f"-seed={wanted.seed}",
        f"-max_len={play.longest}",
        f"-timeout={HANGS_SECONDS}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-artifact_prefix={wanted.found}/{target.name}-",
        "-print_final_stats=1",
        "-len_control=20",
    ]
    match wanted.driver:
        case "unguided":
            mutator = _unguided_mutator(play, seeds)
        case "plain":
            mutator = _unguided_mutator(replace(play, mutate=any_bytes), seeds)
        case _:
            mutator = _own_or_libfuzzers(play, seeds, atheris)
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: _played(play, data), custom_mutator=mutator)
    atheris.Fuzz()  # does not return
    return 0


def _own_or_libfuzzers(play: Play, seeds: list[bytes], atheris: Any) -> Any:
    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < _FRESH_SHARE:
            return _made(play, seeds, random)[:most]
        if random.random() < _OWN_SHARE:
            for _ in range(1 + random.randrange(3)):
                data = play.mutate(data, min(most, play.longest), random)[:most]
            return data
        changed: bytes = atheris.Mutate(data, most)
        return changed

    return mutate


def _unguided_mutator(play: Play, seeds: list[bytes]) -> Any:
    """Takes no notice of what was found interesting: what coverage is worth is measured against it."""

    def mutate(_: bytes, most: int, seed: int) -> bytes:
        return _made(play, seeds, Random(seed))[:most]

    return mutate


def _say(**facts: object) -> None:
    sys.stderr.write(f"fuzz: {json.dumps(facts)}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
