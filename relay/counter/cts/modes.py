"""Which of the two modes at CTS."""

from __future__ import annotations

from relay.counter.adapter_parts import AdapterParts
from relay.counter.cts.many_to_many import CtsManyToMany
from relay.counter.cts.many_to_one import CtsManyToOne
from relay.counter.port import Mode, SteeredCounter


def make_counter(parts: AdapterParts) -> SteeredCounter:
    """The mode that the settings ask for."""
    settings = parts.settings.counter.cts
    if settings is None:
        raise ValueError("counter.cts is required")
    return CtsManyToOne(parts, settings) if parts.mode is Mode.MANY_TO_ONE else CtsManyToMany(parts, settings)
