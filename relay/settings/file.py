"""How settings come together from a TOML file and the environment, and what is said when they are wrong."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from relay.settings.secret_files import SecretFileRefused, read_secret
from relay.settings.settings import CTP, ENVIRONMENT_PREFIX, CounterSettings, Operator, Settings
from relay.settings.text import allowed_values, section_at, setting_keys

_M = TypeVar("_M", bound=BaseModel)
_LONGEST_FILE = 1024 * 1024
_ONLY_FROM_ENVIRONMENT = (("counter", "relay_auth_code"), ("counter", "operator", "password"))
_REMOVED = {
    "limits.login_failures_per_app_id": "delete it: nothing locks an app id; see limits.failures_before_slowing_app_id",
    "limits.login_failures_per_ip": "delete it: nothing locks an address; see limits.failures_before_slowing_address",
    "limits.login_failures_per_investor_everywhere": "delete it: no investor is locked everywhere;"
    " see limits.failures_before_slowing_investor",
}
"""settings of earlier versions, and what is to be done"""


class SettingsInvalid(Exception):
    """The settings cannot be used; `problems` has a line for each key that is wrong."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__(f"{source}:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.source = source
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the relay proves itself with at the counter."""

    relay_auth_code: SecretStr = field(repr=False)
    """empty where the counter is not CTP's"""
    operator_password: SecretStr | None = field(repr=False)
    """in many_to_one only"""


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file, apply `CTP_RELAY__…` variables and check everything; raises SettingsInvalid."""
    values = _read(path)
    problems = [f"{'.'.join(keys)}: belongs in {_variable(keys)} or a file, not here" for keys in _misplaced(values)]
    problems += _overlay(values, os.environ if environment is None else environment)
    if problems:
        raise SettingsInvalid(str(path), problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsInvalid(str(path), [_tell(problem) for problem in error.errors()]) from None
    return _anchored(settings, path.resolve().parent)


def secrets_of(settings: Settings) -> Secrets:
    """Read the secrets the settings point to; raises SettingsInvalid naming every key concerned, never a secret."""
    counter = settings.counter
    problems: list[str] = []

    def read(secret: Callable[[], SecretStr]) -> SecretStr:
        try:
            return secret()
        except SettingsInvalid as error:
            problems.extend(error.problems)
            return SecretStr("")

    code = read(lambda: relay_auth_code(counter)) if counter.system == CTP else SecretStr("")
    password = None
    if (operator := counter.operator) is not None and settings.relay.mode == "many_to_one":
        password = read(lambda: operator_password(operator))
    if problems:
        raise SettingsInvalid("settings", problems)
    return Secrets(code, password)


def relay_auth_code(counter: CounterSettings) -> SecretStr:
    """The relay's auth code as the settings point to it now; raises SettingsInvalid naming the key."""
    return _secret("counter.relay_auth_code", counter.relay_auth_code, counter.relay_auth_code_file)


def operator_password(operator: Operator) -> SecretStr:
    """The operator's password as the settings point to it now; raises SettingsInvalid naming the key."""
    return _secret("counter.operator.password", operator.password, operator.password_file)


def ledger_url(settings: Settings) -> SecretStr:
    """The ledger's database, with the default filled in."""
    return settings.ledger.url or SecretStr(f"sqlite:///{settings.relay.state_dir.absolute() / 'relay.sqlite3'}")


def directory_url(settings: Settings) -> SecretStr:
    """The directory's database, with the default filled in."""
    return settings.directory.url or ledger_url(settings)


def secrets_key_file(settings: Settings) -> Path:
    """The key file of the directory, with the default filled in."""
    return settings.directory.secrets_key_file or settings.relay.state_dir / "secrets.key"


def signing_key_file(settings: Settings) -> Path:
    """The key that signs exported ledger files, with the default filled in."""
    return settings.ledger.signing_key_file or settings.relay.state_dir / "ledger_signing.key"


def seals_dir(settings: Settings) -> Path:
    """This machine's copies of the ledger's seals."""
    return settings.relay.state_dir / "ledger_seals"


def days_dir(settings: Settings) -> Path:
    """Where the files of trading days go unless a command says otherwise."""
    return settings.relay.state_dir / "ledger_days"


def control_socket(settings: Settings) -> Path:
    """The socket on which commands reach the running relay, with the default filled in."""
    return settings.relay.control_socket or settings.relay.state_dir / "control.sock"


def flow_dir(settings: Settings) -> Path:
    """The flow files' directory, with the default filled in."""
    return settings.counter.flow_dir or settings.relay.state_dir / "flow"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_FILE + 1)
        if len(content) > _LONGEST_FILE:
            raise SettingsInvalid(str(path), [f"has more than {_LONGEST_FILE} bytes: it is no settings file"])
        return tomllib.loads(content.decode())
    except FileNotFoundError:
        raise SettingsInvalid(
            str(path), ["there is no such file; make one with: ctp-relay settings --example"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(str(path), [f"cannot be read: {error}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(str(path), [f"is not TOML: {error}"]) from None
    except RecursionError:
        raise SettingsInvalid(str(path), ["is nested too deep: it is no settings file"]) from None


def _misplaced(values: dict[str, Any]) -> list[tuple[str, ...]]:
    def present(keys: tuple[str, ...]) -> bool:
        at: Any = values
        for key in keys:
            if not isinstance(at, dict) or key not in at:
                return False
            at = at[key]
        return True

    return [keys for keys in _ONLY_FROM_ENVIRONMENT if present(keys)]


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Put the environment's values over the file's; returns what is wrong with the variables' names."""
    problems = []
    for name in sorted(environment):
        if not name.upper().startswith(ENVIRONMENT_PREFIX):
            problems += _misspelt(name)
            continue
        *sections, key = name[len(ENVIRONMENT_PREFIX) :].lower().split("__")
        at: Any = values
        for section in sections:
            at = at.setdefault(section, {}) if isinstance(at, dict) else None
        if not sections or not isinstance(at, dict):
            problems.append(f"{name}: must be {ENVIRONMENT_PREFIX}SECTION__KEY")
        else:
            at[key] = _from_text(environment[name])
    return problems


def _misspelt(name: str) -> list[str]:
    """What is wrong with a variable that looks like the relay's and has too few underscores.

    Others may begin so too: a container platform makes CTP_RELAY_PORT for a service called ctp-relay.
    """
    start = ENVIRONMENT_PREFIX.removesuffix("__")
    if not name.upper().startswith(start):
        return []
    rest = name[len(start) :].strip("_").lower()
    for keys in setting_keys():
        if "_".join(keys) == rest.replace("__", "_"):
            return [f"{name}: is not read; did you mean {_variable(keys)}?"]
    return [f"{name}: is not read; it must be {ENVIRONMENT_PREFIX}SECTION__KEY"] if "__" in rest else []


def _from_text(text: str) -> object:
    if not text.startswith("["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _secret(key: str, value: SecretStr | None, path: Path | None) -> SecretStr:
    if value is not None:
        return value
    if path is None:
        raise SettingsInvalid("settings", [f"{key}_file: is required (or {_variable(tuple(key.split('.')))})"])
    try:
        return read_secret(path)
    except SecretFileRefused as error:
        raise SettingsInvalid("settings", [f"{key}_file: {error}"]) from None


def _variable(keys: tuple[str, ...]) -> str:
    return ENVIRONMENT_PREFIX + "__".join(keys).upper()


def _tell(problem: ErrorDetails) -> str:
    """One line for one problem. Values are not shown: the one that is wrong may be a secret at the wrong key."""
    keys = [str(part) for part in problem["loc"]]
    name = ".".join(keys)
    if not keys:
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        if name in _REMOVED:
            return f"{name}: there is no such setting any more; {_REMOVED[name]}"
        known = sorted(section_at(keys[:-1]).model_fields)
        close = difflib.get_close_matches(keys[-1], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"{name}: there is no such setting; {hint}"
    said = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {said[:1].lower()}{said[1:]}; {allowed_values(keys)}".rstrip("; ")


def _anchored(model: _M, base: Path) -> _M:
    """The same settings with relative paths taken from `base`."""
    changed: dict[str, object] = {}
    for name, value in model:
        if isinstance(value, BaseModel):
            changed[name] = _anchored(value, base)
        elif isinstance(value, Path) and not value.is_absolute():
            changed[name] = base / value
    return model.model_copy(update=changed)
