"""All checks, in the order in which a person would mend what they find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relay.database.berth import berths
from relay.database.database import brief
from relay.doctor import counter, files, libraries, machine, stores, tls
from relay.doctor.case import Case, Check
from relay.doctor.finding import Finding, FindingGravity
from relay.doctor.processes import lock_holder
from relay.doctor.rows import files as rows
from relay.settings.file import SettingsInvalid, load
from relay.settings.settings import Settings

CHECKS: tuple[Check, ...] = (
    files.check_secrets,
    files.check_alarm_secrets,
    files.check_places,
    tls.check_certificate,
    tls.check_terminals_authorities,
    tls.check_admin_certificate,
    stores.check_state,
    machine.check_ports,
    machine.check_descriptors,
    machine.check_workers,
    machine.check_disk,
    machine.check_locale,
    machine.check_zone,
    machine.check_clock,
    stores.check_databases,
    stores.check_key,
    stores.check_registered_certificates,
    counter.check_library,
    libraries.check_chosen_libraries,
    counter.check_collector,
    counter.check_fronts,
    counter.check_market_fronts,
    counter.check_app_type,
)


def examine_file(config: Path) -> list[Finding]:
    """The settings file, and all that follows from it where it can be used."""
    try:
        settings = load(config)
    except SettingsInvalid as invalid:
        return [rows.SETTINGS_WRONG(problem=f"{invalid.source}: {problem}") for problem in invalid.problems]
    return [rows.SETTINGS_RIGHT(file=config), *examine(settings, starting=False)]


def examine(settings: Settings, *, starting: bool, replaces: bool = False) -> list[Finding]:
    """Every check; `starting` leaves out what the relay finds out by itself in the next moment. Blocks for some seconds.

    `replaces`: by a process that is to take the place of the one that runs.
    """
    case = Case(settings, starting, _running(settings), replaces)
    return [finding for check in CHECKS for finding in _found(check, case)]


def _running(settings: Settings) -> int | None:
    """The relay process of these settings; while one replaces another, either."""
    holders = (lock_holder(berth.lock_file) for berth in berths(settings.relay.state_dir))
    return next((pid for pid in holders if pid is not None), None)


def _found(check: Check, case: Case) -> Iterator[Finding]:
    try:
        yield from check(case)
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide what the others find
        yield rows.CHECK_FAILED(check=check.__name__, why=f"{type(error).__name__}: {brief(error)}")


def gravest(findings: list[Finding]) -> FindingGravity:
    """Of all of them."""
    order = list(FindingGravity)
    return max((finding.gravity for finding in findings), key=order.index, default=FindingGravity.OK)
