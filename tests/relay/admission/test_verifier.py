"""Genuineness, judged by the vendor's library on what the vendor's collector made."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.api.binding import vendor_library
from relay.admission.system_info import AgeLimits, check_age, collected_at, is_well_formed
from relay.admission.verifier import Judgement, Verifier, VerifierUnavailable, command, side_environment
from relay.database.times import COUNTER_ZONE
from relay.tasks import Tasks

_COLLECT = """
import ctypes, sys
collect = ctypes.CDLL(sys.argv[1])._Z17CTP_GetSystemInfoPcRi
info, length = ctypes.create_string_buffer(344), ctypes.c_int(344)
collect(info, ctypes.byref(length))
print(info.raw[:length.value].hex())
"""


class HandClock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def genuine() -> bytes:
    """What the wheel's own collector says about this machine, collected now."""
    made = subprocess.run(
        [sys.executable, "-c", _COLLECT, str(vendor_library())],
        env=os.environ | {"TZ": "Asia/Shanghai"},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return bytes.fromhex(made.stdout)


def verifier(clock: HandClock, *, edition: str = "production", timeout: float = 20, queue: int = 64) -> Verifier:
    return Verifier(
        command("evaluation" if edition == "evaluation" else "production"), timeout=timeout, queue=queue, now=clock
    )


def scripted(tmp_path: Path, body: str) -> list[str]:
    """A side process that behaves as written; `say` and `peer` are given."""
    script = tmp_path / "scripted.py"
    script.write_text(
        "import json, os, socket, sys\n"
        "peer = socket.socket(fileno=int(sys.argv[-1])).makefile('rwb', buffering=0)\n"
        "def say(**message): peer.write(json.dumps(message).encode() + b'\\n')\n" + body
    )
    return [sys.executable, str(script)]


async def test_the_collectors_bytes_are_genuine(clock: HandClock, genuine: bytes) -> None:
    """Well-formed, and the header tells when they were collected. Again and again: no judgement spoils the next."""
    async with verifier(clock) as judge:
        judgements = [await judge.check(genuine) for _ in range(3)]

    assert {judgement.code for judgement in judgements} == {-3}
    assert is_well_formed(judgements[0].code)
    collected = collected_at(judgements[0].header)
    assert collected is not None
    assert abs(collected - dt.datetime.now(COUNTER_ZONE)) < dt.timedelta(minutes=10)


def accepted(judgement: Judgement) -> bool:
    """What the relay makes of a judgement: the library's word, and a header with the time of now."""
    if not is_well_formed(judgement.code):
        return False
    limits = AgeLimits(oldest=600, ahead=60)
    return check_age(judgement.header, dt.datetime.now(COUNTER_ZONE), limits) is None


async def test_damaged_and_made_up_bytes_are_not(clock: HandClock, genuine: bytes) -> None:
    """Damage of the wrapped block, zeros, and random bytes; one in sixty passes the library, none the header's time."""
    codes = set()
    async with verifier(clock) as judge:
        assert accepted(await judge.check(genuine))
        for wrapped in [bytes(16), *(os.urandom(16) for _ in range(200))]:
            judgement = await judge.check(wrapped + genuine[16:])
            codes.add(judgement.code)
            assert not accepted(judgement)
        for position in range(16):
            damaged = bytearray(genuine)
            damaged[position] ^= 0x01
            assert not accepted(await judge.check(bytes(damaged)))

    assert -6 in codes
    assert codes <= {-6, -3}


async def test_bytes_of_the_wrong_length_are_not(clock: HandClock, genuine: bytes) -> None:
    """Too few and too many, and the process survives both."""
    async with verifier(clock) as judge:
        for wrong in (b"", genuine[:100], genuine[:263], genuine + bytes(9), bytes(100_000)):
            assert (await judge.check(wrong)).code == -1
        assert (await judge.check(genuine)).code == -3


async def test_production_bytes_are_of_the_other_edition_for_an_evaluation_relay(
    clock: HandClock, genuine: bytes
) -> None:
    """-7, as the vendor documents."""
    async with verifier(clock, edition="evaluation") as judge:
        assert (await judge.check(genuine)).code == -7


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_what_is_preloaded_into_the_relay_does_not_judge(
    clock: HandClock, genuine: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The side process is started without it: the loader would complain about this one, and nothing is said."""
    monkeypatch.setenv("LD_PRELOAD", "/nonexistent/libthosttraderapi_se.so")
    monkeypatch.setenv("CTP_RELAY__COUNTER__RELAY_AUTH_CODE", "ABCDEFGHJKLMNPQ1")
    async with verifier(clock) as judge:
        assert (await judge.check(genuine)).code == -3
        assert judge._child is not None
        environment = environment_of(judge._child.process.pid)

    assert b"LD_PRELOAD" not in environment
    assert b"ABCDEFGHJKLMNPQ1" not in environment


async def test_a_side_process_that_died_is_replaced(clock: HandClock, genuine: bytes) -> None:
    """The login that meets the death may be refused, the next one after the pause is served."""
    async with verifier(clock) as judge:
        await judge.start()
        assert judge._child is not None
        judge._child.process.kill()
        await judge._child.process.wait()
        await judge._child.reader.read()

        assert (await judge.check(genuine)).code == -3


async def test_a_library_that_cannot_run_refuses_every_login(clock: HandClock, tmp_path: Path) -> None:
    """Fail closed, with the reason for the log."""
    judge = Verifier(scripted(tmp_path, "say(unfit='the locale is missing')"), timeout=20, queue=4, now=clock)
    async with judge:
        with pytest.raises(VerifierUnavailable) as caught:
            await judge.check(bytes(265))

        assert "the locale is missing" in caught.value.why
        assert "the locale is missing" in judge.state


async def test_restarts_wait_longer_and_longer(clock: HandClock, tmp_path: Path) -> None:
    """No fork storm: while the pause lasts nothing is started at all."""
    starts = tmp_path / "starts"
    judge = Verifier(scripted(tmp_path, f"open({str(starts)!r}, 'a').write('x')"), timeout=20, queue=4, now=clock)
    pauses = []
    async with judge:
        for _ in range(4):
            for _ in range(2):
                with pytest.raises(VerifierUnavailable):
                    await judge.check(bytes(265))
            pauses.append(judge._not_before - clock.at)
            clock.at = judge._not_before

    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert starts.read_text() == "xxxx"


async def test_a_silent_side_process_is_ended_at_the_deadline(clock: HandClock, tmp_path: Path) -> None:
    """And its late answer can never be taken for another one's."""
    judge = Verifier(scripted(tmp_path, "say(ready='x')\nsys.stdin = peer.read()"), timeout=0.05, queue=4, now=clock)
    async with judge:
        await judge.start()
        assert judge._child is not None
        process = judge._child.process
        with pytest.raises(VerifierUnavailable) as caught:
            await judge.check(bytes(265))

        assert "0.05 s" in caught.value.why
        assert process.returncode is not None


async def test_a_side_process_that_hangs_is_found_while_no_terminal_logs_in(clock: HandClock, tmp_path: Path) -> None:
    """At half past eight, and not by the first terminal at nine."""
    judge = Verifier(scripted(tmp_path, "say(ready='x')\nsys.stdin = peer.read()"), timeout=0.05, queue=4, now=clock)
    heard: asyncio.Queue[str] = asyncio.Queue()
    judge.on_change = heard.put_nowait
    async with judge:
        await judge.start()
        assert judge._child is not None
        process, tasks = judge._child.process, Tasks()
        tasks.start(judge.keep(lambda: 0.01), "keep")
        async with asyncio.timeout(30):
            said = [await heard.get(), await heard.get()]
            await process.wait()
        await tasks.cancel()

    assert said == ["", "no answer within 0.05 s"]


@pytest.mark.parametrize(
    "answer",
    [
        "say(id=99, code=-3, header='')",
        "peer.write(b'nonsense\\n')",
        "peer.write(b'5\\n')",
        "peer.write(b'[' * 4000 + b'\\n')",
        "say(id=1)",
        "say(id=1, code='x', header='')",
        "say(id=1, code=float('inf'), header='')",
        "say(id=1, code=-3, header=5)",
    ],
)
async def test_answers_that_make_no_sense_refuse(clock: HandClock, tmp_path: Path, answer: str) -> None:
    """Nothing but the expected answer lets a login pass."""
    judge = Verifier(
        scripted(tmp_path, f"say(ready='x')\npeer.readline()\n{answer}\npeer.readline()"),
        timeout=20,
        queue=4,
        now=clock,
    )
    async with judge:
        with pytest.raises(VerifierUnavailable):
            await judge.check(bytes(265))


async def test_what_is_asked_together_is_one_message_and_each_gets_its_own_answer(
    clock: HandClock, tmp_path: Path
) -> None:
    """A thousand terminals come at once; one that went away meanwhile takes no other's answer with it."""
    body = (
        "say(ready='x')\n"
        "asked = [json.loads(line) for line in peer.read(65536).splitlines()]\n"
        "for one in asked: say(id=one['id'], code=len(asked), header=one['system_info'])\n"
        "peer.readline()"
    )
    judge = Verifier(scripted(tmp_path, body), timeout=20, queue=64, now=clock)
    async with judge:
        asked = [asyncio.ensure_future(judge.check(bytes([number]))) for number in range(5)]
        await asyncio.sleep(0)
        asked[1].cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(answers.pop(1), asyncio.CancelledError)
    assert answers == [Judgement(5, bytes([number])) for number in (0, 2, 3, 4)]


async def test_many_at_once_are_judged_each_for_itself(clock: HandClock, genuine: bytes) -> None:
    """More than one message carries, genuine and damaged in turns."""
    asked = [genuine if number % 3 else bytes(16) + genuine[16:] for number in range(100)]
    async with verifier(clock, queue=100) as judge:
        answers = await asyncio.gather(*(judge.check(one) for one in asked))

    assert [is_well_formed(answer.code) for answer in answers] == [one == genuine for one in asked]


async def test_a_group_without_an_answer_is_refused_together(clock: HandClock, tmp_path: Path) -> None:
    """No login waits for a process that has ended, and no one but those of the group is refused with them."""
    body = "say(ready='x')\nsay(id=json.loads(peer.readline())['id'], code=-3, header='')"
    judge = Verifier(scripted(tmp_path, body), timeout=20, queue=64, now=clock)
    async with judge:
        answers = await asyncio.gather(*(judge.check(bytes(265)) for _ in range(3)), return_exceptions=True)
        clock.at = judge._not_before

        assert answers[0] == Judgement(-3, b"")
        assert [getattr(answer, "why", "") for answer in answers[1:]] == ["it ended"] * 2
        assert (await judge.check(bytes(265))).code == -3


async def test_the_queue_is_bounded(clock: HandClock, tmp_path: Path) -> None:
    """More than may wait are refused at once."""
    judge = Verifier(
        scripted(tmp_path, "say(ready='x')\npeer.readline()\npeer.readline()"), timeout=0.2, queue=1, now=clock
    )
    async with judge:
        await judge.start()
        results = await asyncio.gather(*(judge.check(bytes(265)) for _ in range(3)), return_exceptions=True)

    assert [getattr(result, "why", "") for result in results[1:]] == ["1 judgements are waiting"] * 2


def test_the_side_process_finds_what_the_relay_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay whose packages stand elsewhere than usual judges all the same; what is preloaded, and secrets, stay here."""
    monkeypatch.setenv("PYTHONPATH", "/opt/packages")
    monkeypatch.setenv("LD_PRELOAD", "/opt/other.so")
    monkeypatch.setenv("CTP_RELAY__DATABASE__URL", "postgresql://secret")
    monkeypatch.setenv("TZ", "Asia/Shanghai")

    given = side_environment()

    assert given["PYTHONPATH"].split(os.pathsep)[1:] == ["/opt/packages"]
    assert "LD_PRELOAD" not in given
    assert "CTP_RELAY__DATABASE__URL" not in given
    assert given["TZ"] == "Asia/Shanghai"
