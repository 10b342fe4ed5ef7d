"""Every target over its corpus and some hundred inputs more; what a campaign found stays found."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from fuzz.targets import TARGETS, FuzzTarget
from fuzz.worker import changed_seeds, play_once, seeds_of

SECONDS = 0.15
"""of a target's inputs, beyond the corpus; a slow machine plays fewer"""
MOST = 200
NATIVE = {"genuineness_library"}
"""played in a process of its own only: it may take this one along"""


@pytest.mark.parametrize("target", [t for t in TARGETS if t.name not in NATIVE], ids=lambda target: target.name)
def test_a_target_keeps_its_promises(target: FuzzTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds, corpus, and inputs made of them."""
    monkeypatch.chdir(tmp_path)
    play = target.load()
    for data in seeds_of(target, play):
        play_once(play, data)
    random, until = Random(1), time.monotonic() + SECONDS

    for data in changed_seeds(target, play, random, MOST):
        play_once(play, data)
        if time.monotonic() > until:
            break
