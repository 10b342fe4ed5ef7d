"""The table of metrics: what each is called, of which type, what it means, and by what it is split.

Names follow Prometheus' convention: a count that only grows ends in `_total`, which the library adds; seconds and bytes are
said at the end. docs/metrics.md is written from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "ctp_relay_"


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric."""

    kind: Literal["gauge", "counter", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()

    def full_name(self, name: str) -> str:
        """As Prometheus shows it."""
        return f"{PREFIX}{name}{'_total' if self.kind == 'counter' else ''}"


def _gauge(meaning: str, *labels: str) -> MetricRow:
    return MetricRow("gauge", meaning, labels)


def _counter(meaning: str, *labels: str) -> MetricRow:
    return MetricRow("counter", meaning, labels)


ROWS: Final[dict[str, MetricRow]] = {
    "build_info": _gauge("always 1; which version, mode and relay this is", "version", "mode", "relay"),
    "compiled": _gauge("1 while the order path runs as machine code, 0 while it runs in Python"),
    "native_road": _gauge("1 while the counter's events are taken by the native library, 0 while Python takes them"),
    "fault": _gauge("1 while this fault stands; every fault there can be has a series", "fault"),
    "faults_begun": _counter("how often this fault has begun", "fault"),
    "alarms": _counter("events a person must look at, each an error in the log", "alarm"),
    "alarm_messages": _counter("messages to a person, by way and whether they arrived", "channel", "outcome"),
    "workers": _gauge("the relay's workers, by their state; no series where it is one process", "state"),
    "worker_starts": _counter("how often this worker was started; no series where there is one process", "worker"),
    "sessions": _gauge("terminal sessions, logged in or lingering"),
    "sessions_by_state": _gauge("the same: online with a stream, lingering without one", "state"),
    "logins": _counter("logins that passed their proof, by outcome", "outcome"),
    "login_seconds": MetricRow("histogram", "from the right proof to the answer of a login that succeeded"),
    "resumes": _counter("sessions that a terminal took up again"),
    "refusals": _counter("refused streams, logins and calls, by the reason's stable word (docs/refusals.md)", "reason"),
    "reports": _counter("reports of terminals, by what the counter's API returned; 0 is well", "return_code"),
    "calls": _counter(
        "requests given to the counter's API, by its name for them and what it returned", "request", "return_code"
    ),
    "orders": _counter("orders given to the counter's API"),
    "cancels": _counter("cancels and changes of orders given to the counter's API"),
    "queries": _counter("queries given to the counter's API"),
    "order_seconds": MetricRow(
        "histogram", "from an order's arrival in the relay until the counter's API has taken it"
    ),
    "events": _counter("notices and answers passed on to terminals"),
    "notice_seconds": MetricRow(
        "histogram", "from the first notice of a burst until all of it is in the queue of the terminal's stream"
    ),
    "fan_out_waits": _counter(
        "how often notices to many terminals waited, up to two milliseconds, because an order was under way to the counter"
    ),
    "locks": _gauge("who cannot log in, or only slowly, after failed logins"),
    "counter_ready": _gauge("1 where terminals can be attached; many-to-one: the operator is logged in"),
    "counter_exchanges": _gauge("exchanges the counter named at its latest login; 0 before one"),
    "counter_sessions": _gauge("sessions at the counter, by whether they are connected to a front", "state"),
    "front_lost": _counter("connections to a front that broke"),
    "front_reconnects": _counter("connections to a front that came back"),
    "clock_offset_seconds": _gauge("this machine's clock ahead of the counter's, to half a second; NaN before a login"),
    "orders_today": _gauge(
        "orders this trading day of the counter session that has most; bounded by limits.orders_per_day"
    ),
    "ledger_entries_committed": _counter("ledger entries committed"),
    "ledger_entries_failed": _counter("ledger entries that could not be committed"),
    "ledger_entries_spooled": _gauge("ledger entries on disk until the database answers"),
    "ledger_entries_lost": _counter("ledger entries that could be kept nowhere; the ledger says so"),
    "ledger_entries_waiting": _gauge("ledger entries waiting for the database"),
    "order_trail_committed": _counter("entries of the orders' audited stream committed; no series where it is off"),
    "order_trail_waiting": _gauge("entries of the orders' audited stream waiting for the database"),
    "order_trail_lost": _counter("entries of the orders' audited stream that could not be kept; the ledger says so"),
    "database_seconds": _gauge("what the latest look at the database took"),
    "order_map_writes_failed": _counter("orders refused because the order map could not be written"),
    "order_map_lines_lost": _counter("damaged lines found when the day's order map was read"),
    "shared_orders_waiting": _gauge("orders that the firm's other relay processes do not know yet"),
    "shared_orders_lost": _counter("orders that they will never know"),
    "market_data_live": _gauge("1 while the relay is logged in for market data; no series where it has none"),
    "market_data_readers": _gauge("terminals with a market data stream"),
    "market_data_instruments": _gauge("instruments subscribed at the counter, each once however many read it", "feed"),
    "market_data_received": _counter("ticks from the counter"),
    "market_data_sent": _counter("ticks to terminals"),
    "market_data_passed_over": _counter(
        "ticks a terminal did not get because it was slow and a newer one of the instrument was there"
    ),
    "streams_without_session": _gauge("open streams that are not logged in"),
    "streams_waiting": _gauge("streams that wait because their address has too many"),
    "streams_refused": _counter("streams refused because there were too many"),
    "outbox_bytes": _gauge("bytes that wait to be sent to terminals"),
    "calls_waiting": _gauge("calls of terminals that have no result yet"),
    "verifier_ready": _gauge("1 where system info can be judged, or is not to be"),
    "log_lines_dropped": _counter("log lines lost because they were not read"),
    "origins_unknown": _counter("streams refused because a proxy did not say where they come from"),
    "origins_without_port": _counter("streams whose proxy gave no port: reports say 0"),
    "connections_unproved": _gauge("connections on which no terminal has proved itself"),
    "connections_proved": _gauge("connections with a terminal that is logging in after its proof"),
    "connections_with_session": _gauge("connections with a terminal session"),
    "connections_waiting": _gauge("new connections that wait for their turn"),
    "connections_refused": _counter("connections refused, for whatever cause"),
    "connections_ended": _counter("connections refused or cut, by cause", "cause"),
    "certificate_valid_until_seconds": _gauge("when the served certificate expires, Unix time; no series without TLS"),
    "certificates_valid_until_seconds": _gauge(
        "the same of every certificate in use, by its setting: also the admin API's, and those of clients' authorities",
        "certificate",
    ),
    "disk_free_bytes": _gauge("free room for the state directory; NaN before the first look"),
    "descriptors_open": _gauge("files that are open"),
    "descriptors_most": _gauge("files that may be open"),
}
"""name without the prefix -> its row"""
