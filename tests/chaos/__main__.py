"""`python -m tests.chaos --seed 1 --faults 40`: real processes, faults in the order of the seed, and an independent checker.

Prints the seed and the plan before anything starts, and a verdict as JSON at the end. Exit status 1: something was lost,
doubled, misdelivered or not reported. The same seed makes the same plan; when in an order's life a fault meets it is the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import trustme

from ctpabi import locale
from ctpabi.shim.build import build
from tests.chaos.breaks import BREAKS
from tests.chaos.faults import FAULTS
from tests.chaos.plan import KILLS, Act, Shape, make_plan, plan_of_kills
from tests.chaos.run import Outcome, run
from tests.chaos.stage import Scale, stage_at
from tests.e2e.relay_process import TlsFiles
from tests.postgres import PostgresServer, _programs

_MOST_FAULTS = 100_000


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, action="append", help="may be repeated: one run after the other, and their sum"
    )
    parser.add_argument("--shape", choices=[shape.value for shape in Shape], action="append", help="only this one")
    parser.add_argument("--faults", type=int, default=40, help="how many, for each shape")
    parser.add_argument(
        "--kills",
        type=int,
        default=0,
        help="go on until so many processes were killed; nothing else happens, unless --only names it",
    )
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for so long, for each shape")
    parser.add_argument("--seats", type=int, default=Scale.seats, help="terminals")
    parser.add_argument("--pace", type=float, default=Scale.pace, help="mean seconds between two orders of one")
    parser.add_argument(
        "--crowd", type=int, default=0, help="terminals beside them that order nothing, in the single shape"
    )
    parser.add_argument("--only", choices=sorted(FAULTS), action="append", help="only this fault; may be repeated")
    parser.add_argument("--break", dest="broken", choices=sorted(BREAKS), default="", help="break a protection first")
    parser.add_argument("--show", action="store_true", help="print the plan and do nothing")
    return parser.parse_args(given)


def plan_for(wanted: argparse.Namespace, seed: int, shape: Shape) -> list[Act]:
    only = frozenset(wanted.only or ())
    if wanted.kills:
        return plan_of_kills(seed, shape, wanted.kills, only or KILLS)
    return make_plan(seed, shape, _MOST_FAULTS if wanted.minutes else wanted.faults, only)


@contextmanager
def own_postgres(directory: Path) -> Iterator[PostgresServer]:
    """One that may be stopped and hung."""
    programs = _programs()
    if programs is None:
        raise SystemExit("PostgreSQL's server programs are not installed: apt-get install postgresql")
    directory.mkdir(mode=0o755)
    server = PostgresServer(programs, directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def certificate(place: Path) -> TlsFiles:
    files = TlsFiles(place / "relay.crt", place / "relay.key", place / "authority.crt")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(files.authority)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    return files


async def one_shape(
    wanted: argparse.Namespace, seed: int, shape: Shape, place: Path, postgres: PostgresServer | None
) -> Outcome:
    until = time.monotonic() + wanted.minutes * 60 if wanted.minutes else float("inf")
    scale = Scale(wanted.seats, wanted.pace, crowd=wanted.crowd if shape is Shape.SINGLE else 0)
    made = stage_at(place, shape, seed, scale, certificate(place), postgres, wanted.broken)
    async with made as stage:
        outcome = await run(stage, plan_for(wanted, seed, shape), say, until)
    outcome.findings += stage.left
    return outcome


def played(wanted: argparse.Namespace, seed: int, shape: Shape) -> dict[str, Any]:
    """One run from nothing to its verdict."""
    with tempfile.TemporaryDirectory(prefix="ctp-relay-chaos-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        began = time.monotonic()
        clean = False
        try:
            with nullcontext() if shape is Shape.SINGLE else own_postgres(place / "postgres") as postgres:
                outcome = asyncio.run(one_shape(wanted, seed, shape, place, postgres))
            clean = not outcome.findings
        finally:
            if not clean:
                _keep_outputs(place)
    return {"minutes": round((time.monotonic() - began) / 60, 1), **outcome.as_json()}


def _keep_outputs(place: Path) -> None:
    kept = Path(tempfile.mkdtemp(prefix="ctp-relay-chaos-output-"))
    for output in place.glob("relay-*/output.log"):
        shutil.copy(output, kept / f"{output.parent.name}.log")
    say(f"what the relays logged: {kept}")


def say(words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


def main(given: Sequence[str]) -> int:
    wanted = arguments(given)
    locale.ensure()
    build()
    findings = kills = 0
    for seed in wanted.seed or [1]:
        verdict: dict[str, Any] = {"seed": seed, "broken_on_purpose": wanted.broken}
        for shape in [Shape(name) for name in wanted.shape] if wanted.shape else list(Shape):
            plan = plan_for(wanted, seed, shape)
            say(f"seed {seed}, {shape}: {len(plan)} acts")
            if wanted.show:
                sys.stdout.write("".join(f"{act}\n" for act in plan))
                continue
            verdict[shape.value] = ran = played(wanted, seed, shape)
            findings, kills = findings + len(ran["findings"]), kills + ran["kills"]
        if not wanted.show:
            sys.stdout.write(json.dumps(verdict, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()
            say(f"so far {kills} kills, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
