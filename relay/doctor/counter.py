"""The way to the counter: the vendor's library, the fronts, and what the counter said at the latest login.

Before a login the counter says nothing: neither what the relay's app id may do nor what time it has there. So these
are read from the ledger, and what was not checked is said.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.exc import SQLAlchemyError

from ctpabi.api import binding
from ctpabi.catalog import Distribution
from ctpabi.catalog.data import load_catalog
from relay.admission.verifier import command, side_environment
from relay.database.database import DatabaseUnusable
from relay.database.schema import LEDGER
from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.rows import counter as rows
from relay.doctor.stores import opened
from relay.settings.file import ledger_url
from relay.settings.settings import CTP, Settings

_FRONT_SECONDS = 3.0
_JUDGE_SECONDS = 30.0
_MOST_FRONTS = 16
_ENTRIES = 200
"""of answers to authentications, newest first, among which this relay's is looked for"""
_NEEDED = {"many_to_many": "2", "many_to_one": "3"}
"""CTP fact 20"""


def check_library(case: Case) -> Iterator[Finding]:
    """The binding's version is the one this was generated for, and nothing stands in the library's place."""
    if case.settings.counter.system != CTP:
        return
    chosen = Distribution(case.settings.counter.binding)
    wanted = load_catalog(distribution=chosen).version
    try:
        version = binding.installed_version(chosen)
        binding.vendor_library(chosen)
    except binding.BindingMismatch as error:
        yield rows.LIBRARY_WRONG(why=error)
        return
    if version != wanted:
        yield rows.LIBRARY_OTHER(binding=chosen, version=version, wanted=wanted)
        return
    edition = "production" if case.settings.counter.production else "evaluation"
    yield rows.LIBRARY_RIGHT(binding=chosen, version=version, edition=edition)
    if preload := os.environ.get("LD_PRELOAD", ""):
        yield rows.LIBRARY_REPLACED(preload=preload)


def check_collector(case: Case) -> Iterator[Finding]:
    """That the side process that judges system info can work."""
    rules = case.settings.verification
    if not rules.genuineness:
        yield rows.COLLECTOR_NOT_JUDGED()
        return
    if case.starting:
        return  # the relay starts it in a moment, and says it
    said = _side_process(case.settings)
    if "ready" in said:
        yield rows.COLLECTOR_JUDGED(version=str(said["ready"]).strip(), edition=rules.collector_edition)
    else:
        yield rows.COLLECTOR_UNJUDGEABLE(why=said.get("unfit") or "it does not answer")


def _side_process(settings: Settings) -> dict[str, Any]:
    """The first line of one that is started for this and ends at once."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(_JUDGE_SECONDS)
        process = subprocess.Popen(
            [*command(settings.verification.collector_edition), "--descriptor", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=side_environment(),
        )
        theirs.close()
        try:
            with ours.makefile("rb") as lines:
                said = json.loads(lines.readline(65536) or b"{}")
        except (OSError, ValueError):
            return {}
        finally:
            ours.close()  # it ends with its socket
            _ended(process)
    return said if isinstance(said, dict) else {}


def _ended(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_FRONT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check_fronts(case: Case) -> Iterator[Finding]:
    """That each front takes a TCP connection; nothing is said on it."""
    fronts = _fronts_of(case.settings)[:_MOST_FRONTS]
    if case.starting or not fronts:
        return  # the relay connects in a moment, and again until one takes it
    with ThreadPoolExecutor(len(fronts)) as pool:
        found = list(pool.map(_reach, fronts))
    yield from found
    if not any(finding.name == rows.FRONT_REACHED.name for finding in found):
        yield rows.FRONTS_UNREACHED(count=len(fronts))


def _fronts_of(settings: Settings) -> tuple[str, ...]:
    """Where the counter is, whatever its system."""
    cts, ufx, bridge = settings.counter.cts, settings.counter.ufx, settings.counter.bridge
    if bridge is not None:  # a Unix socket is there or not: nothing connects to it for a look
        return () if bridge.address.startswith("unix:") else (f"tcp://{bridge.address}",)
    if ufx is not None:
        return tuple(f"tcp://{address}" for address in ufx.servers)
    return settings.counter.fronts if cts is None else (f"tcp://{cts.address}",)


def check_market_fronts(case: Case) -> Iterator[Finding]:
    """The same of the fronts for market data; a relay trades without them."""
    market = case.settings.market_data
    if case.starting or not market.enabled:
        return
    for front in market.fronts[:_MOST_FRONTS]:
        found = _reach(front)
        reached = found.name == rows.FRONT_REACHED.name
        yield found if reached else rows.MARKET_FRONT_UNREACHED(front=front)


def _reach(front: str) -> Finding:
    host, _, port = front.partition("://")[2].rpartition(":")
    begin = time.monotonic()
    try:
        socket.create_connection((host.strip("[]"), int(port)), _FRONT_SECONDS).close()
    except (OSError, OverflowError) as error:
        return rows.FRONT_UNREACHED(front=front, why=str(getattr(error, "strerror", None) or error))
    return rows.FRONT_REACHED(front=front, milliseconds=round((time.monotonic() - begin) * 1000))


def check_app_type(case: Case) -> Iterator[Finding]:
    """What the counter gave for AppType at the latest authentication with these settings."""
    if case.settings.counter.system != CTP:
        return
    settings = case.settings
    mode, app_id = settings.relay.mode, settings.counter.relay_app_id
    answer = _latest_answer(settings)
    if answer is None:
        yield rows.APP_TYPE_UNKNOWN(relay_app_id=app_id, mode=mode)
        return
    at, said = answer
    if said.get("error_id"):
        yield rows.RELAY_REFUSED(at=at, error_id=said["error_id"], error_msg=said.get("error_msg", ""))
        return
    row = rows.APP_TYPE_RIGHT if said.get("app_type") == _NEEDED[mode] else rows.APP_TYPE_WRONG
    yield row(at=at, app_type=said.get("app_type"), mode=mode, needed=_NEEDED[mode])


def _latest_answer(settings: Settings) -> tuple[str, dict[str, Any]] | None:
    """When, and what the counter answered to this app id's authentication; None where it was never asked, or nothing says it."""
    try:
        with opened(ledger_url(settings)) as engine:
            if engine is None or not inspect(engine).has_table(LEDGER.name):
                return None
            with engine.connect() as connection:
                wanted = LEDGER.c.kind.in_(["counter_authenticate", "counter_authenticate_answer"])
                newest = select(LEDGER).where(wanted).order_by(LEDGER.c.at.desc()).limit(_ENTRIES)
                rows = connection.execute(newest).all()
    except (DatabaseUnusable, SQLAlchemyError):
        return None
    mine = {
        row.session
        for row in rows
        if row.kind == "counter_authenticate"
        and json.loads(row.data).get("relay_app_id") == settings.counter.relay_app_id
    }
    for row in rows:
        if row.kind == "counter_authenticate_answer" and row.session in mine:
            return row.at[:19], json.loads(row.data)
    return None
