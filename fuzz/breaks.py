"""Parsers broken on purpose, as a slip of the hand would: `python -m fuzz --break NAME` must find each."""

from __future__ import annotations

import json
import os
import signal
import types
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Break:
    target: str
    """which finds it"""
    apply: Callable[[], None]


def _proxy_length_swapped() -> None:
    """Version 2's length is read from the wrong end: little-endian."""
    from relay.admission.origin import proxy_header as module  # noqa: PLC0415 - only where it is broken

    right = module._binary  # noqa: SLF001 - to break it

    def wrong(data: bytes) -> module.ProxyHeader | None:
        return right(data[:14] + data[15:16] + data[14:15] + data[16:])

    vars(module)["_binary"] = wrong


def _frame_bound_dropped() -> None:
    """The simulated counter's frames may be of any length."""
    from ctpabi.shim import wire  # noqa: PLC0415 - only where it is broken

    vars(wire)["MAX_BODY"] = 1 << 40


def _spool_bound_dropped() -> None:
    """A spooled entry's session may be longer than the ledger's column."""
    from relay.ledger import spool  # noqa: PLC0415 - only where it is broken

    vars(spool)["_LONGEST"] = (40, 64, 10_000)


def _proof_forgotten() -> None:
    """Any proof is right."""
    from relay.admission import challenge  # noqa: PLC0415 - only where it is broken

    vars(challenge)["hmac"] = types.SimpleNamespace(compare_digest=lambda *_: True)


def _signature_unchecked() -> None:
    """An exported ledger file's signature is taken as it stands."""
    from relay.ledger import export_file  # noqa: PLC0415 - only where it is broken

    vars(export_file)["_check_signature"] = lambda _, signature, __: (str(signature.get("public_key")), [])


def _seal_unchecked() -> None:
    """A sealed file's signature is taken as it stands."""
    from relay.ledger.seal import Seal  # noqa: PLC0415 - only where it is broken

    Seal.is_signed = lambda _: True  # type: ignore[assignment, method-assign]


def _path_unchecked() -> None:
    """A proof's line is taken for the leaf, whatever the way through the tree says."""
    from fuzz.rooms.seals import PROOFS  # noqa: PLC0415 - only where it is broken
    from relay.ledger import verify_proof  # noqa: PLC0415 - only where it is broken

    root = bytes.fromhex(json.loads(PROOFS[0]["seal"])["root"])
    vars(verify_proof)["root_of"] = lambda *_: root


def _process_killed() -> None:
    """Native code writes where it must not: the process is gone without a word."""
    from relay.admission.origin import proxy_header  # noqa: PLC0415 - only where it is broken

    vars(proxy_header)["origin_at"] = lambda *_: os.kill(os.getpid(), signal.SIGSEGV)


BREAKS = {
    "proxy_length_swapped": Break("proxy_header", _proxy_length_swapped),
    "frame_bound_dropped": Break("counter_frames", _frame_bound_dropped),
    "spool_bound_dropped": Break("spool_files", _spool_bound_dropped),
    "proof_forgotten": Break("stream_messages", _proof_forgotten),
    "signature_unchecked": Break("ledger_files", _signature_unchecked),
    "seal_unchecked": Break("sealed_files", _seal_unchecked),
    "path_unchecked": Break("proofs", _path_unchecked),
    "process_killed": Break("proxy_header", _process_killed),
}
