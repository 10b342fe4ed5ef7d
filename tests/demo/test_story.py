"""What the demonstration prints, also when it fails."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from demo.cast import CTP_SHARED
from demo.story import DemoStepFailed, Part, Screen, Story, tell_failure


class Stage:
    """A console in memory and its screen."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=100, quiet=quiet)
        self.screen = Screen(self.console)

    @property
    def text(self) -> str:
        return self._file.getvalue()


async def test_a_step_says_who_does_what_and_why() -> None:
    """Number, actor, action, reason, and what came of it."""
    stage = Stage()

    async with Story(stage.screen).step(Part.TERMINAL, "log in", "so that it can trade") as say:
        say("done [1]")

    lines = [line.strip() for line in stage.text.splitlines() if line.strip()]
    assert lines == ["1  终端 terminal  log in", "so that it can trade", "→ done [1]"]


async def test_a_reason_is_told_once() -> None:
    """What the first mode explained, the second one does not repeat."""
    stage = Stage()

    for _ in range(2):
        async with Story(stage.screen).step(Part.RELAY, "start", "because"):
            pass

    assert stage.text.count("because") == 1
    assert stage.text.count("start") == 2


async def test_a_waiting_story_is_shown_when_it_begins() -> None:
    """Acts that play at the same time are shown one after the other, and explained by the one shown first."""
    stage = Stage()
    first, second = Story(stage.screen), Story(stage.screen, waits=True)

    async with second.step(Part.RELAY, "second", "because"):
        pass
    async with first.step(Part.RELAY, "first", "because"):
        pass
    second.act(CTP_SHARED)
    second.begin()

    assert stage.text.index("first") < stage.text.index("because") < stage.text.index("second")
    assert stage.text.count("because") == 1
    assert "many-to-one" in stage.text


async def test_a_step_that_raises_is_named() -> None:
    """The failure says which step it was and why."""
    with pytest.raises(DemoStepFailed, match="ValueError: no such thing") as failed:
        async with Story(Stage().screen).step(Part.RELAY, "start", ""):
            raise ValueError("no such thing")

    assert failed.value.step == "start"


async def test_a_step_that_takes_too_long_is_ended() -> None:
    """Nothing hangs: a step has its seconds."""
    with pytest.raises(DemoStepFailed, match="not done within"):
        async with Story(Stage().screen).step(Part.RELAY, "wait", "", seconds=0.01):
            await asyncio.Event().wait()


def test_a_failure_is_told_with_the_relays_last_words() -> None:
    """Which mode and step, why, and the newest lines of the relay's log."""
    stage, failure = Stage(), DemoStepFailed("start the relay", "it ended")
    failure.mode, failure.relay_log = "many_to_one", tuple(f"line {number}" for number in range(40))

    tell_failure(stage.console, failure)

    assert "many_to_one start the relay" in stage.text
    assert "it ended" in stage.text
    assert "line 39" in stage.text
    assert "line 20" not in stage.text


def test_a_quiet_console_shows_nothing() -> None:
    """For programs there is no story."""
    stage = Stage(quiet=True)

    Story(stage.screen).opening("about", "title", "real", "simulated")

    assert stage.text == ""
