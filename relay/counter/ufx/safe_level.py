"""The library's safe levels: what its section `safe` is given. The secrets are read once, at the start.

Names of the keys are the library's own; no server with them was met.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from relay.settings.file import SettingsInvalid
from relay.settings.secret_files import SecretFileRefused, check_private, read_secret
from relay.settings.ufx_section import UfxSettings

SAFE_SECRETS = ("comm_pwd", "cert_pwd")


def safe_section(settings: UfxSettings) -> dict[str, str]:
    """Empty without a safe level. Raises SettingsInvalid, which names the setting and never a secret."""
    level, password = settings.safe_level, ""
    if level == "none":
        return {}
    if settings.safe_password_file is not None:
        password = _checked("safe_password_file", settings.safe_password_file, _secret)
    if level == "pwd":
        return {"safe_level": level, "client_id": settings.safe_client_id, "comm_pwd": password}
    given = {"safe_level": level, "cert_pwd": password}
    if settings.safe_certificate is not None:
        given["cert_file"] = _checked("safe_certificate", settings.safe_certificate, _private)
    if settings.safe_authority is not None:
        given |= {"ca_file": _checked("safe_authority", settings.safe_authority, _there), "check_server_cert": "1"}
    return given


def _secret(path: Path) -> str:
    return read_secret(path).get_secret_value()


def _private(path: Path) -> str:
    """The certificate's file has its key too."""
    check_private(path)
    return str(path)


def _there(path: Path) -> str:
    if not path.is_file():
        raise SecretFileRefused(f"{path}: there is no such file")
    return str(path)


def _checked(name: str, path: Path, use: Callable[[Path], str]) -> str:
    try:
        return use(path)
    except SecretFileRefused as error:
        raise SettingsInvalid("settings", [f"counter.ufx.{name}: {error}"]) from None
