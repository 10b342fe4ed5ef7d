"""The attacks by name: what runs, what each needs, and of which sort it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from attacks import hostile_messages, insiders, on_connections, on_http2, on_logins
from attacks.aim import Aim


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack; its words are the docstring of what runs."""

    run: Callable[[Aim], Awaitable[None]]
    processes: int = 1
    """attackers at once; they share the addresses, and each does the whole"""
    is_insider: bool = False
    """knows an auth code and has an account"""
    system_infos: int = 0
    """genuine ones each attacker needs"""
    settings: Mapping[str, float] = field(default_factory=dict)
    """of the relay's [limits], where an attack is about a time that would be too long to wait for"""
    counter_refuses: bool = False
    """the counter refuses the relay itself once, just before"""
    aims_at_one: bool = False
    """every second honest login is that of the investor it aims at, from where he has logged in before"""

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def words(self) -> str:
        return (self.run.__doc__ or "").strip()


ATTACKS: tuple[Attack, ...] = (
    Attack(on_http2.closed_windows),
    Attack(on_http2.idle_streams),
    Attack(on_logins.bogus_logins, processes=2),
    Attack(on_logins.wrong_proofs),
    Attack(insiders.wrong_passwords, is_insider=True, system_infos=60, aims_at_one=True),
    Attack(on_logins.made_up_names, processes=2),
    Attack(on_logins.stolen_probe, settings={"breaker_pause_seconds": 1.0}, counter_refuses=True),
    Attack(on_logins.refused_streams, processes=2),
    Attack(on_http2.unfinished_messages),
    Attack(on_http2.gzip_messages),
    Attack(on_connections.half_tls),
    Attack(on_connections.idle_connections),
    Attack(on_connections.connection_flood),
    Attack(on_http2.continuation_flood),
    Attack(on_http2.settings_and_ping_flood),
    Attack(on_http2.rapid_reset),
    Attack(on_connections.hang_ups),
    Attack(on_connections.rubbish),
    Attack(insiders.others_names, is_insider=True, system_infos=4),
    Attack(hostile_messages.wrong_order),
    Attack(hostile_messages.oversize_messages),
    Attack(insiders.replays, is_insider=True, system_infos=180),
    Attack(insiders.stolen_tokens, is_insider=True, system_infos=4),
    Attack(insiders.late_frames, is_insider=True, system_infos=10),
)


async def no_attack(aim: Aim) -> None:
    """Nothing: what the machine does by itself to the figures."""
    await asyncio.sleep(aim.seconds)


CATALOG = (Attack(no_attack), *ATTACKS)


def find(name: str) -> Attack:
    """KeyError where there is none of this name."""
    return {attack.name: attack for attack in CATALOG}[name]


ONE = ("127.0.0.2",)
HUNDRED = tuple(f"127.0.1.{number}" for number in range(1, 101))
SPREADS: Mapping[int, tuple[str, ...]] = {1: ONE, 100: HUNDRED}
"""how many addresses an attack comes from -> which"""
