"""The relay through openctp-tts: the same messages, another vendor's structs, slots and library.

The whole contract suite runs on it by `make contract-tts`.
"""

from __future__ import annotations

import hashlib

import pytest

from ctpabi.catalog import Distribution
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.build import CompilerMissing
from ctpabi.shim.substitute import BindingMissing
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from terminal_client import CallRefused
from tests.e2e.binding_under_test import shim_of
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, WECHAT_TERMINAL, Site, buy, collect_now, log_in, login_message, ticked, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module", autouse=True)
def tts() -> None:
    try:
        shim_of(Distribution.TTS)
    except (BindingMissing, CompilerMissing) as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_a_terminal_trades_through_it(start_site: StartRelay, mode: Mode) -> None:
    """Login, report, order, notice, trade and ticks; what its interface lacks is said at the login and refused by name."""
    catalog = load_catalog(distribution=Distribution.TTS)
    site = await start_site(mode, counter__binding=Distribution.TTS.value, market_data__enabled=True)
    async with site.terminal() as terminal:
        offered = (await log_in(terminal, INVESTORS[0])).counter
        traded = await trade(terminal)
        depth = await ticked(site, terminal, 3520.0)
        account = await terminal.requests.qry_trading_account(ctp.QryTradingAccount())
        with pytest.raises(CallRefused) as lacks_request:
            await terminal.request("qry_comb_leg", ctp.QryCombLeg())
        memo = buy()
        memo.order_memo = "mine"
        with pytest.raises(CallRefused) as lacks_field:
            await terminal.requests.order_insert(memo)

    assert (traded.instrument_id, traded.volume) == ("rb2701", 1)
    assert depth.ask_price1 > depth.bid_price1 > 0
    assert account.rows[0].account_id == INVESTORS[0]
    assert offered is not None
    assert offered.version == catalog.version
    assert {"qry_comb_leg", "offset_setting"} <= set(offered.not_offered)
    assert {"order_insert.order_memo", "rtn_order.session_req_seq"} <= set(offered.fields_not_offered)
    _refused_by_name(lacks_request.value, lacks_field.value)
    assert [line["user_id"] for line in site.reports_of(INVESTORS[0])] == [INVESTORS[0]]
    _the_ledger_says_which_library(site)
    await _wechat_is_refused(site)


def _refused_by_name(lacks_request: CallRefused, lacks_field: CallRefused) -> None:
    assert lacks_request.refusal.reason == "not_offered_by_counter"
    assert lacks_field.refusal.reason == "field_not_offered_by_counter"
    assert "InputOrder.order_memo" in lacks_field.refusal.message


def _the_ledger_says_which_library(site: Site) -> None:
    """The file that sent the reports: here the shim, which stands in the vendor's place."""
    (started,) = (entry.data for entry in site.relay.ledger() if entry.kind == "relay_started")
    shim, market = shim_of(Distribution.TTS).trader, shim_of(Distribution.TTS).market_data

    assert (started["binding"], started["binding_version"]) == ("openctp-tts", "6.7.2.3")
    assert started["market_library"]["file"] == str(market.resolve())
    assert started["library"] == {
        "file": str(shim.resolve()),
        "version": "v6.7.2_SIMCOUNTER",
        "sha256": hashlib.sha256(shim.read_bytes()).hexdigest(),
    }


async def _wechat_is_refused(site: Site) -> None:
    """The interface has no such report, so the login would be one without."""
    collected = await collect_now()
    async with site.raw() as stream:
        challenge = await stream.hello(WECHAT_TERMINAL)
        login = login_message(challenge, INVESTORS[1], collected)
        login.report_kind = pb.REPORT_KIND_WECHAT
        await stream.send(pb.TerminalMessage(login=login))
        rejected = await stream.rejection()
    assert rejected.reason == "report_kind_not_offered_by_counter"
