"""What can be wrong with a bridge, and the fault that stands meanwhile."""

from __future__ import annotations

from enum import Enum

import grpc

from relay.faults.table import Fault
from relay.refusals.refusal import NativeError


class TroubleKind(Enum):
    """Whose doing it is; the value is its fault."""

    UNREACHABLE = Fault.BRIDGE_UNREACHABLE
    """nobody listens there, TLS does not come about, or it was restarted"""
    SILENT = Fault.BRIDGE_SILENT
    """it is connected and says nothing"""
    UNREADABLE = Fault.BRIDGE_UNREADABLE
    """what it says is not the protocol, or another version's"""
    REFUSED = Fault.BRIDGE_REFUSED
    """the library behind it refuses: the licence, the operator, the message bus"""


class BridgeTrouble(Exception):
    """One opening of the bridge came to its end; `why` is in English, for people."""

    def __init__(self, kind: TroubleKind, why: str, native: NativeError | None = None) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why
        self.native = native


_KINDS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: (TroubleKind.SILENT, "no answer in time"),
    grpc.StatusCode.UNIMPLEMENTED: (TroubleKind.UNREADABLE, "it is no bridge, or of another version"),
    grpc.StatusCode.INTERNAL: (TroubleKind.UNREADABLE, "its answer cannot be read"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (TroubleKind.UNREADABLE, "its answer is too large"),
    grpc.StatusCode.FAILED_PRECONDITION: (TroubleKind.UNREACHABLE, "it was restarted and does not know the session"),
    grpc.StatusCode.UNKNOWN: (TroubleKind.UNREADABLE, "it failed by itself"),
}


def trouble_of(error: grpc.aio.AioRpcError, step: str) -> BridgeTrouble:
    """What a failed call means. The bridge's own words are not repeated: they come from outside, and from near a password."""
    kind, words = _KINDS.get(error.code(), (TroubleKind.UNREACHABLE, "it cannot be reached, or broke off"))
    return BridgeTrouble(kind, f"{step}: {words} ({error.code().name.lower()})")
