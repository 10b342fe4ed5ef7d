"""What a simulated counter can be told before it starts; a TOML file has the same names."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcounter import demo_accounts
from simcounter.accounts import App, AppType, Role, User


@dataclass(frozen=True, slots=True)
class CounterConfig:
    """Defaults are the documented demonstration accounts."""

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


def load_config(path: Path) -> CounterConfig:
    """The TOML file at `path`; ValueError names an unknown key. `[[apps]]` and `[[users]]` replace the demo's."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    known = {item.name for item in dataclasses.fields(CounterConfig)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise ValueError(f"{path.name}: unknown settings {', '.join(unknown)}")
    if "apps" in content:
        content["apps"] = tuple(_app(entry) for entry in content["apps"])
    if "users" in content:
        content["users"] = tuple(_user(entry) for entry in content["users"])
    return CounterConfig(**content)


def _app(entry: dict[str, Any]) -> App:
    return App(
        app_id=entry["app_id"],
        app_type=AppType(entry["app_type"]),
        auth_code=entry["auth_code"],
        users=frozenset(entry.get("users", ())),
        addresses=frozenset(entry.get("addresses", ())),
    )


def _user(entry: dict[str, Any]) -> User:
    positions = tuple((instrument, direction, volume) for instrument, direction, volume in entry.get("positions", ()))
    return User(**{**entry, "role": Role(entry.get("role", "investor")), "positions": positions})
