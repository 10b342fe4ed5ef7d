"""What a CTS counter says of itself: when its licence ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from relay.counter.cts.adapter import RootNetMode
from relay.counter.cts.described import days_left
from relay.counter.cts.session import CounterGreeting, RootNetSession
from relay.counter.port import Mode
from relay.database.times import COUNTER_ZONE
from relay.logs.alarms import AlarmName
from tests.relay.counter.cts.rig import INVESTOR, OTHER, Rig, rig


@pytest.mark.parametrize(
    ("expires", "left"),
    [
        ("20261226", 30),
        ("20261227", None),
        ("20261126", 0),
        ("20261120", -6),
        ("", None),
        ("20261399", None),
        ("soon", None),
        ("2026-12-01", None),
        ("99999999999", None),
    ],
)
def test_the_days_that_are_left_are_known_thirty_days_ahead(expires: str, left: int | None) -> None:
    """Before that there is nothing to say, and a day that is none says nothing."""
    assert days_left(CounterGreeting("", "", "", expires), dt.date(2026, 11, 26)) == left


async def test_a_counter_that_expires_soon_is_warned_of_once(tmp_path: Path) -> None:
    """However many terminals log in that day; the product is described besides."""
    ends = dt.datetime.now(COUNTER_ZONE).date() + dt.timedelta(days=9)
    with capture_logs() as lines:
        async with rig(Mode.MANY_TO_MANY, tmp_path) as made:
            made.command("cts_alter", msg_type=10000, changes={"data.expireDate": f"{ends:%Y%m%d}"}, times=2)
            await made.attach()
            await made.attach(OTHER)
            product = made.counter.describe().product

    [warned] = [line for line in lines if line["event"] == "cts_counter_expires"]
    assert (warned["expires"], warned["log_level"]) == (f"{ends:%Y%m%d}", "error")
    assert warned["days_left"] in {8, 9}
    assert product


async def test_a_counter_that_expires_soon_is_warned_of_without_a_terminal(tmp_path: Path) -> None:
    """The operator's session hears it on Friday night; the first terminal comes on Monday, or is refused then."""
    ends = dt.datetime.now(COUNTER_ZONE).date() + dt.timedelta(days=9)
    async with rig(Mode.MANY_TO_ONE, tmp_path, start=False, idle_seconds=0.1) as made:
        made.command("cts_alter", msg_type=10000, changes={"data.expireDate": f"{ends:%Y%m%d}"}, times=1)
        await made.counter.start()
        alarms = made.parts.alarms
        await made.until(lambda: alarms.count(AlarmName.COUNTER_EXPIRES) == 1, "it is an alarm")


@pytest.mark.parametrize(
    ("days", "alarms", "warnings"),
    [([30, 29, 8, 7, 6, 1, 0, -1], 3, 5), ([45, 31], 0, 0), ([0, -1], 1, 1)],
)
async def test_the_alarm_comes_once_at_each_stage(tmp_path: Path, days: list[int], alarms: int, warnings: int) -> None:
    """A month of days with an alarm each would be looked at no more; the log has every day."""
    ends = dt.date(2026, 12, 31)
    session = cast("RootNetSession", SimpleNamespace(greeting=CounterGreeting("", "", "", f"{ends:%Y%m%d}")))
    async with rig(Mode.MANY_TO_ONE, tmp_path, start=False) as made:
        mode = cast("RootNetMode", made.counter)
        with capture_logs() as lines:
            for left in days:
                for _ in range(2):
                    mode._warn_of_expiry(session, ends - dt.timedelta(days=left))

    levels = [line["log_level"] for line in lines if line["event"] == "cts_counter_expires"]
    assert (levels.count("error"), levels.count("warning")) == (alarms, warnings)


def up(made: Rig) -> dict[str, bool]:
    """The levels of login, as they are described now."""
    return {level.name: level.up for level in made.counter.describe().levels}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_levels_of_login_are_those_of_now(tmp_path: Path, mode: Mode) -> None:
    """Before the first login, live, while it is away, and after."""
    of_relay = mode is Mode.MANY_TO_ONE
    operator = {"operator": True} if of_relay else {}
    async with rig(mode, tmp_path, start=False) as made:
        seen = [up(made)]
        await made.counter.start()
        if of_relay:
            await made.until(lambda: made.counter.ready, "the operator is logged in")
        seen.append(up(made))
        product = made.counter.describe().product
        terminal = await made.attach()
        seen.append(up(made))
        await made.simulated.stop_listening()
        await terminal.wait("recovering")
        seen.append(up(made))
        await made.simulated.listen()
        await terminal.wait("live")
        seen.append(up(made))

    live = {"connection": True, **operator, "account": True}
    away = dict.fromkeys(live, False)
    assert seen == [away, {"connection": of_relay, **operator, "account": False}, live, away, live]
    assert bool(product) is of_relay, "the operator's greeting says it before any terminal comes"


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_what_is_behind_after_a_break_replaces_what_was(tmp_path: Path, mode: Mode) -> None:
    """Another counter may answer at the address: the relay and the terminal's login go by what it says."""
    async with rig(mode, tmp_path) as made:
        sources = {one.source for one in made.counter.describe().exchanges}
        terminal = await made.attach()
        first = made.counter.describe()
        await made.simulated.stop_listening()
        await terminal.wait("recovering")
        kept = made.counter.describe()
        rows = [{"exchId": "S", "regId": "0001", "regName": "S"}]
        made.command("cts_alter", msg_type=10011, changes={"data.acctInfo.regList": rows}, times=0)
        await made.simulated.listen()
        offered = (await terminal.wait("live")).attached.offered
        after = made.counter.describe()

    assert sources == {"settings"}
    assert {one.source for one in first.exchanges} == {"counter"}
    assert (kept.exchanges, kept.trading_day) == (first.exchanges, first.trading_day)
    assert len(first.exchanges) > 1
    assert [one.native_code for one in after.exchanges] == ["S"]
    assert (offered.exchanges, offered.accounts) == (after.exchanges, (INVESTOR,))


async def test_an_operator_without_an_answer_is_not_up(tmp_path: Path) -> None:
    """The counter greeted, and says nothing of 10021."""
    async with rig(Mode.MANY_TO_ONE, tmp_path, start=False) as made:
        made.command("cts_ignore", msg_type=10021)
        await made.counter.start()
        await made.until(lambda: up(made)["connection"], "the counter has greeted")
        assert up(made) == {"connection": True, "operator": False, "account": False}
