"""A campaign: inputs shared out, whatever a worker dies of noticed, and its input kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from fuzz import campaign, mutations, worker
from fuzz.breaks import BREAKS
from fuzz.campaign import FEWEST, Campaign, Tally, run, shares
from fuzz.report import as_json, table
from fuzz.targets import ABSENT, TARGETS, FuzzTarget, Play, by_name, compiled_targets
from fuzz.worker import changed_seeds
from relay.compiled.build import compiled_parts

ROOT = Path(__file__).resolve().parents[2]


def found(target: str, broken: str, folder: Path) -> Tally:
    """What some thousand inputs at random find in a parser that is broken on purpose."""
    (tally,) = run(Campaign([by_name(target)], 3000, 1, "random", broken, folder), lambda _: None)
    return tally


def test_a_broken_parser_is_found_and_its_input_kept(tmp_path: Path) -> None:
    """The input alone shows it again, in a process of its own, and is none where the parser is whole."""
    tally = found("proxy_header", "proxy_length_swapped", tmp_path)

    assert "Broken" in tally.finding
    assert tally.input is not None
    again = [sys.executable, "-m", "fuzz.worker", "proxy_header", "--input", str(tally.input)]
    whole = subprocess.run(again, cwd=ROOT, capture_output=True, check=False)
    broken = subprocess.run([*again, "--break", "proxy_length_swapped"], cwd=ROOT, capture_output=True, check=False)
    assert (whole.returncode, broken.returncode) == (0, 1), whole.stderr


def test_a_process_that_native_code_ends_has_found_something(tmp_path: Path) -> None:
    """No exception says so: the signal does, and the input is the last one it noted."""
    tally = found("proxy_header", "process_killed", tmp_path)

    assert tally.finding == "the process was ended by SIGSEGV"
    assert tally.input is not None
    assert tally.input.is_file()


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processor time: a machine that does something else is no finding."""
    quick = Play(lambda _: None, [], mutations.any_bytes)
    worker.play_once(quick, b"x")
    monkeypatch.setattr(worker, "SLOWEST_SECONDS", -1.0)

    with pytest.raises(worker.TooSlow, match="for 1 bytes"):
        worker.play_once(quick, b"x")


def test_every_target_gets_its_share() -> None:
    """And together they get what was asked for."""
    planned = shares(TARGETS, 1_000_000)

    assert planned.keys() == {target.name for target in TARGETS}
    assert sum(planned.values()) >= 1_000_000
    assert min(shares(TARGETS, 1).values()) == FEWEST


def test_what_was_found_is_in_the_table_and_in_the_json() -> None:
    """With the command that shows it again."""
    bad = Tally("proxy_header", 10, 3, 5, finding="Broken: x", input=campaign.FOUND / "proxy_header-crash-1")
    rows = [bad, Tally("settings", 20, 1, 4)]

    shown = table(rows, "guided")

    assert "python -m fuzz proxy_header --input fuzz/found/proxy_header-crash-1" in shown
    assert "python -m fuzz proxy_header --driver compiled --input" in table(rows, "compiled")
    assert as_json(rows, "guided", 1)["findings"] == ["proxy_header"]
    assert as_json(rows, "guided", 1)["inputs"] == 30
    json.dumps(as_json(rows, "guided", 1))


def test_a_guided_worker_begins_with_a_whole_value_again_and_again() -> None:
    """What libFuzzer keeps is mostly broken early: nothing made of it reaches what is promised of whole values."""
    whole, broken = b"a whole value", b"{"
    play = Play(lambda _: None, [whole], lambda data, _, __: data + b"!")
    mutate = worker._own_or_libfuzzers(play, [whole], SimpleNamespace(Mutate=lambda data, _: data))

    made = [mutate(broken, 100, seed) for seed in range(1000)]

    assert 100 < sum(data.startswith(whole) for data in made) < 300
    assert max(len(mutate(broken, 5, seed)) for seed in range(100)) == 5


def test_what_plays_compiled_modules_is_played_compiled(tmp_path: Path) -> None:
    """A worker with that driver runs the order path as machine code, and says so where it cannot."""
    if compiled_parts() is None:
        pytest.skip("the order path is not compiled here; to run it: make compiled")
    names = {target.name for target in compiled_targets()}

    (tally,) = run(Campaign([by_name("order_calls")], FEWEST, 1, "compiled", "", tmp_path), lambda _: None)

    assert {"struct_bytes", "order_calls", "stream_bytes", "http2_connections"} <= names
    assert not {"settings", "ledger_files"} & names
    assert (tally.finding, tally.inputs) == ("", FEWEST)


def test_every_break_has_a_target_and_what_is_absent_has_none() -> None:
    """The table is true."""
    assert {each.target for each in BREAKS.values()} <= {target.name for target in TARGETS}
    assert not ABSENT.keys() & {target.name for target in TARGETS}


@pytest.mark.parametrize("name", ["json_text", "toml_text", "any_bytes"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 2000, b"a = 1\n=", b'{"a": [1, {"b": null}]}'])
def test_a_mutation_takes_anything_and_keeps_its_bound(name: str, data: bytes) -> None:
    """It is given whatever came out before."""
    mutation = getattr(mutations, name)

    assert all(len(mutation(data, 50, Random(seed))) <= 50 for seed in range(100))


def test_an_input_of_parts_is_read_as_it_was_made() -> None:
    """Also with parts that are empty or long."""
    parts = [b"", b"a" * 127, b"b" * 128, b"c" * 5000]

    assert mutations.parts_of(mutations.framed(parts)) == parts
    assert mutations.parts_of(b"\xff\xff\x01") == [b"\x01"]


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a campaign can be run again."""
    monkeypatch.chdir(tmp_path)
    target: FuzzTarget = by_name("proxy_header")
    play = target.load()

    once, again = (list(changed_seeds(target, play, Random(7), 50)) for _ in range(2))

    assert once == again
