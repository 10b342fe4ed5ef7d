"""Whatever bytes a program sends in a struct, the kernel answers or stays silent; it never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcounter.demo_accounts import OPERATOR_ID, OPERATOR_RELAY_APP_ID
from tests.simcounter.kernel_driver import CATALOG, Driver, decoded

REPORTS = [name for name, method in CATALOG.methods.items() if method.shape == "report"]


@pytest.fixture(scope="module")
def driver() -> Driver:
    return Driver()


@given(st.data())
def test_random_structs_do_not_break_any_request(driver: Driver, data: st.DataObject) -> None:
    """Text that is no GB18030, absurd numbers, unknown characters: in every request, after login."""
    method = data.draw(st.sampled_from(CATALOG.requests))
    size = CATALOG.structs[method.struct].size
    filler = data.draw(st.sampled_from([b"\xff", b"\x81", b"9", b"\x00\xb9", b"\xd6\xd0"]))
    head = data.draw(st.binary(max_size=min(size, 60)))
    body = (head + filler * size)[:size]
    session = driver.trader(data.draw(st.sampled_from(["100001", OPERATOR_ID])), OPERATOR_RELAY_APP_ID)

    decoded(driver.kernel.handle_request(session, method.name, body, 1))

    driver.kernel.close_session(session.session_id)


@pytest.mark.parametrize("field", ["LimitPrice", "StopPrice"])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 1.7976931348623157e308, -1.0])
def test_absurd_prices_are_refused_or_ignored(driver: Driver, field: str, value: float) -> None:
    """Never a crash, never a trade at such a price."""
    session = driver.trader()

    sent = driver.insert(session, **{field: value})

    assert all(abs(t["Price"]) < 1e6 for t in sent if t.callback == "OnRtnTrade")
    driver.kernel.close_session(session.session_id)


@pytest.mark.parametrize("method", REPORTS)
@pytest.mark.parametrize("filler", [b"\xff", b"\x00", b"\x7f"])
def test_random_reports_do_not_break_the_kernel(driver: Driver, method: str, filler: bytes) -> None:
    """Absurd lengths inside included."""
    body = filler * CATALOG.structs[CATALOG.methods[method].struct].size
    session = driver.trader(OPERATOR_ID, OPERATOR_RELAY_APP_ID)

    driver.kernel.report(session, method, body)
    driver.kernel.close_session(session.session_id)
