"""What mypyc makes of the forms that `test_modules` forbids, and of those that stand in their place."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from relay.compiled import build

MODULE = """
import asyncio
from collections.abc import Iterator

class Wrong(Exception):
    pass

def raised_from_none() -> None:
    try:
        int("a password")
    except ValueError:
        raise Wrong from None

def raised_behind() -> None:
    is_number = True
    try:
        int("a password")
    except ValueError:
        is_number = False
    finally:
        len("")
    if not is_number:
        raise Wrong

done: list[str] = []

def numbers() -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        done.append("duty")

def dropped_generator() -> None:
    for number in numbers():
        break

def finished_generator() -> None:
    for number in numbers():
        pass

async def awaited_in_finally() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0)

async def awaited_in_except() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        raise

class Slow:
    async def __aenter__(self) -> None:
        pass
    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)

async def awaited_in_exit() -> None:
    async with Slow():
        await asyncio.sleep(60)

async def left_at_once() -> None:
    async with asyncio.timeout(60), asyncio.Lock():
        await asyncio.sleep(60)

async def awaited_behind() -> None:
    gone: BaseException | None = None
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as error:
        gone = error
    await asyncio.sleep(0)
    if gone is not None:
        raise gone
"""
RAISES = """
import sys
import shape
assert shape.__file__.endswith(".so")
try:
    getattr(shape, sys.argv[1])()
except shape.Wrong as error:
    print(error.__suppress_context__ or error.__context__ is None)
"""
DROPS = """
import gc, sys
import shape
assert shape.__file__.endswith(".so")
getattr(shape, sys.argv[1])()
gc.collect()
print(bool(shape.done))
"""
CANCELS = """
import asyncio, sys
import shape
assert shape.__file__.endswith(".so")
async def main():
    task = asyncio.create_task(getattr(shape, sys.argv[1])())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    meanwhile = sys.exc_info()[0]
    await asyncio.wait([task])
    return meanwhile is None
print(asyncio.run(main()))
"""


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled module."""
    if (why := build.why_not_here()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("mypyc")
    (folder / "shape.py").write_text(MODULE, encoding="utf-8")
    environment = {**os.environ, "MYPYC_OPT_LEVEL": "0"}
    command = [sys.executable, "-m", "mypyc", "shape.py"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _holds(shape: Path, program: str, function: str) -> bool:
    command = [sys.executable, "-c", program, function]
    done = subprocess.run(command, cwd=shape, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout == "True\n"


def test_what_is_raised_behind_the_handler_hides_what_was_caught(shape: Path) -> None:
    assert _holds(shape, RAISES, "raised_behind")


def test_a_generator_that_ends_does_its_duty(shape: Path) -> None:
    assert _holds(shape, DROPS, "finished_generator")


@pytest.mark.parametrize("function", ["awaited_behind", "left_at_once"])
def test_what_is_awaited_behind_the_handler_leaves_nothing(shape: Path, function: str) -> None:
    """Nor does `async with` of what exits without waiting."""
    assert _holds(shape, CANCELS, function)


@pytest.mark.parametrize(
    ("program", "function"),
    [
        (RAISES, "raised_from_none"),
        (CANCELS, "awaited_in_finally"),
        (CANCELS, "awaited_in_except"),
        (CANCELS, "awaited_in_exit"),
        (DROPS, "dropped_generator"),
    ],
    ids=["from", "finally", "except", "exit", "generator"],
)
def test_the_forbidden_forms_are_still_wrong(shape: Path, program: str, function: str) -> None:
    """Where a newer mypyc does as Python does, the rule in `test_modules` may go."""
    assert not _holds(shape, program, function), f"mypyc {version('mypy')} does it right"
