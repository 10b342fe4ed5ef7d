"""Which counter systems can be played: a line for each, CTP's own front having none.

A system's front translates: its requests become the kernel's, the kernel's effects become its messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simcounter.bridge.commands import BridgeCommands
from simcounter.bridge.front import BridgeFront
from simcounter.cts.commands import CtsCommands
from simcounter.cts.front import CtsFront
from simcounter.other_front import FrontParts, OtherFront
from simcounter.ufx.commands import UfxCommands
from simcounter.ufx.front import UfxFront


@dataclass(frozen=True, slots=True)
class PlayedSystem:
    """One system."""

    make: Callable[[FrontParts], OtherFront]
    commands: type
    """the class of its commands, for the kinds of their arguments"""


CTP = "ctp"
SYSTEMS: dict[str, PlayedSystem] = {
    "bridge": PlayedSystem(BridgeFront, BridgeCommands),
    "cts": PlayedSystem(CtsFront, CtsCommands),
    "ufx": PlayedSystem(UfxFront, UfxCommands),
}
"""beside CTP"""


def names() -> list[str]:
    return [CTP, *SYSTEMS]
