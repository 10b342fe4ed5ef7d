"""Collectors of other kinds: which run, what they give, and what is told when they cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import CollectorFailed, Collectors, collectors, collectors_of
from terminal_client.collectors import OtherCollected, collect_hundsun, collect_lines
from tests.t2sdk import LIBRARY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs and libraries as on Linux")

HUNDSUN = Path(os.environ.get("CTP_RELAY_HUNDSUN_LIBRARY", LIBRARY.with_name("libHsFutuSystemInfo.so")))


def wanted(*kinds: str, required: bool = False) -> list[pb.WantedInfo]:
    return [pb.WantedInfo(kind=kind, required=required) for kind in kinds]


def helper(tmp_path: Path, text: str, *, runs: bool) -> Path:
    file = tmp_path / "helper"
    file.write_text(text)
    file.chmod(0o700 if runs else 0o600)
    return file


async def test_only_what_the_counter_wants_is_collected(tmp_path: Path) -> None:
    """A terminal with three collectors at a counter that wants one; a group means any of its kinds."""
    file = helper(tmp_path, "disk=1\n", runs=False)
    mine = collectors_of([f"hundsun={tmp_path}/no.so", f"cts:a={file}", f" cts:b = {file} "])

    assert await mine.collect_wanted(wanted("ctp")) == ()
    assert [one.kind for one in await mine.collect_wanted(wanted("ctp", "cts:a"))] == ["cts:a"]
    assert [one.kind for one in await mine.collect_wanted(wanted("cts:*"))] == ["cts:a", "cts:b"]


async def test_what_must_be_there_and_is_not_set_up_is_named() -> None:
    """Before the password leaves the machine; CTP's is collected elsewhere."""
    with pytest.raises(CollectorFailed, match="hundsun") as failed:
        await Collectors().collect_wanted(wanted("hundsun", required=True))

    assert failed.value.reason == "not_set_up"
    assert await Collectors().collect_wanted(wanted("ctp", required=True)) == ()


@pytest.mark.parametrize("text", ["hundsun", "hundsun=", "kingstar=/x", "cts:=/x", "=/x"])
def test_a_setting_that_names_no_collector_is_refused(text: str) -> None:
    """Not when the first login needs it."""
    with pytest.raises(ValueError, match=r"KIND=FILE|no collector of kind"):
        collectors_of([text])


def test_lines_of_a_file_and_of_a_program_are_put_together(tmp_path: Path) -> None:
    """As the counter's own client does, each end of a line: an empty line is an empty field. A program's exit code is the collector's."""
    read = collect_lines("cts:a", helper(tmp_path, "disk=1\r\n\n cpu=2 \n", runs=False))
    ran = collect_lines("cts:a", helper(tmp_path, "#!/bin/sh\necho tz=$TZ; echo x; exit 3\n", runs=True))

    assert (read.info, read.length, read.return_code) == (b"disk=1^^ cpu=2 ^", 16, 0)
    assert (ran.info, ran.return_code) == (b"tz=CST-8^x^", 3)


@pytest.mark.parametrize("text", ["", "\n\n", "主板=1", "a\x1b[0m", "x" * 2049])
def test_text_that_the_counter_cannot_take_is_no_collection(tmp_path: Path, text: str) -> None:
    """Empty, not printable ASCII, or too long."""
    with pytest.raises(CollectorFailed) as failed:
        collect_lines("cts:a", helper(tmp_path, text, runs=False))

    assert failed.value.reason == "bad_answer"


def test_a_helper_that_hangs_or_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The challenge does not wait."""
    monkeypatch.setattr(collectors, "DEADLINE_SECONDS", 0.2)

    with pytest.raises(CollectorFailed, match="did not finish"):
        collect_lines("cts:a", helper(tmp_path, "#!/bin/sh\nsleep 60\n", runs=True))
    with pytest.raises(CollectorFailed, match="not found"):
        collect_hundsun(tmp_path / "no.so")


def test_a_library_that_is_no_hundsun_collector_is_told() -> None:
    """By the function it lacks."""
    libc = next(Path("/lib").glob("*/libc.so.6"))

    with pytest.raises(CollectorFailed) as failed:
        collect_hundsun(libc)

    assert failed.value.reason == "symbol_missing"


@pytest.mark.skipif(
    not HUNDSUN.is_file(),
    reason=f"Hundsun's collector is not at {HUNDSUN}: run scripts/set-up test, or set CTP_RELAY_HUNDSUN_LIBRARY",
)
def test_hundsuns_own_collector_runs_here(capfd: pytest.CaptureFixture[str]) -> None:
    """492 printable characters and what they are complete in, other ones each time; it cannot read serial numbers without rights."""
    first, second = collect_hundsun(HUNDSUN), collect_hundsun(HUNDSUN)

    assert capfd.readouterr() == ("", "")
    assert (len(first.info), first.length) == (492, 492)
    assert first.info.decode("ascii").isprintable()
    assert len(first.completeness) == 128
    assert first.return_code in {0, 3}
    assert first.version.startswith("V")
    assert first.info != second.info


def test_what_was_collected_does_not_show() -> None:
    """It is for the counter."""
    assert "secret" not in repr(OtherCollected("hundsun", b"secret", 6, completeness=b"secret"))
