"""What can be done to the stand-in bridge while it runs, beside what `simcounter/control.py` does to every counter.

Rules are named by methods: `bridge_silence method=Login`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ctprelay.bridge.v1 import bridge_pb2 as pb
from simcounter.bridge.misbehavior import BridgeRule

if TYPE_CHECKING:
    from simcounter.bridge.front import BridgeFront

MOST_ROWS = 200_000


class BridgeCommands:
    """Each public method is a command."""

    def __init__(self, front: BridgeFront) -> None:
        self._front = front

    def commands(self) -> dict[str, Callable[..., Any]]:
        names = [name for name in vars(BridgeCommands) if name.startswith("bridge_")]
        return {name: getattr(self, name) for name in names}

    def bridge_refuse(self, method: str, code: int, text: str = "", part: int = 0, times: int = 1) -> None:
        """The library refuses `method`; `times` 0 means always."""
        self._front.misbehavior.add("refuse", method, BridgeRule(times, code, text or str(code), part))

    def bridge_silence(self, method: str, times: int = 1) -> None:
        """`method` is never answered; of Events, no word more comes."""
        self._front.misbehavior.add("silence", method, BridgeRule(times))

    def bridge_garbage(self, method: str, content: str = "ff" * 16, times: int = 1) -> None:
        """The answer has these bytes, in hexadecimal."""
        self._front.misbehavior.add("garbage", method, BridgeRule(times, content=bytes.fromhex(content)))

    def bridge_restart(self, method: str = "", seconds: float = 0.0, times: int = 1) -> None:
        """The process ends and begins anew: now, or in the middle of a call of `method`."""
        if method:
            self._front.misbehavior.add("restart", method, BridgeRule(times))
        else:
            self._front.restart(seconds)

    def bridge_forget(self) -> None:
        """The session is gone, and nothing says so."""
        self._front.session = "another"

    def bridge_protocol(self, version: int) -> None:
        """The protocol it speaks."""
        self._front.protocol = version

    def bridge_licence(self, days: int, product: str = "") -> None:
        """How many days the licence has left, and the product it is for."""
        self._front.library.licence_days, self._front.library.product = days, product

    def bridge_lose(self, code: int = -1, text: str = "与柜台的连接中断") -> int:
        """The library loses its counter; how many relays were there."""
        return self._front.lose(code, text)

    def bridge_tradables(self, rows: list[dict[str, Any]] | None = None, repeat: int = 1) -> int:
        """What may be traded from the next login on; by the names of the protocol's Tradable. How many rows these are."""
        made = [pb.Tradable(**row) for row in rows or ()] * repeat
        if len(made) > MOST_ROWS:
            raise ValueError(f"{MOST_ROWS} rows at most")
        self._front.library.tradables = made
        return len(made)

    def bridge_heard(self) -> list[str]:
        """The methods that were called, in order."""
        return [method for method, _ in self._front.heard]
