"""The settings of a simulated counter; a TOML file has the same names."""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from simcounter import demo_accounts
from simcounter.accounts import App, AppType, Role, User
from simcounter.trading.instruments import EXCHANGES, Instrument, Product, demo_instruments, is_day

_Choice = TypeVar("_Choice", bound=StrEnum)


class SettingsError(ValueError):
    """No counter can start so; the message is one line that names the setting."""


@dataclass(frozen=True, slots=True)
class CounterConfig:
    """Defaults are the documented demonstration accounts."""

    system: str = "ctp"
    """which counter system listens: one of simcounter/systems.py"""
    host: str = "127.0.0.1"
    """loopback only; anything else is refused at start"""
    port: int = 0
    """0: any free port"""
    control_port: int | None = None
    """None: no control socket; 0: any free port"""
    database: str = ":memory:"
    """the terminal database: a file path, or memory"""
    monitoring_key: str = ""
    """PEM file of the monitoring center's public key; empty: a test key pair is made at start"""
    broker_id: str = demo_accounts.BROKER_ID
    apps: tuple[App, ...] = field(default_factory=lambda: tuple(demo_accounts.apps()))
    users: tuple[User, ...] = field(default_factory=lambda: tuple(demo_accounts.users()))
    instruments: dict[str, Instrument] = field(default_factory=demo_instruments)
    """by InstrumentID; in the file a list, [[instruments]]"""
    trading_day: str = ""
    """YYYYMMDD; empty: the clock's day in UTC+8"""
    front_id: int = 1
    first_session_id: int = 1_001
    authentication_required: bool = True
    """False: login works without ReqAuthenticate, as at brokers that do not force it"""
    settlement_confirm_required: bool = True
    """False: orders are accepted before the day's statement is confirmed"""
    max_login_failures: int = 6
    """consecutive failures per user and address until 75"""
    sessions_per_user: int = 20
    """the next login gets 60"""
    orders_per_second: int = 0
    """per user, orders and cancels together, then 116; 0: unlimited"""
    queries_per_second: int = 0
    """per investor session, then 90; operators are not limited; 0: unlimited"""
    packets_per_second: int = 0
    """per session, all requests; the excess waits for the next second, without an error; 0: unlimited"""
    liquidity: bool = True
    """a seeded market on both sides of every instrument"""
    seed: int = 1
    tick_milliseconds: int = 500
    """between two ticks of a market that does not move; 0: only when it moves"""
    abi_hash: str = ""
    """a shim with another one is refused; empty: the one of the catalog in use"""


def paced_config() -> CounterConfig:
    """The demonstration at the pace of production: what `exec` starts, so that a program learns it before it counts.

    A query more than one a second gets 90; packets above six a second wait for the next, without an error.
    """
    return CounterConfig(queries_per_second=1, packets_per_second=6)


def load_config(path: Path, defaults: CounterConfig | None = None) -> CounterConfig:
    """The TOML file at `path`; what it does not name is as in `defaults`. `[[apps]]`, `[[users]]` and
    `[[instruments]]` replace the demonstration's.

    Raises SettingsError whose one line names the file and the key that is wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _merged(defaults or CounterConfig(), content)
    except (ValueError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: {error}") from None


def _merged(defaults: CounterConfig, content: dict[str, Any]) -> CounterConfig:
    entries = {"apps": _app, "users": _user, "instruments": _instrument}
    scalars = {name: value for name, value in content.items() if name not in entries}
    _check("", scalars, {f.name: f.type for f in dataclasses.fields(CounterConfig) if f.name not in entries})
    read: dict[str, Any] = {**scalars}
    for name, reader in entries.items():
        if name in content:
            if not isinstance(content[name], list):
                raise ValueError(f"{name} is a list of tables: [[{name}]]")
            read[name] = tuple(reader(f"{name}[{place}].", entry) for place, entry in enumerate(content[name]))
    for name, key in (("apps", "app_id"), ("users", "user_id"), ("instruments", "instrument_id")):
        _all_different(name, key, [getattr(entry, key) for entry in read.get(name, ())])
    if "instruments" in read:
        read["instruments"] = {instrument.instrument_id: instrument for instrument in read["instruments"]}
    config = dataclasses.replace(defaults, **read)
    check_values(config)
    return with_known_positions(config, must_be_known="users" in content)


def check_values(config: CounterConfig) -> None:
    """What no counter can start with; SettingsError names the first setting that is so."""
    try:
        is_loopback = ipaddress.ip_address(config.host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise SettingsError(f"host: {config.host} is not a loopback address; the simulated counter has no protection")
    if config.trading_day and not is_day(config.trading_day):
        raise SettingsError(f"trading_day: {config.trading_day} is not a day, YYYYMMDD")
    _check_text("broker_id", config.broker_id, 10)
    for name, (lowest, highest) in _RANGES.items():
        value = getattr(config, name)
        if value is not None and not lowest <= value <= highest:
            raise SettingsError(f"{name} must be {lowest} to {highest}")


def with_known_positions(config: CounterConfig, *, must_be_known: bool) -> CounterConfig:
    """Positions of instruments that do not exist are an error, or left out where they are the demonstration's."""
    users = []
    for place, user in enumerate(config.users):
        known = tuple(position for position in user.positions if position[0] in config.instruments)
        if must_be_known and known != user.positions:
            missing = next(p[0] for p in user.positions if p[0] not in config.instruments)
            raise ValueError(f"users[{place}].positions: there is no instrument {missing}")
        users.append(dataclasses.replace(user, positions=known))
    return dataclasses.replace(config, users=tuple(users))


def _app(where: str, entry: dict[str, Any]) -> App:
    _check(where, entry, _APP, ("app_id", "app_type", "auth_code"))
    _check_text(where + "app_id", entry["app_id"], 32)
    _check_text(where + "auth_code", entry["auth_code"], 16)
    for key in ("users", "addresses"):
        if not all(isinstance(one, str) for one in entry.get(key, ())):
            raise ValueError(f"{where}{key} must be a list of texts")
    return App(
        app_id=entry["app_id"],
        app_type=_one_of(where + "app_type", AppType, entry["app_type"]),
        auth_code=entry["auth_code"],
        users=frozenset(entry.get("users", ())),
        addresses=frozenset(entry.get("addresses", ())),
    )


def _user(where: str, entry: dict[str, Any]) -> User:
    types = {f.name: f.type for f in dataclasses.fields(User)} | {"positions": "list"}
    _check(where, entry, types, ("user_id", "password"))
    role = _one_of(where + "role", Role, entry.get("role", Role.INVESTOR.value))
    _check_text(where + "user_id", entry["user_id"], 12 if role is Role.INVESTOR else 15)
    _check_text(where + "password", entry["password"], 40)
    positions = []
    for position in entry.get("positions", ()):
        match position:
            case [str(instrument), "0" | "1" as direction, int(volume)] if volume > 0:
                positions.append((instrument, direction, volume))
            case _:
                raise ValueError(f"{where}positions: each is [InstrumentID, '0' long or '1' short, lots]")
    return User(**{**entry, "role": role, "positions": tuple(positions)})


def _instrument(where: str, entry: dict[str, Any]) -> Instrument:
    _check(where, entry, _INSTRUMENT, ("instrument_id", "exchange_id", "multiplier", "tick", "price", "expires"))
    name, expires = entry["instrument_id"], entry["expires"]
    _check_text(where + "instrument_id", name, 80)
    if entry["exchange_id"] not in EXCHANGES:
        raise ValueError(f"{where}exchange_id: {entry['exchange_id']} is none of {', '.join(EXCHANGES)}")
    if not is_day(expires):
        raise ValueError(f"{where}expires: {expires} is not a day, YYYYMMDD")
    for key in ("multiplier", "tick", "price"):
        if not entry[key] > 0:
            raise ValueError(f"{where}{key} must be above 0")
    if entry["price"] < entry["tick"]:
        raise ValueError(f"{where}price must be at least one tick")
    product = Product(
        product_id=entry.get("product_id", name.rstrip("0123456789")),
        exchange_id=entry["exchange_id"],
        name=entry.get("name", name),
        multiplier=entry["multiplier"],
        tick=float(entry["tick"]),
        margin_ratio=float(entry.get("margin_ratio", 0.10)),
        fee_ratio=float(entry.get("fee_ratio", 0.0)),
        fee_per_lot=float(entry.get("fee_per_lot", 0.0)),
        price=float(entry["price"]),
    )
    return Instrument(name, expires[2:6], product, last_day=expires)


_MOST = 2**31 - 1
_RANGES = {
    "port": (0, 65535),
    "control_port": (0, 65535),
    "front_id": (0, _MOST),
    "first_session_id": (0, _MOST),
    "max_login_failures": (1, _MOST),
    "sessions_per_user": (1, _MOST),
    **dict.fromkeys(("orders_per_second", "queries_per_second", "packets_per_second"), (0, _MOST)),
    "tick_milliseconds": (0, _MOST),
}
_APP: dict[str, Any] = {"app_id": "str", "app_type": "str", "auth_code": "str", "users": "list", "addresses": "list"}
_INSTRUMENT: dict[str, Any] = {
    **dict.fromkeys(("instrument_id", "exchange_id", "product_id", "name", "expires"), "str"),
    **dict.fromkeys(("tick", "price", "margin_ratio", "fee_ratio", "fee_per_lot"), "float"),
    "multiplier": "int",
}
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "int | None": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "list": (list, "a list"),
    "Role": (str, "a text"),
}


def _check(where: str, entry: dict[str, Any], types: dict[str, Any], needed: tuple[str, ...] = ()) -> None:
    """Every key known and of its kind, everything needed there; ValueError names the first that is not."""
    if not isinstance(entry, dict):
        raise ValueError(f"{where.rstrip('.')} is not a table")  # noqa: TRY004 - one kind of error for every mistake
    for key, value in entry.items():
        if key not in types:
            raise ValueError(f"unknown key {where}{key}; there are {', '.join(types)}")
        kind, words = _KINDS[types[key]]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{where}{key} must be {words}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}{key} must be finite")
    for key in needed:
        if key not in entry:
            raise ValueError(f"{where}{key} is missing")


def _check_text(key: str, text: str, longest: int) -> None:
    """As many characters as the counter's struct has room for."""
    if not 0 < len(text.encode()) <= longest:
        raise SettingsError(f"{key} must be 1 to {longest} characters")


def _all_different(name: str, key: str, values: Sequence[str]) -> None:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{name}[{place}].{key}: {value} is there twice")


def _one_of(key: str, kind: type[_Choice], value: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{key}: {value} is none of {', '.join(kind)}") from None
