"""What of the settings, and of the files they name, can change while the relay runs, and who takes it.

Every other key waits for a restart. A row's function runs on a thread, because it may read files; what it changes is one
plain value, or it hands the change to the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from relay.admission.admission import Admission, AdmissionRules
from relay.admission.client_certificates import Asked
from relay.admission.login_guard import LoginGuard
from relay.admission.system_info import AgeLimits
from relay.alarms.alarming import Alarming
from relay.counter.port import Mode, SteeredCounter
from relay.counter_choice import DAY_LIMITS, LINK_LIMITS, CounterRules
from relay.logs import logs
from relay.market_data.book import BookBounds
from relay.market_data.hub import MarketHub
from relay.reloading import Take
from relay.rpc.listener import Doors
from relay.sessions.refused_streams import shares_of
from relay.sessions.sessions import SessionLimits, Sessions
from relay.settings import file as settings_file
from relay.settings.settings import Settings
from relay.watch.watching import Watching

LOGIN_LIMITS = tuple(
    f"limits.{name}"
    for name in (
        "login_failures_per_investor",
        "login_failures_at_counter",
        "counter_memory_seconds",
        "failures_before_slowing_investor",
        "failures_before_slowing_app_id",
        "failures_before_slowing_address",
        "slowest_login_seconds",
        "window_seconds",
        "lock_out_seconds",
        "breaker_pause_seconds",
    )
)
"""the settings that `LoginGuard.take_limits` reads"""
DOORS = tuple(
    f"listen.{name}"
    for name in (
        "trusted_proxies",
        "proxy_protocol_from",
        "health_checks_from",
        "max_message_bytes",
        "hello_timeout_seconds",
        "max_connections_without_session",
        "max_connections_without_session_per_address",
        "connections_per_second",
        "connections_per_second_per_address",
        "max_streams_without_session",
        "max_streams_without_session_per_address",
    )
)
MARKET_BOUNDS = tuple(
    f"market_data.{name}" for name in ("max_instruments_per_terminal", "max_instruments", "ticks_waiting")
)

_OPERATORS_FILE = "counter.operator.password_file"


def admission_rules(settings: Settings) -> AdmissionRules:
    age = AgeLimits(settings.verification.max_age_seconds, settings.verification.max_future_seconds)
    refuse_unlike = settings.verification.unlike_before == "refuse"
    asked, clean = Asked(settings.listen.client_certificates), frozenset(settings.verification.require_clean)
    takes_proofs = settings.relay.mode == Mode.MANY_TO_ONE.value and settings.counter.system != "cts"
    proof_only = takes_proofs and settings.verification.passwords == "proof_only"
    return AdmissionRules(settings.counter.broker_id, age, refuse_unlike, asked, clean, takes_proofs, proof_only)


def session_limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        linger_seconds=settings.sessions.linger_seconds,
        max_sessions=settings.max_sessions,
        max_per_investor=settings.sessions.max_per_investor,
        default_valid_for=settings.trading.default_valid_for_milliseconds / 1000,
    )


def book_bounds(settings: Settings) -> BookBounds:
    """Of the instruments of terminals."""
    return BookBounds(settings.market_data.max_instruments_per_terminal, settings.market_data.max_instruments)


def _read_when_used(_: Settings) -> None:
    """Read from the settings in force, or by the command that uses it."""


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes what. Made on the loop."""

    sessions: Sessions
    admission: Admission
    guard: LoginGuard
    counter: SteeredCounter
    rules: CounterRules
    doors: Doors
    alarming: Alarming
    watching: Watching
    market: MarketHub | None = None
    is_ctp: bool = True
    """whether the counter is CTP's, which has an auth code for the relay"""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def rows(self) -> tuple[dict[str, Take], dict[str, Take]]:
        """For `Reloading`: settings, and files."""
        return self.settings(), self.files()

    def settings(self) -> dict[str, Take]:
        """By key, what takes its new value."""
        certificate = self.doors.listener.take_certificate
        return {
            "log.level": lambda settings: logs.set_level(settings.log.level),
            "relay.drain_seconds": _read_when_used,
            "ledger.line_format": _read_when_used,
            "ledger.stranger_refusals_per_minute": self._shares,
            "ledger.proved_refusals_per_minute": self._shares,
            "listen.tls_certificate": certificate,
            "listen.tls_key": certificate,
            "listen.client_ca": certificate,
            **dict.fromkeys(DOORS, self.doors.take_settings),
            "sessions.linger_seconds": self._session_limits,
            "sessions.max_per_process": self._session_limits,
            "sessions.max_per_investor": self._session_limits,
            "trading.default_valid_for_milliseconds": self._session_limits,
            "verification.max_age_seconds": self._admission_rules,
            "verification.max_future_seconds": self._admission_rules,
            "verification.unlike_before": self._admission_rules,
            "verification.passwords": self._admission_rules,
            "verification.require_clean": self._admission_rules,
            **self._auth_code_file(),
            "alarms": self._alarms,
            "watch": self.watching.take,
            **dict.fromkeys(LOGIN_LIMITS, self._login_limits),
            **dict.fromkeys(LINK_LIMITS, self.rules.take_link_limits),
            **dict.fromkeys(DAY_LIMITS, self.rules.take_day_limits),
            **(dict.fromkeys(MARKET_BOUNDS, self._market_bounds) if self.market is not None else {}),
            **({_OPERATORS_FILE: self.rules.take_operator} if self._has_operator else {}),
        }

    def files(self) -> dict[str, Take]:
        """What is read again at every reload, whether or not a setting has changed."""
        files: dict[str, Take] = {**self._auth_code_file(), "alarms": self._alarms}
        if self._has_operator:
            files[_OPERATORS_FILE] = self._operator_password
        if self.doors.listener.certificates is not None:
            files["listen.tls_certificate"] = self.doors.listener.take_certificate
        return files

    def _auth_code_file(self) -> dict[str, Take]:
        return {"counter.relay_auth_code_file": self._auth_code} if self.is_ctp else {}

    @property
    def _has_operator(self) -> bool:
        return bool(self.counter.situation().user_id)

    def _session_limits(self, settings: Settings) -> None:
        self.sessions.limits = session_limits(settings)

    def _admission_rules(self, settings: Settings) -> None:
        # What TLS asks of terminals waits for a restart, and so does what is made of it here.
        self.admission.rules = replace(admission_rules(settings), certificates=self.admission.rules.certificates)

    def _login_limits(self, settings: Settings) -> None:
        self._on_loop(lambda: self.guard.take_limits(settings.limits))

    def _market_bounds(self, settings: Settings) -> None:
        if (market := self.market) is not None:
            self._on_loop(lambda: market.take_bounds(book_bounds(settings), settings.market_data.ticks_waiting))

    def _shares(self, settings: Settings) -> None:
        self.sessions.refused.shares = shares_of(settings.ledger)

    def _alarms(self, settings: Settings) -> None:
        self.alarming.take(settings.alarms)

    def _operator_password(self, _: Settings) -> None:
        self._on_loop(self.counter.reload)

    def _auth_code(self, settings: Settings) -> None:
        code = settings_file.relay_auth_code(settings.counter).get_secret_value()
        self._on_loop(lambda: self.counter.use_auth_code(code))

    def _on_loop(self, change: Callable[[], object]) -> None:
        self.loop.call_soon_threadsafe(change)
