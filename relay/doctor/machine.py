"""The machine: ports, descriptors, locale, time zone, clock, disk."""

from __future__ import annotations

import ctypes
import datetime as dt
import errno
import resource
import shutil
import socket
from collections.abc import Iterator

from ctpabi import locale
from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.processes import described, port_holder
from relay.doctor.rows import machine as rows
from relay.doctor.stores import existing
from relay.edge.descriptors import ELSEWHERE, OF_A_CONNECTION
from relay.settings.settings import Settings
from relay.settings.values import split_address

OF_A_COUNTER_SESSION = 6
"""descriptors that one instance of the vendor's library takes"""
_FEWEST_STRANGERS = 32
_CHINA = dt.timedelta(hours=8)
_TIME_ERROR = 5
_UNSYNCHRONIZED = 0x40
_SCARCE_BYTES, _FULL_BYTES = 1 << 30, 64 << 20


def check_ports(case: Case) -> Iterator[Finding]:
    """That each address can be listened on; by a running relay it is. Who replaces that one finds them taken by it."""
    settings = case.settings
    if case.replaces:
        return
    wanted: dict[tuple[str, int], str] = {}
    for key, address in _addresses(settings):
        host, port = split_address(address)
        if not port:  # any that is free
            continue
        first = wanted.setdefault((host, port), key)
        yield (
            _port(case, key, address, (host, port))
            if first == key
            else rows.PORT_TWICE(key=key, address=address, other=first)
        )


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "listen.address", settings.listen.address
    if settings.listen.address_with_certificates is not None:
        yield "listen.address_with_certificates", settings.listen.address_with_certificates
    if settings.market_data.enabled and settings.market_data.address is not None:
        yield "market_data.address", settings.market_data.address
    if settings.metrics.address is not None:
        yield "metrics.address", settings.metrics.address
    if settings.admin.address is not None:
        yield "admin.address", settings.admin.address


def _port(case: Case, key: str, address: str, at: tuple[str, int]) -> Finding:
    family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
    try:
        socket.create_server(at, family=family, backlog=0, dualstack_ipv6=at[0] == "::").close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return rows.PORT_NOT_OURS(key=key, address=address, why=error.strerror or error)
        holder = port_holder(at[1])
        if case.running is not None and holder == case.running:
            return rows.PORT_OURS(key=key, address=address)
        return rows.PORT_TAKEN(key=key, address=address, by=described(holder))
    return rows.PORT_FREE(key=key, address=address)


def check_descriptors(case: Case) -> Iterator[Finding]:
    """What the edge, the sessions and their connections to the counter need, against what is allowed."""
    settings = case.settings
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    counter_sessions = settings.max_sessions if settings.relay.mode == "many_to_many" else 1
    strangers = settings.listen.max_connections_without_session
    of_counter = OF_A_COUNTER_SESSION * counter_sessions
    needed = ELSEWHERE + OF_A_CONNECTION * (strangers + settings.max_sessions) + of_counter
    least = ELSEWHERE + OF_A_CONNECTION * (_FEWEST_STRANGERS + 1) + OF_A_COUNTER_SESSION
    if limit != resource.RLIM_INFINITY and limit < least:
        yield rows.DESCRIPTORS_TOO_FEW(limit=limit, least=least)
    elif limit != resource.RLIM_INFINITY and limit < needed:
        yield rows.DESCRIPTORS_FEW(limit=limit, needed=needed, sessions=settings.max_sessions)
    else:
        yield rows.DESCRIPTORS_ENOUGH(limit=limit, needed=needed)


def check_workers(case: Case) -> Iterator[Finding]:
    """What each of several workers counts for itself, so that the relay as a whole allows more."""
    settings, workers = case.settings, case.settings.relay.workers
    if workers > 1:
        sessions = workers * settings.sessions.max_per_investor
        refusals = workers * settings.ledger.stranger_refusals_per_minute
        yield rows.WORKERS_COUNT_EACH(workers=workers, sessions=sessions, refusals=refusals)


def check_locale(_: Case) -> Iterator[Finding]:
    """The locale without which the vendor's library ends the process (CTP fact 9)."""
    if locale.available():
        yield rows.LOCALE_THERE(name=locale.NAME)
    elif locale.built() or shutil.which("localedef"):
        yield rows.LOCALE_TO_BE_BUILT(name=locale.NAME)
    else:
        yield rows.LOCALE_MISSING(name=locale.NAME, command=locale.INSTALL_COMMAND)


def check_zone(_: Case) -> Iterator[Finding]:
    """The machine's own time zone."""
    here = dt.datetime.now().astimezone()
    offset = here.strftime("%z")
    row = rows.ZONE_OF_CHINA if here.utcoffset() == _CHINA else rows.ZONE_ANOTHER
    yield row(offset=f"{offset[:3]}:{offset[3:]}")


class _Timex(ctypes.Structure):
    """The kernel's struct timex as far as it is read here; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


def check_clock(_: Case) -> Iterator[Finding]:
    """What the kernel says of how the clock is kept; nothing is set."""
    state, unsynchronized, error = kernel_clock()
    if state < 0:
        yield rows.CLOCK_UNKNOWN()
    elif state == _TIME_ERROR or unsynchronized:
        yield rows.CLOCK_NOT_SYNCHRONIZED()
    else:
        yield rows.CLOCK_SYNCHRONIZED(error=error // 1000)


def kernel_clock() -> tuple[int, bool, int]:
    """The kernel's state of the clock, -1 where it does not say; whether no NTP keeps it; the largest error in microseconds."""
    answer = _Timex()
    state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer)))
    return state, bool(answer.status & _UNSYNCHRONIZED), int(answer.maxerror)


def check_disk(case: Case) -> Iterator[Finding]:
    """Room for the order map, the ledger's spool and, with SQLite, the ledger."""
    path = case.settings.relay.state_dir.absolute()
    place = existing(path)
    free = shutil.disk_usage(place).free
    row = rows.DISK_FULL if free < _FULL_BYTES else rows.DISK_SCARCE if free < _SCARCE_BYTES else rows.DISK_FREE
    yield row(path=path, free=_size(free))


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
