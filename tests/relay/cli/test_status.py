"""`ctp-relay status` for programs: strict JSON, in which what is not known is null."""

from __future__ import annotations

import json
import math

import pytest

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.cli.status import as_values
from relay.outside_text import shown_json


def _refuse(constant: str) -> object:
    raise ValueError(constant)


@pytest.mark.parametrize("unknown", [math.nan, math.inf])
def test_what_is_not_known_is_null(unknown: float) -> None:
    """A counter that says no time has no offset; neither NaN, which is no JSON, nor a zero that reads as measured."""
    status = pb.RelayStatus(
        counter=pb.CounterState(described=terminal_pb2.CounterDescription(system="cts")),
        figures=[pb.Figure(name="clock_offset_seconds", value=unknown), pb.Figure(name="sessions", value=2.0)],
        ledger=pb.LedgerState(lag_seconds=unknown),
    )

    said = json.loads(shown_json(as_values(status)), parse_constant=_refuse)

    assert said["figures"] == {"clock_offset_seconds": None, "sessions": 2.0}
    assert said["ledger"]["lag_seconds"] is None
    assert said["counter"]["described"]["seconds_ahead"] is None
    assert said["certificate"] is None


def test_what_is_known_is_a_number() -> None:
    """An offset of nothing too."""
    described = terminal_pb2.CounterDescription(system="cts", seconds_ahead=0.0)

    said = as_values(pb.RelayStatus(counter=pb.CounterState(described=described)))

    assert json.loads(shown_json(said))["counter"]["described"]["seconds_ahead"] == 0.0
