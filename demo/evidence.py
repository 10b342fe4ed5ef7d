"""What was kept of the terminal's login: in the counter's terminal store, in the day's report, in the relay's ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.cast import Cast
from demo.relay_site import RelaySite
from simcounter import demo_accounts
from simcounter.counter import SimulatedCounter
from simcounter.settlement import ReportLine, day_report
from simcounter.tmdb import StoredReport


class EvidenceMissing(Exception):
    """A record that must be there is not, or is there more than once."""


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the relay's ledger says."""

    collected: Mapping[str, str]
    """SHA-256 of what the terminal gave, by the kind of its collector"""
    return_code: int
    entries: int
    verified: bool
    heads: tuple[str, ...]


def operator_is_logged_in(counter: SimulatedCounter) -> bool:
    """Whether the relay's operator has a session at the counter; terminals of many-to-one are refused before."""
    users = (session.user for session in counter.kernel.sessions.values())
    return any(user is not None and user.user_id == demo_accounts.OPERATOR_ID for user in users)


def stored_report(counter: SimulatedCounter, cast: Cast) -> StoredReport:
    """The counter's row about the investor's terminal; EvidenceMissing unless there is exactly one."""
    rows = [row for row in counter.tmdb.reports(user_id=cast.reported_user) if row.kind == cast.report_kind]
    if len(rows) != 1:
        raise EvidenceMissing(f"the counter's terminal store has {len(rows)} rows about {cast.reported_user}, not 1")
    return rows[0]


def digest_of(row: StoredReport) -> str:
    """SHA-256 of the bytes that arrived at the counter."""
    return hashlib.sha256(row.inner_info).hexdigest()


def report_line(counter: SimulatedCounter, cast: Cast) -> ReportLine:
    """The investor's line of the day's report, decrypted with the test key."""
    (line,) = day_report([stored_report(counter, cast)], counter.monitoring_key)
    return line


async def ledger_facts(site: RelaySite) -> LedgerFacts:
    """The login's entries, and the verdict of `ctp-relay ledger verify`."""
    exported = await site.run("ledger", "export", "--format", "json")
    verdict = await site.run_json("ledger", "verify", "--json")
    entries = [row for row in map(json.loads, exported.split("\n")[:-1]) if "kind" in row]  # others: heads, signature
    reported = [entry["data"] for entry in entries if entry["kind"] == "terminal_report"]
    results = [entry["data"] for entry in entries if entry["kind"] == "terminal_report_result"]
    awaited = int(site.cast.takes_terminals)
    if len(reported) != awaited or len(results) != awaited:
        raise EvidenceMissing(
            f"the ledger has {len(reported)} reports with {len(results)} results, not {awaited} of each"
        )
    return LedgerFacts(
        collected=_collected(reported[0]) if reported else {},
        return_code=results[0]["return_code"] if results else 0,
        entries=sum(chain["entries"] for chain in verdict["chains"]),
        verified=verdict["whole"] is True,
        heads=tuple(chain["head"]["hash"] for chain in verdict["chains"] if chain["head"]),
    )


def _collected(report: Mapping[str, Any]) -> dict[str, str]:
    others = {one["kind"]: one["sha256"] for one in report.get("collected", [])}
    return ({"ctp": report["system_info_sha256"]} if report["system_info_length"] else {}) | others
