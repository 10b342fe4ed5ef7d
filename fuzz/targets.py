"""The table of targets. It imports nothing of the relay's, so that a campaign can be planned without loading it.

A target's function takes bytes and returns nothing. The exceptions that a parser may raise by its own docstring are
caught inside; whatever else comes out, and every broken promise (`Broken`), is a finding.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Mutate = Callable[[bytes, int, Random], bytes]
DRIVERS = ("guided", "unguided", "plain", "random", "compiled")
WITHOUT_COVERAGE = ("random", "compiled")


class Broken(AssertionError):
    """A parser did not keep its promise; the message says which."""


def promise(kept: object, what: str) -> None:
    """Raise Broken unless the promise is kept; `what` is what should be true."""
    if not kept:
        raise Broken(what)


@dataclass(frozen=True, slots=True)
class Play:
    """How a target is played."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    """real values, made when the module is loaded"""
    mutate: Mutate
    longest: int = 4096
    """bytes of an input"""


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    name: str
    room: str
    """module of `fuzz.rooms`; it has a Play in PLAYS under the target's name"""
    share: int
    """of the campaign's inputs, relative to the others': slow ones get fewer"""
    reads: str
    """what it parses, and from whom"""
    watched: tuple[str, ...]
    """packages whose coverage guides it"""

    def load(self) -> Play:
        plays: dict[str, Play] = importlib.import_module(f"fuzz.rooms.{self.room}").PLAYS
        return plays[self.name]


_ORIGIN, _CODEC = ("relay.admission.origin",), ("ctpabi.codec",)

TARGETS = (
    FuzzTarget("proxy_header", "origin", 500, "PROXY protocol, versions 1 and 2, of a balancer", _ORIGIN),
    FuzzTarget("forwarded_headers", "origin", 100, "x-forwarded-for behind trusted proxies", _ORIGIN),
    FuzzTarget("struct_bytes", "codec", 60, "C structs of the counter into messages, and back", _CODEC),
    FuzzTarget("struct_messages", "codec", 60, "messages of a terminal into C structs, and back", _CODEC),
    FuzzTarget("requests", "codec", 80, "every request of the catalog, as a terminal sends it", _CODEC),
    FuzzTarget("direct_events", "codec", 60, "callbacks of the counter as events, and direct mode's dispatch", _CODEC),
    FuzzTarget("elf_files", "libraries", 60, "the file that is named as the vendor's library", ("ctpabi.elf",)),
    FuzzTarget(
        "stream_messages",
        "stream",
        5,
        "messages of terminals in any order, on several streams, with and without the right proof",
        ("relay.sessions", "relay.admission"),
    ),
    FuzzTarget(
        "stream_bytes", "stream", 4, "bytes in the place of a message, before and after login", ("relay.sessions",)
    ),
    FuzzTarget(
        "relay_batches",
        "terminal",
        6,
        "what a hostile relay sends to a terminal, in any order",
        ("terminal_client.link", "terminal_client.conversation", "terminal_client.dispatch", "terminal_client.stream"),
    ),
    FuzzTarget(
        "order_calls",
        "orders",
        8,
        "calls of several terminals on one session, and the counter's events, in any order",
        (
            "relay.counter.ctp.orders",
            "relay.counter.ctp.lanes",
            "relay.counter.ctp.identity",
            "relay.counter.ctp.delivery",
        ),
    ),
    FuzzTarget(
        "terminal_options", "terminal", 15, "the terminal program's TOML file", ("terminal_client.cli.options",)
    ),
    FuzzTarget("collector_answers", "terminal", 60, "the collector process' answer", ("terminal_client.collector",)),
    FuzzTarget(
        "ledger_files", "ledger", 15, "exported ledger files that are verified", ("relay.ledger", "relay.admin")
    ),
    FuzzTarget(
        "ledger_lines", "ledger", 15, "entries exported as JSON, CSV and login lines, read again", ("relay.ledger",)
    ),
    FuzzTarget("sealed_files", "seals", 12, "sealed days and months that come back, packed or not", ("relay.ledger",)),
    FuzzTarget("proofs", "seals", 20, "proofs of one entry", ("relay.ledger.verify_proof",)),
    FuzzTarget("spool_files", "ledger", 40, "entries that an earlier process left on disk", ("relay.ledger.spool",)),
    FuzzTarget(
        "order_map_files", "ledger", 15, "the order map of an earlier process", ("relay.counter.ctp.order_map",)
    ),
    FuzzTarget("settings", "settings", 8, "the settings file and the environment over it", ("relay.settings",)),
    FuzzTarget("secret_files", "settings", 20, "files with a secret inside", ("relay.settings.secret_files",)),
    FuzzTarget("certificates", "settings", 10, "certificate and key, PEM", ("relay.rpc.certificates",)),
    FuzzTarget("counter_settings", "settings", 15, "the simulated counter's TOML file", ("simcounter.config",)),
    FuzzTarget(
        "command_values",
        "commands",
        20,
        "values on command lines, and what commands print",
        ("relay.outside_text", "ctpabi.outside_text", "relay.settings"),
    ),
    FuzzTarget("command_lines", "commands", 1, "whole command lines of ctp-relay", ("relay.cli",)),
    FuzzTarget(
        "admin_messages",
        "commands",
        12,
        "requests to the admin API, of every method",
        ("relay.rpc.admin_service", "relay.admin"),
    ),
    FuzzTarget(
        "console_forms",
        "console",
        2,
        "forms and query strings of the web console, of every page and role",
        ("relay.console", "relay.admin"),
    ),
    FuzzTarget("cts_lines", "cts", 60, "lines of a CTS counter", ("relay.counter.cts.wire",)),
    FuzzTarget(
        "cts_rows", "cts", 30, "rows of a CTS counter's answers", ("relay.counter.cts", "relay.counter.translated")
    ),
    FuzzTarget("counter_frames", "simulated", 60, "frames of the simulated counter's wire", ("ctpabi.shim.wire",)),
    FuzzTarget(
        "counter_connections", "simulated", 2, "connections to the simulated counter, in any order", ("simcounter",)
    ),
    FuzzTarget("counter_control", "simulated", 2, "the simulated counter's control socket", ("simcounter",)),
    FuzzTarget(
        "genuineness_answers", "genuineness", 6, "the side process' lines, read by the relay", ("relay.admission",)
    ),
    FuzzTarget(
        "genuineness_questions", "genuineness", 60, "the relay's lines, read by the side process", ("relay.admission",)
    ),
    FuzzTarget("genuineness_library", "genuineness", 3, "system info, read by the vendor's library", ()),
    FuzzTarget(
        "system_info", "genuineness", 120, "length, header and time of system info", ("relay.admission.system_info",)
    ),
    FuzzTarget(
        "http2_connections",
        "http2",
        20,
        "frames of a terminal's connection, in any order and cut anywhere",
        ("relay.http2", "ctprelay.wire"),
    ),
    FuzzTarget(
        "http2_relays",
        "http2",
        20,
        "frames of a relay's connection, as a terminal hears them",
        ("terminal_client.call", "terminal_client.connection", "ctprelay.wire"),
    ),
    FuzzTarget("http_heads", "metrics", 60, "heads of HTTP requests", ("relay.metrics.http_server",)),
    FuzzTarget("http_requests", "metrics", 1, "HTTP requests to the metrics endpoint", ("relay.metrics",)),
)

ABSENT = {
    "webhook templates": "read from the firm's own settings file; who sends them nothing can change them",
    "HTTP admin API": "administration is gRPC on the control socket, see admin_messages",
}
"""what would be fuzzed and does not exist"""


def compiled_targets() -> Sequence[FuzzTarget]:
    """Those that play modules of which the relay's compiled parts are made."""
    modules = importlib.import_module("relay.compiled.parts").compiled_modules()
    return [target for target in TARGETS if any(module.startswith(target.watched) for module in modules)]


def by_name(name: str) -> FuzzTarget:
    """The target of this name; KeyError where there is none."""
    return {target.name: target for target in TARGETS}[name]
