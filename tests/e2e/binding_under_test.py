"""Which binding the relays of these tests call their counter through, and the counter and shim that fit it."""

from __future__ import annotations

import os
from functools import cache

from ctpabi.catalog import Distribution, Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.shim import substitute
from ctpabi.shim.build import Shim, build
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter

CHOSEN = Distribution(os.environ.get("CTP_RELAY_TEST_BINDING", Distribution.CTP))
"""`make contract-tts` sets it"""


@cache
def shim_of(distribution: Distribution) -> Shim:
    """Raises BindingMissing, CompilerMissing."""
    return build(substitute.installed(distribution=distribution))


def counter_of(distribution: Distribution, config: CounterConfig | None = None) -> SimulatedCounter:
    """A simulated counter for the programs of this binding."""
    return SimulatedCounter(
        config or CounterConfig(),
        catalog=load_catalog(distribution=distribution),
        market_data=load_catalog(Interface.MARKET_DATA, distribution),
    )
