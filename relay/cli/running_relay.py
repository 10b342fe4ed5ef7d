"""How a command reaches the relay process that runs with the same settings: through its control socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import admin_pb2_grpc
from relay.admin_client import DEADLINE_SECONDS, AskFailed, AskTrouble, RelayDoor, ask_now
from relay.cli.output import CommandRefused, warn
from relay.cli.reader import reader_here, spoken
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.file import control_socket
from relay.settings.settings import Settings

_T = TypeVar("_T")


def ask(settings: Settings, question: Callable[[admin_pb2_grpc.AdminServiceStub], _T]) -> _T:
    """Ask the running relay something; raises CommandRefused where none answers or it refuses, LedgerUnavailable."""
    door = RelayDoor(control_socket(settings))
    try:
        return ask_now(door, question)
    except AskFailed as failed:
        if failed.trouble is AskTrouble.NO_LEDGER:
            raise LedgerUnavailable(reader_here().half(failed.text)) from None
        if failed.trouble is not AskTrouble.AWAY:
            raise CommandRefused(reader_here().half(failed.text)) from None
        raise CommandRefused(
            spoken(
                f"{door} 无应答：中继是否用这份设置在运行，您是否是它的用户？",
                f"no relay answers on {door}: is it running with these settings, and are you its user?",
            )
        ) from None


def look_for_disabled(settings: Settings) -> None:
    """Let the running relay see at once who was disabled; where none runs here there is nothing to end.

    On return nothing more of their sessions is sent. Relays elsewhere find it by themselves.
    """
    if not control_socket(settings).is_socket():
        return
    try:
        ask(settings, lambda relay: relay.LookForDisabled(pb.LookForDisabledRequest(), timeout=DEADLINE_SECONDS))
    except CommandRefused as refused:
        later = spoken(
            "如有中继在运行，它会在 directory.look_seconds 内结束这些会话。",
            "Where one runs, it ends the sessions within directory.look_seconds.",
        )
        warn(f"{refused} {later}")
