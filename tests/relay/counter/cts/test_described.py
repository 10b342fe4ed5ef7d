"""What a CTS counter says of itself: when its licence ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.counter.cts.described import days_left
from relay.counter.cts.session import CounterGreeting
from relay.counter.port import Mode
from relay.database.times import COUNTER_ZONE
from tests.relay.counter.cts.rig import OTHER, rig


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
    assert (warned["expires"], warned["log_level"]) == (f"{ends:%Y%m%d}", "warning")
    assert warned["days_left"] in {8, 9}
    assert product
