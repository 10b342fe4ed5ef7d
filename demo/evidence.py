"""What was kept of the terminal's login: in the counter's terminal store, in the day's report, in the relay's ledger."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

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

    system_info_sha256: str
    return_code: int
    entries: int
    verified: bool
    heads: tuple[str, ...]


def operator_is_logged_in(counter: SimulatedCounter) -> bool:
    """Whether the relay's operator has a session at the counter; terminals of many-to-one are refused before."""
    users = (session.user for session in counter.kernel.sessions.values())
    return any(user is not None and user.user_id == demo_accounts.OPERATOR_ID for user in users)


def stored_report(counter: SimulatedCounter, investor_id: str) -> StoredReport:
    """The counter's row about the investor's terminal; EvidenceMissing unless there is exactly one."""
    rows = counter.tmdb.reports(user_id=investor_id)
    if len(rows) != 1:
        raise EvidenceMissing(f"the counter's terminal store has {len(rows)} rows about {investor_id}, not 1")
    return rows[0]


def digest_of(row: StoredReport) -> str:
    """SHA-256 of the bytes that arrived at the counter."""
    return hashlib.sha256(row.inner_info).hexdigest()


def report_line(counter: SimulatedCounter, investor_id: str) -> ReportLine:
    """The investor's line of the day's report, decrypted with the test key."""
    lines = day_report(counter.tmdb.reports(user_id=investor_id), counter.monitoring_key)
    if len(lines) != 1:
        raise EvidenceMissing(f"the day's report has {len(lines)} lines about {investor_id}, not 1")
    return lines[0]


async def ledger_facts(site: RelaySite) -> LedgerFacts:
    """The login's entries, and the verdict of `ctp-relay ledger verify`."""
    exported = await site.run("ledger", "export", "--format", "json")
    verdict = await site.run_json("ledger", "verify", "--json")
    entries = [row for row in map(json.loads, exported.split("\n")[:-1]) if "kind" in row]  # others: heads, signature
    reported = [entry["data"] for entry in entries if entry["kind"] == "terminal_report"]
    results = [entry["data"] for entry in entries if entry["kind"] == "terminal_report_result"]
    if len(reported) != 1 or len(results) != 1:
        raise EvidenceMissing(f"the ledger has {len(reported)} reports with {len(results)} results, not one of each")
    return LedgerFacts(
        system_info_sha256=reported[0]["system_info_sha256"],
        return_code=results[0]["return_code"],
        entries=sum(chain["entries"] for chain in verdict["chains"]),
        verified=verdict["whole"] is True,
        heads=tuple(chain["head"]["hash"] for chain in verdict["chains"] if chain["head"]),
    )
