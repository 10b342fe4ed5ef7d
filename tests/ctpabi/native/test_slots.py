"""The native Spi is used only where the binding's own has its callbacks in the catalog's slots, with the catalog's arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ctpabi.api.api_process import Process, Start, scripted, starting
from tests.ctpabi.native_library import native_module
from tests.simcounter.scripted_counter import ScriptedCounter

__all__ = ["scripted"]

BEGINNING = """
import json
from dataclasses import replace
from ctpabi.api import binding, roads
from ctpabi.native import NativeUnavailable, build
from ctpabi.native.events import NativeEvents

loaded = binding.load()
spi = loaded.tdapi.CThostFtdcTraderSpi
module = build.load(build.compile_here())

def why_not(**changed):
    callbacks = {**loaded.catalog.callbacks, **changed}
    try:
        NativeEvents(module, replace(loaded.catalog, callbacks=callbacks)).require_slots_of(spi)
    except NativeUnavailable as unavailable:
        return str(unavailable)
    return ""

def say(*values):
    print(json.dumps(values), flush=True)
"""


@pytest.fixture
def start(scripted: ScriptedCounter, tmp_path: Path) -> Iterator[Start]:
    native_module()
    yield from starting(lambda source: Process(source, scripted.front, tmp_path, BEGINNING))


def test_the_binding_has_the_catalogs_slots_and_each_difference_is_found(start: Start) -> None:
    """Two callbacks that changed places, and one that takes other arguments, would be read as something else."""
    program = start(
        """
        order, trade = (loaded.catalog.callbacks[name] for name in ("OnRtnOrder", "OnRtnTrade"))
        say(why_not())
        say(why_not(OnRtnOrder=replace(order, slot=trade.slot), OnRtnTrade=replace(trade, slot=order.slot)))
        say(why_not(OnRtnOrder=replace(order, shape=loaded.catalog.callbacks["OnRspQryOrder"].shape)))
        chosen, road = roads.choose(roads.Wanted.AUTO, loaded)
        say(road.is_native, chosen.native is not None)
        chosen, road = roads.choose(roads.Wanted.OFF, loaded)
        say(road.is_native, chosen.native is not None)
        """
    )

    fits, swapped, other_arguments, automatic, off = program.end()

    assert fits == [""]
    assert "2 slots" in swapped[0]
    assert "1 slots" in other_arguments[0]
    assert (automatic, off) == ([True, True], [False, False])
