"""What comes up from a counter to a terminal."""

from __future__ import annotations

from relay.refusals.refusal import NativeError


class CounterEvent:
    """One callback of the API for one terminal; encoded once, however many terminals get it. Never changed."""

    __slots__ = ("callback", "error_id", "is_last", "native", "request_id", "wire")

    def __init__(
        self,
        callback: str,
        wire: bytes,
        request_id: int = 0,
        error_id: int = 0,
        is_last: bool = True,
        native: NativeError | None = None,
    ) -> None:
        """`callback` is its name, OnRtnOrder say; `wire` is the serialized ctp.v1.Event.

        `request_id` is the terminal's own, 0 for notices. `native` is the counter's own error, where its numbers are not CTP's.
        """
        self.callback = callback
        self.wire = wire
        self.request_id = request_id
        self.error_id = error_id
        self.is_last = is_last
        self.native = native

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CounterEvent) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    @property
    def _all(self) -> tuple[str, bytes, int, int, bool, NativeError | None]:
        return self.callback, self.wire, self.request_id, self.error_id, self.is_last, self.native
