"""The files that the settings point to: secrets, and who may change the relay's own places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.rows import files as rows
from relay.settings.file import SettingsInvalid, control_socket, secrets_of
from relay.settings.file_modes import why_changeable
from relay.settings.secret_files import SecretFileRefused, read_secret


def check_secrets(case: Case) -> Iterator[Finding]:
    """The auth code of the relay, the operator's password."""
    try:
        secrets_of(case.settings)
    except SettingsInvalid as invalid:
        yield from (rows.SECRET_UNUSABLE(problem=problem) for problem in invalid.problems)
    else:
        yield rows.SECRETS_READABLE()


def check_alarm_secrets(case: Case) -> Iterator[Finding]:
    """The files that alarms are sent with."""
    for key, path in case.settings.alarms:
        if key.endswith("_file") and isinstance(path, Path):
            try:
                read_secret(path)
            except SecretFileRefused as refused:
                yield rows.ALARM_SECRET_UNUSABLE(problem=f"alarms.{key}: {refused}")


def check_places(case: Case) -> Iterator[Finding]:
    """What of the relay's own places another user could change."""
    settings = case.settings
    named = {"relay.state_dir": settings.relay.state_dir, "relay.control_socket": control_socket(settings).parent}
    for key, path in named.items():
        if why := why_changeable(path):
            yield rows.PLACE_CHANGEABLE(problem=f"{key}: {why}")
