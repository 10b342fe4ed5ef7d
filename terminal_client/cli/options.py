"""Where the command line program takes its settings from: options, environment, a TOML file, in this order.

Secrets are never option values: they come from a file, the environment or a prompt.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from terminal_client.secret import Secret

if TYPE_CHECKING:
    from terminal_client.channel import Tls
    from terminal_client.collectors import Collectors

DEFAULT_FILE = Path("~/.config/ctp-terminal.toml")
PREFIX = "CTP_TERMINAL_"


class OptionsInvalid(ValueError):
    """A setting is missing or wrong; the message says which and how to give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to reach the relay and who logs in. The fields are the keys of the TOML file."""

    relay: str = ""
    """host:port"""
    app_id: str = ""
    broker: str = ""
    investor: str = ""
    ca_file: str = ""
    """PEM file with the roots to trust; empty takes the system's"""
    server_name: str = ""
    certificate_file: str = ""
    """PEM certificate that the relay may ask for"""
    key_file: str = ""
    """PEM private key of it"""
    insecure: bool = False
    """plaintext, to this machine only"""
    library: str = ""
    """the vendor's collector library; empty takes the one in openctp-ctp"""
    collectors: str = ""
    """of other kinds, for counters that want them: KIND=FILE, separated by commas"""
    edition: str = "production"
    """production, or evaluation (评测)"""
    auth_code_file: str = ""
    password_file: str = ""
    proof_only: bool = False
    """prove the password, and send it to no relay"""
    confirm_settlement: bool = False
    timeout: float = 30.0
    """seconds for one answer"""
    as_json: bool = False

    def tls(self) -> Tls:
        from terminal_client.channel import Tls  # noqa: PLC0415 - brings gRPC along, which no help needs

        files = (Path(name) if name else None for name in (self.ca_file, self.certificate_file, self.key_file))
        ca_file, certificate_file, key_file = files
        return Tls(ca_file, self.server_name, self.insecure, certificate_file, key_file)

    def other_collectors(self) -> Collectors:
        """OptionsInvalid where one is none."""
        from terminal_client.collectors import collectors_of  # noqa: PLC0415 - brings the messages along

        try:
            return collectors_of(part for part in self.collectors.split(",") if part.strip())
        except ValueError as error:
            raise OptionsInvalid(f"collectors: {error}") from None

    def required(self, *names: str) -> None:
        """OptionsInvalid naming every one of these that is not set."""
        missing = [name for name in names if not getattr(self, name)]
        if missing:
            ways = ", ".join(f"--{name.replace('_', '-')} or {PREFIX}{name.upper()}" for name in missing)
            raise OptionsInvalid(f"not set: {ways}, or `{missing[0]} = …` in {DEFAULT_FILE}")

    def auth_code(self) -> Secret:
        return secret("auth_code", self.auth_code_file, "授权码 Auth code")

    def password(self) -> Secret:
        return secret("password", self.password_file, f"密码 Password of {self.investor}")


def load(path: Path | None, given: Mapping[str, Any]) -> Options:
    """Options from the file, overridden by what was `given` by option or environment (None: not given)."""
    from_file = _read((path or DEFAULT_FILE).expanduser(), must_exist=path is not None)
    known = {field.name: field for field in fields(Options)}
    for key, value in from_file.items():
        if key in ("password", "auth_code"):
            raise OptionsInvalid(f"{key} does not belong in the settings: put it in a file and set {key}_file")
        if key not in known:
            raise OptionsInvalid(f"unknown setting {key}; known are {', '.join(known)}")
        wanted = type(known[key].default)
        if not isinstance(value, (int, float) if wanted is float else wanted):
            raise OptionsInvalid(f"{key} must be {wanted.__name__}, not {type(value).__name__}")
    return Options(**{**from_file, **{key: value for key, value in given.items() if value is not None}})


def _read(path: Path, *, must_exist: bool) -> dict[str, Any]:
    if not path.is_file():
        if must_exist:
            raise OptionsInvalid(f"no such file: {path}")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionsInvalid(f"{path}: {error}") from None


def secret(name: str, file: str, prompt: str) -> Secret:
    """A secret from `file`, the environment, or a prompt on a terminal; in this order."""
    if file:
        return Secret(_secret_of(Path(file).expanduser()))
    from_environment = os.environ.get(PREFIX + name.upper(), "")
    if from_environment:
        return Secret(from_environment)
    if not sys.stdin.isatty():
        raise OptionsInvalid(f"no {name}: set {PREFIX}{name.upper()} or --{name.replace('_', '-')}-file")
    return Secret(typer.prompt(prompt, hide_input=True, err=True))


def _secret_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsInvalid(f"{path}: {error}") from None
