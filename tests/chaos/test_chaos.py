"""A short form of `make chaos`: real processes killed under load, and the checker has nothing to say.

`make chaos KILLS=1000` and `make chaos MINUTES=60` are the long ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.shim.build import CompilerMissing, build
from ctpabi.shim.substitute import BindingMissing
from tests.chaos.plan import Shape, kills_in, make_plan
from tests.chaos.stage import Scale
from tests.e2e.relay_process import as_shipped
from tests.postgres import _programs

ROOT = Path(__file__).resolve().parents[2]
SHAPES = (Shape.WORKERS, Shape.SINGLE)
SEED, FAULTS = 147, 5
DEADLINE_SECONDS = 900


@pytest.mark.postgres
def test_nothing_is_lost_doubled_misdelivered_or_unreported() -> None:
    """Two of the shapes, six terminals each, one plan by its seed."""
    if _programs() is None:
        pytest.skip("PostgreSQL's server programs are not installed: apt-get install postgresql")
    try:
        build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-m", "tests.chaos", "--seed", str(SEED), "--faults", str(FAULTS)]
    command += [f"--shape={shape}" for shape in SHAPES]
    done = subprocess.run(
        command, cwd=ROOT, env=as_shipped(), capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode in {0, 1}, done.stderr[-3000:]
    verdict = json.loads(done.stdout)

    for shape in SHAPES:
        ran = verdict[shape.value]
        assert ran["findings"] == [], f"{done.stderr}\nagain: make chaos SEED={SEED} FAULTS={FAULTS}"
        assert sum(ran["faults"].values()) == FAULTS
        assert kills_in(make_plan(SEED, shape, FAULTS)) > 0
        assert ran["orders_at_counter"] > 0
        assert ran["logins"] > Scale.seats
