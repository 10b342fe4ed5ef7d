"""From the relay's report to the C struct: no byte is lost, whatever its value, and the vendor's library agrees.

The first half runs the unmodified binding on the simulated counter; the second half the vendor's own library,
which has never seen a front and still judges what it is given.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import pytest

from ctpabi.shim.build import CompilerMissing, build
from ctpabi.shim.substitute import BindingMissing
from relay.admission.system_info import LONGEST, SHORTEST
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment
from terminal_client.collector import collect
from tests.contract.programs import INVESTOR

ROOT = Path(__file__).parents[2]
SEED = 20260105
DEADLINE_SECONDS = 60.0
_VENDORS = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
"""an environment in which the vendor's own library is loaded"""


@pytest.fixture
async def counter() -> AsyncIterator[SimulatedCounter]:
    try:
        build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))
    async with SimulatedCounter(CounterConfig()) as running:
        yield running


async def run(arguments: list[str], contents: Iterable[bytes], environment: Mapping[str, str]) -> list[int]:
    """The return codes of reporting `contents` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.programs",
        *arguments,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto")])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            output, errors = await process.communicate(b"\n".join(map(base64.b64encode, contents)))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode(errors="replace")[-2000:]
    codes: list[int] = json.loads(output)
    return codes


def generated(count: int) -> list[bytes]:
    """Contents of every length the collector writes: NULs at every position, one byte value throughout, all values.

    The first block is never empty and never looks unwrapped, for these are refused as malformed (-6).
    """
    source = random.Random(SEED)
    contents = []
    for number in range(count):
        size = SHORTEST + number % (LONGEST - SHORTEST + 1)
        match number % 4:
            case 0:
                body = bytearray(source.randbytes(size))
            case 1:
                body = bytearray([number // 4 % 256]) * size
            case 2:
                body = bytearray(source.randbytes(size).replace(b"\0", b"\xff"))
                body[16 + number // 4 % (size - 16)] = 0
            case _:
                body = bytearray((number + offset) % 256 for offset in range(size))
        body[0] = 0x80 | number % 128
        contents.append(bytes(body))
    return contents


def test_the_generated_contents_hold_what_gets_lost_elsewhere() -> None:
    """Every byte value, every length, a NUL at every position behind the first block, and no content twice."""
    contents = generated(1000)

    assert {value for content in contents for value in content} == set(range(256))
    assert {len(content) for content in contents} == set(range(SHORTEST, LONGEST + 1))
    assert all(any(content[at] == 0 for content in contents) for at in range(16, SHORTEST))
    assert len(set(contents)) > 900


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_a_thousand_contents_arrive_unchanged(
    counter: SimulatedCounter, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every one is taken, and the SHA-256 of what the counter's kernel gets is that of what was reported, in order."""
    contents, arrived = generated(1000), []
    accept, all_there = counter.kernel.reports.accept, asyncio.Event()

    def noting(session: object, method: str, body: bytes, trading_day: str) -> object:
        values = counter.records.unpack("UserSystemInfo", body)
        content = values["ClientSystemInfo"][: values["ClientSystemInfoLen"]]
        arrived.append((method, values["UserID"], hashlib.sha256(content).hexdigest()))
        if len(arrived) == len(contents):
            all_there.set()
        return accept(session, method, body, trading_day)  # type: ignore[arg-type]

    monkeypatch.setattr(counter.kernel.reports, "accept", noting)

    arguments = ["report", mode.value, counter.address, str(tmp_path / "flow")]
    codes = await run(arguments, contents, program_environment(os.environ))
    await asyncio.wait_for(all_there.wait(), DEADLINE_SECONDS)

    method = "RegisterUserSystemInfo" if mode is Mode.MANY_TO_MANY else "SubmitUserSystemInfo"
    assert codes == [0] * len(contents)
    assert arrived == [(method, INVESTOR, hashlib.sha256(content).hexdigest()) for content in contents]
    assert not counter.kernel.reports.dropped


async def test_the_vendors_library_takes_what_the_collector_wrote(tmp_path: Path) -> None:
    """Unconnected it answers -3 (not permitted) to genuine bytes, however often they come, and -1 to too few."""
    genuine = [collect().system_info for _ in range(3)]

    codes = await run(["judge", str(tmp_path)], [*genuine, genuine[0], genuine[0][: SHORTEST - 1]], _VENDORS)

    assert codes == [-3, -3, -3, -3, -1]


async def test_the_vendors_library_finds_damage_in_the_first_block(tmp_path: Path) -> None:
    """-6 for nearly every flipped bit there; now and then -3, which is why the relay looks at the time inside too."""
    genuine = collect().system_info
    damaged = [_flipped(genuine, bit) for bit in range(128)]

    codes = await run(["judge", str(tmp_path)], damaged, _VENDORS)

    assert set(codes) <= {-3, -6}
    assert codes.count(-6) > 100


def _flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
