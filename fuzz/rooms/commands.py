"""Command lines, what commands print, and requests on the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import json
import unicodedata
from collections.abc import Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, cast

import grpc
from typer.testing import CliRunner

from ctprelay.v1 import admin_pb2 as pb
from fuzz.mutations import any_bytes, lines_of, message_of
from fuzz.targets import Play, promise
from relay.admin.alarm_views import AlarmViews
from relay.admin.changes import Changes
from relay.admin.ledger import _compact
from relay.admin.locks import LockActions
from relay.admin.person import Person
from relay.admin.reads import ReadEntries
from relay.admin.running_settings import InForce, Reloaded
from relay.admin.session_views import SessionViews
from relay.admin.steering import Steered, Steering
from relay.admission.login_attempts import Lock
from relay.alarms.recent import RecentAlarms
from relay.cli.app import app
from relay.counter.port import CounterSituation
from relay.ledger.trading_day import day_begin, day_end
from relay.outside_text import is_plain, shown, shown_json
from relay.rpc.admin_answers import AdminParts
from relay.rpc.admin_service import SERVICE, AdminService
from relay.settings.values import is_loopback, split_address, split_list

_LOOP = asyncio.new_event_loop()


def command_values(data: bytes) -> None:
    """Addresses, days and texts: a value, or ValueError in words; and nothing printed moves the screen."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (_read_address, _read_day, _read_list):
        with contextlib.suppress(ValueError):
            read(text)
    line = shown(text)
    promise(not _moving(line), f"what is shown moves nothing: {_moving(line)}")
    promise(is_plain(line) and shown(line) == line, "what is shown is plain")
    value = {text: [text]}
    in_json = shown_json(value)
    promise(not _moving(in_json), f"JSON that is shown moves nothing: {_moving(in_json)}")
    promise(json.loads(in_json) == value, "JSON that is shown is read back")


def _moving(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}][:3]


def _read_address(text: str) -> None:
    host, port = split_address(text)
    promise(host and 0 <= port <= 65535, "an address has a host and a port")
    if is_loopback(text) and host != "localhost":
        promise(ipaddress.ip_address(host).is_loopback, "loopback is loopback")


def _read_day(text: str) -> None:
    day = _compact(text)
    promise(len(day) == 8 and day_begin(day) < day_end(day), "a day ends after it began")


def _read_list(text: str) -> None:
    parts = split_list(text)
    promise(isinstance(parts, tuple) and all(part == part.strip() and part for part in parts), "a list has its parts")


def command_lines(data: bytes) -> None:
    """A command line of ctp-relay, without settings: an exit code of its own, and no traceback."""
    words = data.decode("utf-8", "surrogateescape").split("\n")
    result = CliRunner().invoke(app, [word for word in words if "\0" not in word][:20])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    promise(result.exit_code in range(6), f"an exit code that is listed, not {result.exit_code}")


class _Aborted(Exception):
    """What grpc's abort raises, so that nothing after it is done."""


class _Context:
    async def abort(self, code: grpc.StatusCode, _: str) -> None:
        promise(code is not grpc.StatusCode.UNKNOWN, "an error has a status of its own")
        raise _Aborted


class _Guard:
    """Three locks."""

    def __init__(self) -> None:
        names = (("app id", "terminal_1.0"), ("address", "198.51.100.7"), ("investor", "中继"))
        self.held = {name: Lock(subject, name, 60.0) for subject, name in names}

    def locks(self) -> tuple[Lock, ...]:
        return tuple(self.held.values())

    def lift(self, name: str) -> tuple[Lock, ...]:
        lock = self.held.pop(name, None)
        return (lock,) if lock is not None else ()

    def resume_logins(self) -> tuple[Lock, ...]:
        return ()


class _Changes(Changes):
    """Nothing is kept, but what is kept must be text that moves nothing."""

    def __init__(self) -> None:
        """Without a ledger."""

    def _record(self, kind: str, entry: Mapping[str, object]) -> None:
        for value in (kind, entry["reason"], entry.get("account", ""), entry.get("public_reason", "")):
            promise(is_plain(str(value)), "who and why are plain in the ledger")


class _Sessions:
    """None is there."""

    paused = None

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Counter:
    def situation(self) -> CounterSituation:
        """Many-to-many, without an operator."""
        return CounterSituation("open", 0.0, "", "", (), 0, 0, "")

    def reconnect(self, _: str) -> int:
        return 0

    def reconnect_operator(self, _: str) -> bool:
        return False


class _Faults:
    def begin(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    end = begin


def _steered() -> Steered:
    sessions, counter, faults = (cast("Any", one) for one in (_Sessions(), _Counter(), _Faults()))
    return Steered(sessions, counter, faults, lambda: 1.0, lambda: None, _reloaded, lambda: InForce({}, {}, bool))


def admin_messages(data: bytes) -> None:
    """A request of any method is done or refused with a code of its own, without a traceback."""
    _LOOP.run_until_complete(_administer(data))


async def _administer(data: bytes) -> None:
    changes, reads = _Changes(), ReadEntries(_kept)
    locks = LockActions(_Guard(), changes)  # type: ignore[arg-type]
    steering = Steering(changes, reads, _steered(), lambda: _NOW)
    for actions in (locks, steering):
        cast("Any", actions)._record = partial(_recorded, changes)  # noqa: SLF001 - without its thread
    cast("Any", steering)._refused = partial(_refused, changes)  # noqa: SLF001
    views = SessionViews((), reads, lambda: _NOW)
    parts: Any = AdminParts(
        cast("Any", None), views, steering, locks, AlarmViews(RecentAlarms(), reads), reads, _none_is_disabled
    )
    service = AdminService(parts, lambda _: (_PERSON, True))
    for method in _METHODS:
        handler: Any = service.handlers().service(_Call(f"/{SERVICE}/{method}"))  # type: ignore[arg-type]
        request = handler.request_deserializer(data)
        try:
            answer = handler.response_serializer(await handler.unary_unary(request, _Context()))
        except _Aborted:
            continue
        promise(request is not None, "what cannot be read is refused")
        promise(len(answer) < 2000 + 8 * len(data), "an answer has a bound")
    await reads.close()


async def _none_is_disabled() -> int:
    return 0


async def _reloaded() -> Reloaded:
    return Reloaded()


async def _kept(_: str, facts: Mapping[str, object]) -> None:
    promise(is_plain(str(facts.get("reason", ""))), "why somebody read is plain in the ledger")


async def _recorded(changes: Changes, by: Person, kind: str = "locks_lift", **facts: object) -> None:
    changes.record(by, kind, facts)


async def _refused(changes: Changes, by: Person, kind: str, error: Exception, **facts: object) -> Exception:
    changes.refuse(by, kind, facts, error)
    return error


class _Call:
    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()


_PERSON = Person("fuzz", "control socket")
_NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
_ASKED = {
    method.name: method.input_type.name
    for method in pb.DESCRIPTOR.services_by_name["AdminService"].methods
    if method.name not in {"GetStatus", "WatchStatus", "SetLogLevel"}
}
_METHODS = tuple(_ASKED)
_WORDS = (
    *("terminal", "investor", "ledger", "locks", "database", "settings", "add", "list", "verify", "export", "tail"),
    *("--file", "-n", "--count", "--day", "--json", "--config", "-c", "x.toml", "--mode", "many_to_one", "--help"),
    *("--expect-head", "--public-key", "enable", "disable", "rotate", "lift", "terminal_1.0", "--", "-", "--format"),
)


def _word(data: bytes, most: int, random: Random) -> bytes:
    return random.choice(_WORDS).encode() if random.random() < 0.5 else any_bytes(data, most, random)


def _message(data: bytes, most: int, random: Random) -> bytes:
    kind = getattr(pb, random.choice(tuple(_ASKED.values())))
    return message_of(kind)(data, most, random)


PLAYS = {
    "command_values": Play(
        command_values,
        [
            b"127.0.0.1:50051",
            b"[::1]:50051",
            b"localhost:1",
            b"2026-11-23",
            b"a, b,,c",
            "\x1b[31m\u202e中继\x9b".encode(),
        ],
        any_bytes,
        longest=256,
    ),
    "command_lines": Play(
        command_lines,
        [
            b"terminal\nadd\nterminal_1.0\n--show-once",
            b"investor\nadd\n9999\n100001",
            b"ledger\nverify\n--file\nnowhere.jsonl\n--public-key\n00",
            b"ledger\nexport\n--day\n2026-11-23\n--format\nline",
            b"ledger\ntail\n-n\n5\n--json",
            b"locks\nlift\nterminal_1.0",
            b"settings\n--check",
            b"--version",
        ],
        lines_of(_word),
        longest=400,
    ),
    "admin_messages": Play(
        admin_messages,
        [
            pb.LiftLocksRequest(name="terminal_1.0").SerializeToString(),
            pb.LiftLocksRequest(all_logins=True).SerializeToString(),
            pb.ListLocksRequest().SerializeToString(),
        ],
        _message,
        longest=2000,
    ),
}
"""by target"""
