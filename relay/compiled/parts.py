"""Which modules are compiled: those that an order and a notice pass, room by room; and the key of their source."""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

GROUP = "ctp_relay_parts"
LIBRARY = f"{GROUP}__mypyc"
"""the module that has the code of all parts; mypyc names it"""
_PACKAGES = ("relay", "ctpabi", "ctprelay")
_PARTS = (
    "ctpabi.codec.cells",
    "ctpabi.codec.messages",
    "ctpabi.codec.text",
    "ctprelay.wire",
    "ctprelay.wire_format",
    "relay.counter.counter_event",
    "relay.counter.ctp.delivery",
    "relay.counter.ctp.identity.ownership",
    "relay.counter.ctp.identity.scope",
    "relay.counter.ctp.identity.scope_table",
    "relay.counter.ctp.identity.spelling",
    "relay.counter.ctp.lanes",
    "relay.counter.ctp.orders",
    "relay.counter.ctp.pacing.ticket",
    "relay.counter.outgoing",
    "relay.counter.waiting",
    "relay.edge.passage",
    "relay.edge.streams",
    "relay.edge.wire",
    "relay.http2.bucket",
    "relay.http2.call",
    "relay.http2.connection",
    "relay.http2.heads",
    "relay.http2.rules",
    "relay.http2.toll",
    "relay.lean_event",
    "relay.market_data.outbox",
    "relay.sessions.fan_out",
    "relay.sessions.frames",
    "relay.sessions.journal",
    "relay.sessions.outbox",
    "relay.sessions.session",
    "relay.turns",
)
"""rooms, of which every module is compiled, and modules"""


def sources() -> Iterator[tuple[Path, Path]]:
    """Every source file of the relay's packages: where it is, and its place below the folder that is imported from."""
    for package in _PACKAGES:
        top = Path(str(import_module(package).__file__)).parent
        for file in sorted(top.rglob("*.py*")):
            # An editor's own files begin with a dot: some lead nowhere.
            if file.suffix in {".py", ".pyi"} and not file.name.startswith("."):
                yield file, package / file.relative_to(top)


@cache
def compiled_modules() -> frozenset[str]:
    """The names of the modules that are compiled."""
    names = (".".join(place.with_suffix("").parts) for _, place in sources() if place.suffix == ".py")
    return frozenset(
        name for name in names if name.startswith(tuple(f"{part}." for part in _PARTS)) or name in _PARTS
    ) - {f"{part}.__init__" for part in _PARTS}


def place_of(module: str) -> str:
    """Its file in a folder of parts."""
    return f"{module.replace('.', '/')}{EXTENSION_SUFFIXES[0]}"


@cache
def key() -> str:
    """Of the source as it is here, and of this Python: what was made of another one has another key."""
    return key_of(sources())


def key_of(files: Iterable[tuple[Path, Path]]) -> str:
    """The same of these files, each with its place."""
    digest = hashlib.sha256(str(sysconfig.get_config_var("SOABI")).encode())
    for file, place in files:
        digest.update(f"\0{place}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
