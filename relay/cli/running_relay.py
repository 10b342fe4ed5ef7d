"""How a command reaches the relay process that runs with the same settings: through its control socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import grpc

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import admin_pb2_grpc
from relay.cli.context import Workplace
from relay.cli.output import CommandRefused, warn
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.file import control_socket

_T = TypeVar("_T")
DEADLINE_SECONDS = 10.0


def ask(place: Workplace, question: Callable[[admin_pb2_grpc.AdminServiceStub], _T]) -> _T:
    """Ask the running relay something; raises CommandRefused where none answers, LedgerUnavailable."""
    path: Path = control_socket(place.settings)
    with grpc.insecure_channel(f"unix:{path}") as channel:
        try:
            return question(admin_pb2_grpc.AdminServiceStub(channel))  # type: ignore[no-untyped-call]  # generated
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                raise LedgerUnavailable(error.details()) from None
            raise CommandRefused(
                f"no relay answers on {path}: is it running with these settings, and are you its user?"
            ) from None


def look_for_disabled(place: Workplace) -> None:
    """Let the running relay see at once who was disabled; where none runs here there is nothing to end.

    On return nothing more of their sessions is sent. Relays elsewhere find it by themselves.
    """
    if not control_socket(place.settings).is_socket():
        return
    try:
        ask(place, lambda relay: relay.LookForDisabled(pb.LookForDisabledRequest(), timeout=DEADLINE_SECONDS))
    except CommandRefused as refused:
        warn(f"{refused} Where one runs, it ends the sessions within directory.look_seconds.")
