"""The settings of the terminal that a drop-in is, from a TOML file or the environment.

CTP_RELAY_TERMINAL=terminal.toml     the file; paths in it are relative to its folder
CTP_RELAY_TERMINAL_APP_ID=…          one setting, by its name in capitals; wins over the file
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from terminal_client.channel import Tls
from terminal_client.collectors import Collectors, collectors_of
from terminal_client.proof import key_of
from terminal_client.secret import Secret

FILE_VARIABLE = "CTP_RELAY_TERMINAL"
SCHEME = "relay://"
MEANINGS = {
    "front": "在程序登记的任何地址之处使用的前置 used in place of every address that the program registers: relay://host:port",
    "app_id": "期货公司登记的终端 AppID，代替程序 ReqAuthenticate 中的 the terminal's app id, in place of ReqAuthenticate's",
    "auth_code_file": "授权码文件，代替程序 ReqAuthenticate 中的 file with its auth code, in place of ReqAuthenticate's",
    "ca_file": "信任的根证书 PEM 文件；不填用系统的 PEM file with the roots to trust; without it the system's",
    "server_name": "证书中的名称，与地址不同时 the name in the certificate, where it differs from the address",
    "insecure": "不用 TLS，仅限本机 no TLS; only for an address on this machine",
    "certificate_file": "终端出示的证书 PEM certificate that the terminal shows the relay",
    "key_file": "该证书的私钥 its PEM private key",
    "collector": "采集库；不填用已安装 openctp-ctp 的 the collector's library; without it the installed openctp-ctp's",
    "collectors": "其他柜台要求的采集器，KIND=FILE，多个用逗号分开 collectors of other kinds, for counters that want them: KIND=FILE, …",
    "edition": "采集库版本：production 或 evaluation（评测）；不填按程序创建 API 时所选"
    " edition of the collector: production or evaluation; without it as the program makes its API",
}
"""every setting, with what it is for"""
_FILES = ("auth_code_file", "ca_file", "certificate_file", "key_file", "collector")
_EDITIONS = ("", "production", "evaluation")
_TRUE = frozenset({"1", "true", "yes"})


class SettingsUnusable(ValueError):
    """The settings cannot be used; says which one and why, and never a secret."""


class ResumeType(IntEnum):
    """How a topic is read: THOST_TERT_…."""

    RESTART = 0
    """the trading day from its beginning, after every login"""
    RESUME = 1
    """what was not delivered yet; from the beginning of the day after the front was made"""
    QUICK = 2
    """only what happens after the login"""
    NONE = 3
    """nothing"""


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """As which terminal software a front logs in, whom it trusts, and what collects."""

    front: str = ""
    """used in place of every address that the program registers"""
    app_id: str = ""
    """in place of the program's, where set"""
    auth_code: Secret = field(default_factory=lambda: Secret(""))
    """the 16 characters; in place of the program's, where set"""
    tls: Tls = field(default_factory=Tls)
    collector: Path | None = None
    edition: str = ""
    """production or evaluation; empty: as the program makes its API"""
    collectors: Collectors = field(default_factory=Collectors)
    """of other kinds, for counters that want them"""


def is_relay_front(address: str) -> bool:
    """Whether a registered front is a relay's."""
    return address.startswith(SCHEME)


def address_of(front: str) -> str:
    """host:port of relay://host:port. SettingsUnusable where it is none."""
    host, colon, port = front.removeprefix(SCHEME).rstrip("/").rpartition(":")
    if not is_relay_front(front) or not host or not colon or not port.isdigit():
        raise SettingsUnusable(f"a relay's front is relay://host:port, not {front!r}")
    return f"{host}:{port}"


def read_settings(environment: Mapping[str, str] | None = None) -> FrontSettings:
    """The settings that the environment names. SettingsUnusable; OSError for files that are not there."""
    given = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    file = given.get(FILE_VARIABLE, "")
    if file:
        values = _file_values(Path(file).absolute())
    for name in MEANINGS:
        variable = given.get(f"{FILE_VARIABLE}_{name.upper()}", "")
        if variable:
            values[name] = variable.lower() in _TRUE if name == "insecure" else variable
    return _settings_of(values)


def _file_values(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsUnusable(f"{file} is no TOML: {error}") from None
    for name, value in values.items():
        if name not in MEANINGS:
            raise SettingsUnusable(f"{file}: there is no setting {name}; there are {', '.join(MEANINGS)}")
        wanted = bool if name == "insecure" else str
        if not isinstance(value, wanted):
            raise SettingsUnusable(f"{file}: {name} takes {'true or false' if wanted is bool else 'text'}")
    return {name: str(file.parent / value) if name in _FILES and value else value for name, value in values.items()}


def _settings_of(values: Mapping[str, Any]) -> FrontSettings:
    front, edition = values.get("front", ""), values.get("edition", "")
    if edition not in _EDITIONS:
        raise SettingsUnusable(f"edition is production or evaluation, not {edition}")
    if is_relay_front(front):
        address_of(front)
    paths = {name: Path(values[name]) if values.get(name) else None for name in _FILES}
    code = paths["auth_code_file"]
    auth_code = "" if code is None else code.read_text(encoding="utf-8").strip()
    if auth_code:
        key_of(auth_code)  # says what is wrong with it, without showing it
    return FrontSettings(
        front=front,
        app_id=values.get("app_id", ""),
        auth_code=Secret(auth_code),
        tls=Tls(
            ca_file=paths["ca_file"],
            server_name=values.get("server_name", ""),
            insecure=bool(values.get("insecure", False)),
            certificate_file=paths["certificate_file"],
            key_file=paths["key_file"],
        ),
        collector=paths["collector"],
        edition=edition,
        collectors=_collectors(values.get("collectors", "")),
    )


def _collectors(where: str) -> Collectors:
    try:
        return collectors_of(part for part in where.split(",") if part.strip())
    except ValueError as error:
        raise SettingsUnusable(f"collectors: {error}") from None
