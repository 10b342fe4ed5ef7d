"""Which counter the settings ask for: the one place that picks a mode, and what each mode is built of."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ctpabi.api import chosen_library, roads
from ctpabi.api.binding import Binding, MarketBinding
from ctpabi.api.market import MarketApi
from ctpabi.api.roads import Wanted
from ctpabi.catalog import Distribution
from relay.counter.adapter_parts import AdapterParts
from relay.counter.breaker import Breaker
from relay.counter.clock_watch import ClockWatch
from relay.counter.counter_library import CounterLibrary
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import ScopeTable
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.lanes.requests import DayLimits
from relay.counter.ctp.market.feed import CtpMarketFeed
from relay.counter.ctp.modes.connection import Connector, CounterAddress
from relay.counter.ctp.modes.many_to_many import ManyToMany
from relay.counter.ctp.modes.many_to_one import ManyToOne
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.counter.ctp.session.flow_folders import process_folder
from relay.counter.ctp.session.offered import library_of
from relay.counter.ctp.session.patience import Patience
from relay.counter.market_port import MarketSource
from relay.counter.port import Counter, Evidence, Mode, OrderTrail, SteeredCounter
from relay.counter.right_passwords import RightPasswords
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.logs.alarms import Alarms
from relay.settings import file as settings_file
from relay.settings.libraries import chosen_libraries
from relay.settings.settings import CTP, Settings
from relay.turns import LoopTurns
from relay.watch.checks import why_no_descriptor

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessParts:
    """What the counter side of this process has for itself, and shares with nothing but its own sessions."""

    number: int
    """this start's, which distinguishes its lanes from those of every other process"""
    order_map: OrderMapFile
    flow_dir: Path
    known: KnownOwners
    watch: CounterWatch
    clock: ClockWatch
    passwords: RightPasswords
    alarms: Alarms
    faults: Faults
    trail: OrderTrail | None = None
    """the orders' audited stream"""
    figures: Figures = field(default_factory=Figures)
    turns: LoopTurns = field(default_factory=LoopTurns)


def make_parts(
    settings: Settings,
    number: int,
    order_map: OrderMapFile,
    known: KnownOwners,
    trail: OrderTrail | None,
    stack: contextlib.AsyncExitStack,
) -> ProcessParts:
    """Everything new; the flow files are removed when the stack closes."""
    faults = Faults()
    return ProcessParts(
        number=number,
        order_map=order_map,
        flow_dir=stack.enter_context(process_folder(settings_file.flow_dir(settings))),
        known=known,
        watch=CounterWatch(
            faults, Breaker(pause_seconds=settings.limits.breaker_pause_seconds), no_descriptor=why_no_descriptor
        ),
        clock=ClockWatch(faults, settings.watch.clock_offset_seconds),
        passwords=RightPasswords(),
        alarms=Alarms(),
        faults=faults,
        trail=trail,
    )


LINK_LIMITS = tuple(
    f"limits.{what}_{limit}"
    for what in ("orders", "queries", "transfers", "others")
    for limit in ("per_second", "waiting")
)
"""the settings that `CounterRules.take_link_limits` reads"""
DAY_LIMITS = "limits.orders_per_day", "limits.orders_per_day_per_investor"
"""the settings that `CounterRules.take_day_limits` reads"""


class CounterRules:
    """What of the settings the counter side goes by, and can change while it runs."""

    def __init__(self, settings: Settings) -> None:
        self.limits = settings.limits
        """those in force, for counters that are not CTP's"""
        self.link = LinkLimits.of(settings.limits)
        self.day = DayLimits(settings.limits.orders_per_day, settings.limits.orders_per_day_per_investor)
        self.use = DayUse(settings.limits.orders_per_day)
        self._operator = settings.counter.operator

    def take_link_limits(self, settings: Settings) -> None:
        """What a terminal may ask that logs in from now on."""
        self.limits = settings.limits
        self.link.take(LinkLimits.of(settings.limits))

    def take_day_limits(self, settings: Settings) -> None:
        """How many orders a trading day may have, from the next one on."""
        self.limits = settings.limits
        self.day.total = self.use.total = settings.limits.orders_per_day
        self.day.per_investor = settings.limits.orders_per_day_per_investor

    def take_operator(self, settings: Settings) -> None:
        """Where the operator's password is read from; raises SettingsInvalid where it cannot be, and keeps the one before."""
        if settings.counter.operator is not None:
            settings_file.operator_password(settings.counter.operator)
        self._operator = settings.counter.operator

    def operator_password(self) -> str:
        """The operator's, read again; blocks. Raises SettingsInvalid."""
        if self._operator is None:
            raise settings_file.SettingsInvalid("settings", ["counter.operator: is required in many_to_one"])
        return settings_file.operator_password(self._operator).get_secret_value()


def make_counter(
    settings: Settings, secrets: settings_file.Secrets, evidence: Evidence, own: ProcessParts, rules: CounterRules
) -> SteeredCounter:
    """The one place that picks a counter. A system that is not asked for is not imported, so that nothing of it need be installed."""
    match settings.counter.system:
        case "ctp":
            return _ctp_counter(settings, secrets, evidence, own, rules)
        case "cts":
            from relay.counter.cts.modes import make_counter as make_cts_counter  # noqa: PLC0415 - only where it is asked for

            return make_cts_counter(adapter_parts(settings, evidence, own, rules))
        case "bridge":
            from relay.counter.bridge import adapter as bridge  # noqa: PLC0415 - where it is chosen

            return bridge.make_counter(adapter_parts(settings, evidence, own, rules))
        case "ufx":
            from relay.counter.ufx.modes import make_counter as make_ufx_counter  # noqa: PLC0415 - only where it is asked for

            return make_ufx_counter(adapter_parts(settings, evidence, own, rules))


def adapter_parts(settings: Settings, evidence: Evidence, own: ProcessParts, rules: CounterRules) -> AdapterParts:
    """What an adapter to a counter other than CTP's gets."""
    return AdapterParts(
        settings=settings,
        number=own.number,
        evidence=evidence,
        faults=own.faults,
        alarms=own.alarms,
        figures=own.figures,
        clock=own.clock,
        passwords=own.passwords,
        order_map=own.order_map,
        trail=own.trail,
        limits=lambda: rules.limits,
        operator_password=rules.operator_password,
    )


def _ctp_counter(
    settings: Settings, secrets: settings_file.Secrets, evidence: Evidence, own: ProcessParts, rules: CounterRules
) -> SteeredCounter:
    loaded = _on_its_road(
        settings, chosen_library.load(Distribution(settings.counter.binding), chosen_libraries(settings))
    )
    connector = Connector(
        loaded,
        _address(settings, secrets, own.flow_dir),
        evidence,
        watch=own.watch,
        passwords=own.passwords,
        alarms=own.alarms,
        library=library_of(loaded),
    )
    ownership = OwnershipTable(loaded.catalog)
    lane_numbers = itertools.count(1)
    tables = RouterTables(loaded.catalog, ScopeTable(loaded.catalog), ownership, own.known, loaded.native)
    tools = DriverTools(
        tables=tables,
        order_map=own.order_map,
        new_lanes=lambda: Lanes(
            tables.lane_places,
            ownership,
            relay_number=own.number,
            limits=rules.day,
            keys=own.order_map.order_keys,
        ),
        next_lane=lambda: next(lane_numbers),
        limits=rules.link,
        day=rules.day,
        day_use=rules.use,
        alarms=own.alarms,
        figures=own.figures,
        turns=own.turns,
        clock=own.clock,
        trail=own.trail,
    )
    if settings.relay.mode == Mode.MANY_TO_MANY.value:
        return ManyToMany(connector, tools)
    operator = settings.counter.operator
    if operator is None or secrets.operator_password is None:
        raise settings_file.SettingsInvalid("settings", ["counter.operator: is required in many_to_one"])
    return ManyToOne(
        connector,
        tools,
        operator_id=operator.user_id,
        password=secrets.operator_password.get_secret_value(),
        read_password=rules.operator_password,
    )


def _on_its_road(settings: Settings, loaded: Binding) -> Binding:
    """Raises BindingMismatch where the settings insist on the native road, and there is none."""
    chosen, road = roads.choose(Wanted(settings.counter.native), loaded)
    _log.info("event_road_chosen", road="native" if road.is_native else "python", why=road.why)
    return chosen


def counter_facts(settings: Settings, counter: Counter) -> dict[str, object]:
    """Who the relay is at its counter, and which files send its reports and bring its market data; for evidence."""
    at, offered = settings.counter, counter.describe()
    if at.system != CTP:
        return {"system": at.system, "interface": offered.version, "library_sha256": offered.library_sha256}
    facts: dict[str, object] = {"relay_app_id": at.relay_app_id, "binding": at.binding}
    if (library := offered.library) is not None:
        facts |= {"binding_version": library.binding_version, "library": _file_of(library)}
    if settings.market_data.enabled and (market := library_of(_load_market(settings))) is not None:
        facts |= {"market_library": _file_of(market)}
    return facts


def _file_of(library: CounterLibrary) -> dict[str, str]:
    return {"file": library.file, "version": library.version, "sha256": library.sha256}


def make_market_source(settings: Settings, flow_dir: Path) -> MarketSource:
    """The session for market data, in either mode."""
    loaded, at = _load_market(settings), settings.counter
    return CtpMarketFeed(
        lambda put: MarketApi(loaded, flow_dir / "market_data", put, production=at.production),
        loaded.catalog,
        settings.market_data.fronts,
        at.broker_id,
        _patience(settings),
        library_of(loaded),
    )


def _load_market(settings: Settings) -> MarketBinding:
    return chosen_library.load_market(Distribution(settings.counter.binding), chosen_libraries(settings))


def _patience(settings: Settings) -> Patience:
    at = settings.counter
    return Patience(
        connect=at.connect_timeout_seconds, answer=at.login_timeout_seconds, longest=at.longest_pause_seconds
    )


def _address(settings: Settings, secrets: settings_file.Secrets, flow_dir: Path) -> CounterAddress:
    at = settings.counter
    return CounterAddress(
        fronts=at.fronts,
        broker_id=at.broker_id,
        relay_app_id=at.relay_app_id,
        relay_auth_code=secrets.relay_auth_code.get_secret_value(),
        production=at.production,
        user_product_info=at.user_product_info,
        flow_dir=flow_dir,
        patience=_patience(settings),
        inits_per_second=at.inits_per_second,
    )
