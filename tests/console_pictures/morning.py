"""The hours before the relay of the pictures started: logins and refusals as its ledger would have them.

Made-up investors, addresses of the documentation networks (RFC 5737), and the same numbers each time.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from sqlalchemy import Engine

from relay.database.database import writing
from relay.database.times import stamp
from relay.ledger.chain import canonical
from relay.ledger.ledger import append

APP_IDS = ("kuaiqi_terminal_3.2", "yisheng_trader_9.5", "wenhua_link_6.7")
_BY_HOUR = (34, 61, 18, 12, 5, 21, 9, 4)
"""logins of the hours before this one, the earliest first"""
_REFUSALS = (
    ("counter", "wrong_password", 3, "CTP:不合法的登录 / wrong user or password"),
    ("relay", "system_info_stale", 0, "采集信息已过期 / the system info is too old"),
    ("relay", "system_info_replayed", 0, "采集信息重复使用 / the system info was used before"),
    ("counter", "wrong_password", 3, "CTP:不合法的登录 / wrong user or password"),
)
_EVERY = 9
"""each so many logins one is refused"""

_Row = tuple[str, str, str, str]


def write_morning(engine: Engine, chain: str, now: dt.datetime) -> None:
    """The hours of today that are over, at most eight of them."""
    rows = sorted(_rows(now))
    if not rows:  # just after midnight
        return
    with writing(engine) as connection:
        append(connection, chain, rows)


def _rows(now: dt.datetime) -> Iterator[_Row]:
    chance = random.Random(20260105)
    number = 0
    for back, logins in zip(range(len(_BY_HOUR), 0, -1), _BY_HOUR, strict=True):
        hour = now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=back)
        if hour.date() != now.date():
            continue
        for _ in range(logins):
            number += 1
            at = hour + dt.timedelta(seconds=chance.uniform(0, 3599))
            yield from _login(number, at, chance, refused=number % _EVERY == 0)


def _login(number: int, at: dt.datetime, chance: random.Random, *, refused: bool) -> Iterator[_Row]:
    session = f"{chance.getrandbits(48):012x}"
    whose = {
        "broker_id": "9999",
        "investor_id": str(100_101 + number % 37),
        "terminal_app_id": APP_IDS[number % len(APP_IDS)],
        "public_ip": f"203.0.113.{10 + number % 37}",
        "port": chance.randrange(40_000, 60_000),
    }
    steps: list[tuple[str, dict[str, object]]] = [
        ("terminal_admitted", {**whose, "collector_code": 0x140 if number % 23 == 0 else 0}),
        ("terminal_report_result", {"call": "RegisterUserSystemInfo", "return_code": 0}),
        ("counter_login_answer", {"error_id": 0, "trading_day": f"{at:%Y%m%d}"}),
    ]
    if refused:
        source, reason, code, message = _REFUSALS[number // _EVERY % len(_REFUSALS)]
        facts = {**whose, "source": source, "reason": reason, "code": code, "message": message}
        steps = [("terminal_refused", facts)]
    for step, (kind, facts) in enumerate(steps):
        yield stamp(at + dt.timedelta(milliseconds=40 * step)), kind, session, canonical(facts)
