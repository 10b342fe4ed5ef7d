"""What a check looks at: the settings, and the process that runs with them, if one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from relay.doctor.finding import Finding
from relay.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Case:
    settings: Settings
    starting: bool
    """whether this process is about to serve with them"""
    running: int | None
    """the process that has the state directory"""
    replaces: bool = False
    """whether this process is to take the place of that one"""


Check = Callable[[Case], Iterator[Finding]]
"""looks at one subject; may block for some seconds, changes nothing, raises nothing that it expects"""
