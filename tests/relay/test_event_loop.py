"""Which event loop is used."""

from __future__ import annotations

import asyncio
import gc
import math
import sys
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from relay.event_loop import run_loop, settle_heap


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """How long a thread may keep the interpreter is the process's."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def loop_of_a_run() -> str:
    used: list[str] = []

    async def main() -> None:
        used.append(type(asyncio.get_running_loop()).__module__)

    run_loop(main())
    return used[0]


def test_uvloop_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the image and `make` have it."""
    pytest.importorskip("uvloop")
    monkeypatch.delenv("PYTHONASYNCIODEBUG", raising=False)

    assert loop_of_a_run() == "uvloop"


def test_no_thread_keeps_the_interpreter_for_long() -> None:
    """An order that comes while the ledger's thread computes waits half a millisecond at most."""
    loop_of_a_run()

    assert sys.getswitchinterval() <= 0.0005


def test_without_it_the_relay_runs_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setattr("relay.event_loop.find_spec", lambda _: None)
    with capture_logs() as log:
        used = loop_of_a_run()

    assert used.startswith("asyncio")
    assert "ctp-relay[uvloop]" in log[0]["advice"]


def test_asyncios_debug_mode_is_never_uvloops(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it walks stacks that begin in compiled code: relays hung and died of it under load."""
    pytest.importorskip("uvloop")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    with capture_logs() as log:
        used = loop_of_a_run()

    assert used.startswith("asyncio")
    assert [line["event"] for line in log] == ["uvloop_not_used"]


def test_what_was_there_at_the_start_is_in_no_later_collection() -> None:
    """A collection of all that the relay has loaded would hold every order up; and those of all that is new are few."""
    usual = gc.get_threshold()
    try:
        settle_heap()
        assert gc.get_freeze_count() > 0
        assert len(gc.get_objects()) < gc.get_freeze_count()
        young, middle, every = gc.get_threshold()
        assert young * middle < 10_000
        assert young * middle * every >= 10 * math.prod(usual)
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
