"""What the benchmark makes of what it has measured, and from which tree it runs another revision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import results
from benchmarks.floor import pack_event, unpack_event
from benchmarks.orders import Round, Rounds, Slice, chosen
from benchmarks.trees import ROOT, tree_of
from ctpabi.api.spi import RawEvent
from ctpabi.catalog.data import load_catalog


def one_round(direct: float, relay: float, foreign: float = 0.0) -> Round:
    return {("direct", 3): Slice([direct], 0.0, foreign), ("relay", 3): Slice([relay], 100.0, 0.0)}


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    """The machine's speed drifts from round to round; within a round it is one."""
    found = Rounds([one_round(100, 200), one_round(1000, 2100), one_round(500, 1500)])

    assert found.ratio("relay", "direct", 3) == 2.1


def test_rounds_in_which_others_worked_are_thrown_away_and_counted() -> None:
    """One slice with much foreign CPU spoils its round."""
    quiet, loud = one_round(100, 200), one_round(100, 900, foreign=0.5)

    found = chosen([loud, quiet, loud, quiet], wanted=2)

    assert (found.kept, found.thrown_away, found.foreign) == ([quiet, quiet], 2, 0.0)


def test_where_the_machine_is_never_quiet_the_quietest_rounds_are_kept_and_named() -> None:
    """The figures then say how much others took."""
    found = chosen([one_round(1, 2, foreign=share) for share in (0.9, 0.3, 0.5, 0.7)], wanted=2)

    assert found.thrown_away == 2
    assert found.foreign == pytest.approx(0.4)


def test_a_part_leaves_the_other_parts_figures_as_they_are(tmp_path: Path) -> None:
    """One file for all; a table is merged member by member."""
    file = tmp_path / "latest.json"
    results.merge({"events_per_second": {"direct": 80_000}, "noise": {"a_a_ratio": 1.01, "floods": 7}}, file)

    results.merge({"noise": {"a_a_ratio": 0.99}, "login_storm_p99_s": 7.5}, file)

    kept = json.loads(file.read_text())
    assert kept["events_per_second"] == {"direct": 80_000}
    assert (kept["noise"], kept["login_storm_p99_s"]) == ({"a_a_ratio": 0.99, "floods": 7}, 7.5)


@pytest.mark.parametrize(("body", "info"), [(b"\1\2", None), (None, b"\0" * 85), (b"", b"\1" * 85), (None, None)])
def test_the_floor_carries_a_callback_as_it_is(body: bytes | None, info: bytes | None) -> None:
    """A struct that is not there differs from an empty one."""
    callback = load_catalog().callbacks["OnRspOrderInsert"]
    event = RawEvent(callback, body, info, 7, is_last=False, reason=7)

    assert unpack_event({callback.slot: callback}, pack_event(event)) == event


def test_a_part_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends before anything starts."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "order"])

    with pytest.raises(SystemExit):
        command.main()

    assert "there is no part order; there are orders, events, busy" in capsys.readouterr().err


def test_another_revision_runs_from_its_own_tree_with_this_benchmark() -> None:
    """Its relay and terminal are that revision's, `benchmarks` is this one."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no other revision here")
    tree = tree_of("HEAD")
    shown = "import relay, terminal_client, ctprelay, benchmarks.caller as c; print(relay.__file__, terminal_client.__file__, c.__file__)"

    done = subprocess.run(
        [sys.executable, "-P", "-c", shown],
        env=tree.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    relay, terminal, caller = (Path(name) for name in done.stdout.split())
    assert relay.parents[1] == terminal.parents[1] == Path(tree.variables["PYTHONPATH"].split(":")[0])
    assert caller.resolve() == ROOT / "benchmarks" / "caller.py"


def test_a_revision_that_does_not_exist_is_refused() -> None:
    """With git's own words or with ours."""
    with pytest.raises(ValueError, match="no such revision"):
        tree_of("never-was-a-branch")
