"""OrderDrivers on a played counter session, logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.relay.counter.ctp.played_api import Counter
from tests.relay.counter.ctp.played_board import Board
from tests.relay.evidence import KeptEvidence


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Board]:
    """An operator's session, as in many-to-one."""
    board = Board(tmp_path)
    await board.log_in()
    yield board
    await board.close()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Board]:
    """An investor's own session, as in many-to-many."""
    board = Board(tmp_path, shared=False)
    await board.log_in()
    yield board
    await board.close()


@pytest.fixture
def evidence() -> KeptEvidence:
    return KeptEvidence()


@pytest.fixture
def counter(tmp_path: Path, evidence: KeptEvidence, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """A counter whose API is played in the process."""
    played = Counter(tmp_path, evidence, monkeypatch)
    yield played
    played.order_map.close()
