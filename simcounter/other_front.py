"""The front of another counter system over the same kernel and trading desk: what it is given, and what it must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from simcounter.config import CounterConfig
from simcounter.events import TopicNotice
from simcounter.front import Front
from simcounter.kernel import Kernel
from simcounter.records import Records
from simcounter.scenario import Scenario
from simcounter.session import Clock


@dataclass(frozen=True, slots=True)
class FrontParts:
    """What a front is made over."""

    config: CounterConfig
    kernel: Kernel
    records: Records
    scenario: Scenario
    front: Front
    """CTP's, which carries out the kernel's effects and keeps the counts"""
    clock: Clock


class OtherFront(Protocol):
    """A front that listens in the place of CTP's."""

    async def listen(self, host: str, port: int) -> int:
        """The port it listens on."""

    async def stop_listening(self) -> None: ...

    def drop(self, user_id: str = "") -> int:
        """Cuts the connections of this user, or all; how many these were."""

    def force_out(self, user_id: str) -> int:
        """Ends this user's sessions unasked; how many these were."""

    def hear(self, notice: TopicNotice) -> None:
        """A notice of the kernel's, for who may see it."""

    def start_day(self) -> None:
        """The day changed, and all connections were dropped."""

    def commands(self) -> dict[str, Callable[..., Any]]:
        """What can be commanded of this front alone, by name."""
