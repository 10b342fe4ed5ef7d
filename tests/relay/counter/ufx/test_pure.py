"""What goes to UFX and comes from it, and which tokens are used when: pure."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from relay.counter.port import CollectedInfo, Investor, TerminalReport
from relay.counter.translated.values import NewOrder, SentName, Values
from relay.counter.ufx.described import after_login, before_login
from relay.counter.ufx.from_native import UfxRowReader, UfxRowUnreadable
from relay.counter.ufx.keeping import KeepAlive
from relay.counter.ufx.replies import UnreadableReply, read_reply
from relay.counter.ufx.t2.callbacks import T2Answer
from relay.counter.ufx.t2.packs import write_pack
from relay.counter.ufx.to_native import (
    Trader,
    counter_rows,
    login_refusal,
    login_row,
    order_refusal,
    order_row,
    too_long,
)
from relay.counter.ufx.words import MarketNumbers
from relay.settings.ufx_section import UfxSettings

MARKETS = MarketNumbers.of(("3=SHFE", "9=DCE"))
SETTINGS = UfxSettings(servers=("127.0.0.1:9003",), library=Path("libt2sdk.so"))
NAME = SentName(7, 3, "12", 345)
REPORT = TerminalReport(
    Investor("9999", "100001"), bytes(range(256)) + b"\0" * 12, "terminal_1.0", "192.0.2.9", 40000,
    dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC),
)  # fmt: skip
ORDER: Values = {
    "InvestorID": "100001", "ExchangeID": "SHFE", "InstrumentID": "rb2701", "Direction": "0", "CombOffsetFlag": "0",
    "CombHedgeFlag": "1", "LimitPrice": 3500.5, "VolumeTotalOriginal": 2, "OrderPriceType": "2", "TimeCondition": "3",
    "VolumeCondition": "1", "ContingentCondition": "1", "ForceCloseReason": "0", "MinVolume": 1,
}  # fmt: skip
ROW = {
    "entrust_no": "17", "market_no": "3", "stock_code": "rb2701", "entrust_direction": "1", "futures_direction": "1",
    "entrust_price": "3500", "entrust_amount": "5", "deal_amount": "2", "entrust_state": "6", "third_reff": NAME.key,
    "entrust_date": "20261126", "entrust_time": "90501",
}  # fmt: skip


def answer(content: bytes, error: int = 0, text: str = "", code: int = 0) -> T2Answer:
    return T2Answer(1, 10000, error, text, code, content)


# Answers ----------------------------------------------------------------------------------------------------


def test_an_answer_says_both_levels_of_error() -> None:
    """In the message, or in table 0; 0 is all well."""
    well = read_reply(answer(write_pack([[{"ErrorCode": "0"}], [{"a": "1"}]])))
    refused = read_reply(answer(write_pack([[{"ErrorCode": "-7", "ErrorMsg": "余额不足", "MsgDetail": "x"}]])))
    first = read_reply(answer(b"", -9, "忙"))

    assert (well.error, list(well.rows)) == (None, [{"a": "1"}])
    assert refused.error is not None
    assert (refused.error.code, refused.error.text, refused.error.level) == ("-7", "余额不足 x", 2)
    assert first.error is not None
    assert (first.error.code, first.error.level) == ("-9", 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", write_pack([]), write_pack([[]]), write_pack([[{"Other": "0"}]])],
    ids=["nothing", "no pack", "no table", "no row", "no ErrorCode"],
)
def test_an_answer_without_an_error_code_is_none(content: bytes) -> None:
    """What was carried out is not known then."""
    with pytest.raises(UnreadableReply):
        read_reply(answer(content))


# To UFX -----------------------------------------------------------------------------------------------------


def test_a_login_has_a_row_for_each_collector() -> None:
    """CTP's bytes in Base64, text as it is, with completeness and return code."""
    hundsun = CollectedInfo("hundsun", b"H" * 492, 492, 3, b"C" * 128, "3.7")
    rows = counter_rows(replace(REPORT, collected=(hundsun, CollectedInfo("femas", b"F", 1))), SETTINGS)

    assert [row["counter_id"] for row in rows] == ["1", "2", "4"]
    assert base64.b64decode(rows[0]["terminal_no"]) == REPORT.system_info
    assert (rows[1]["data_scale"], rows[1]["service_errcode"]) == ("C" * 128, "3")
    assert too_long(rows) is None
    assert counter_rows(REPORT, SETTINGS.model_copy(update={"ctp_text": "none"})) == []


def test_a_text_beyond_the_field_is_refused() -> None:
    """1025 characters; by the collector's kind."""
    fits = counter_rows(replace(REPORT, collected=(CollectedInfo("hundsun", b"H" * 1024, 1024),)), SETTINGS)
    long = counter_rows(replace(REPORT, collected=(CollectedInfo("hundsun", b"H" * 1025, 1025),)), SETTINGS)

    assert too_long(fits) is None
    refusal = too_long(long)
    assert refusal is not None
    assert "hundsun" in refusal.message


def test_an_ipv6_terminal_is_refused_and_told_why() -> None:
    """UFX's ip_address takes IPv4 alone."""
    refusal = login_refusal(replace(REPORT, public_ip="20010db8000000000000000000000001"))

    assert refusal is not None
    assert refusal.reason == "address_not_offered_by_counter"
    assert "IPv4" in refusal.told_text
    assert login_refusal(REPORT) is None
    assert login_row(REPORT, SETTINGS)["ip_address"] == "192.0.2.9"


def test_an_order_names_itself() -> None:
    """third_reff has the whole name, extsystem_id eight digits and never 0."""
    row = order_row(NewOrder(NAME, ORDER), Trader("100001", "A1"), MARKETS, SETTINGS)
    greatest = NewOrder(SentName(7, 3, "12", 998_999_999), ORDER)

    assert (row["third_reff"], row["extsystem_id"], row["account_code"]) == ("7.3.12.345", "346", "A1")
    assert (row["market_no"], row["entrust_price"], row["price_type"]) == ("3", "3500.5", "0")
    assert 0 < int(order_row(greatest, Trader("1", "1"), MARKETS, SETTINGS)["extsystem_id"]) <= 99_999_999


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ExchangeID", "INE"), ("CombOffsetFlag", "3"), ("CombOffsetFlag", "4"), ("CombHedgeFlag", "3"),
        ("OrderPriceType", "1"), ("TimeCondition", "1"), ("VolumeCondition", "3"), ("MinVolume", 2),
        ("VolumeTotalOriginal", 0), ("InstrumentID", ""), ("Direction", "2"),
    ],
)  # fmt: skip
def test_what_ufx_has_no_word_for_is_refused(field: str, value: object) -> None:
    """By the field's name."""
    refusal = order_refusal({**ORDER, field: value}, MARKETS, SETTINGS)

    assert refusal is not None
    assert field in refusal.message
    assert order_refusal(ORDER, MARKETS, SETTINGS) is None


def test_close_today_needs_a_setting() -> None:
    """Then it is what the setting says, and yesterday's is Close."""
    settings = SETTINGS.model_copy(update={"close_today": "4"})
    today, yesterday = {**ORDER, "CombOffsetFlag": "3"}, {**ORDER, "CombOffsetFlag": "4"}

    assert order_refusal(today, MARKETS, settings) is None
    rows = [order_row(NewOrder(NAME, v), Trader("1", "1"), MARKETS, settings) for v in (today, yesterday)]
    assert [row["futures_direction"] for row in rows] == ["4", "2"]


# From UFX ---------------------------------------------------------------------------------------------------


def test_an_order_is_read() -> None:
    """With its name, what traded, and the time without its leading zero."""
    state = UfxRowReader(MARKETS).order(ROW)

    assert (state.native_id, state.exchange_id, state.volume, state.traded) == ("17", "SHFE", 5, 2)
    assert (state.name, state.insert_time, state.is_confirmed) == (NAME, "09:05:01", True)


@pytest.mark.parametrize(
    ("state", "canceled", "rejected", "confirmed"),
    [
        ("1", 0, False, False), ("4", 0, False, True), ("5", 0, True, True), ("8", 3, False, True),
        ("9", 3, False, True), ("F", 3, False, True), ("a", 0, False, True), ("E", 0, False, True),
    ],
)  # fmt: skip
def test_each_state_of_an_entrust(state: str, canceled: int, *, rejected: bool, confirmed: bool) -> None:
    """Cancelled ones have what is left; a cancel that is under way or failed changes nothing."""
    read = UfxRowReader(MARKETS).order({**ROW, "entrust_state": state})

    assert (read.canceled, read.is_rejected, read.is_confirmed) == (canceled, rejected, confirmed)


@pytest.mark.parametrize("kind", ["a", "b", "c", "d", "e"])
def test_pushes_of_an_order(kind: str) -> None:
    """Placed, confirmed, rejected, cancel placed, cancelled."""
    push = {**ROW, "msgtype": kind, "cancel_amount": "3", "revoke_cause": "价格超限"}
    state = UfxRowReader(MARKETS).push(push)

    assert (state.is_confirmed, state.is_rejected, state.canceled) == (
        kind != "a",
        kind == "c",
        3 if kind == "e" else 0,
    )
    assert state.text == ("价格超限" if kind == "c" else "")


@pytest.mark.parametrize(
    "changed",
    [
        {"market_no": "35"}, {"entrust_no": ""}, {"entrust_no": "x" * 21}, {"entrust_direction": "3"}, {"msgtype": "z"},
        {"entrust_amount": "many"}, {"entrust_amount": "-1"}, {"entrust_amount": "1.5"}, {"entrust_amount": "1e99"},
        {"entrust_price": "nan"}, {"entrust_price": "inf"}, {"stock_code": "合约"},
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_not_used(changed: dict[str, str]) -> None:
    """An unknown market, no number, a number that is none."""
    with pytest.raises(UfxRowUnreadable):
        UfxRowReader(MARKETS).push({**ROW, "msgtype": "b", **changed})


@pytest.mark.parametrize("reference", ["", "x", "7.3.12", "7.3.12.345.6", "-1.3.12.345", "7.3.1 2.345"])
def test_another_programs_order_has_no_name(reference: str) -> None:
    """Whatever stands in third_reff."""
    assert UfxRowReader(MARKETS).order({**ROW, "third_reff": reference}).name is None


def test_positions_are_apart_where_the_exchange_keeps_them_apart() -> None:
    """SHFE's today and yesterday in two rows, DCE's in one."""
    row = {
        "market_no": "3", "stock_code": "rb2701", "position_flag": "1", "total_amount": "5", "today_amount": "2",
        "current_cost": "500", "enable_amount": "4",
    }  # fmt: skip
    reader = UfxRowReader(MARKETS)
    shfe = reader.positions(row, {}, "20261126")
    (dce,) = reader.positions({**row, "market_no": "9"}, {}, "20261126")

    assert [(r["PositionDate"], r["Position"], r["PositionCost"]) for r in shfe] == [("1", 2, 200.0), ("2", 3, 300.0)]
    assert sum(r["ShortFrozen"] for r in shfe) == 1
    assert (dce["Position"], dce["TodayPosition"], dce["YdPosition"], dce["PosiDirection"]) == (5, 2, 3, "2")


# What it offers ---------------------------------------------------------------------------------------------


def test_exchanges_come_from_the_portfolios() -> None:
    """Numbers that are not mapped are shown, and named so; an empty list means all."""
    before = before_login(MARKETS, frozenset({"order_insert"}), frozenset(), ("1.0", "ab"), operator=True)
    portfolios = [{"market_no_list": "3,35", "futu_invest_type": "a,b"}]
    after = after_login(before, MARKETS, portfolios, "v1", "20261126", "now")
    everything = after_login(
        before, MARKETS, [{"market_no_list": "", "futu_invest_type": "a"}], "v1", "20261126", "now"
    )

    assert [(e.code, e.native_code, e.source) for e in after.exchanges] == [
        ("SHFE", "3", "counter"),
        ("unmapped", "35", "counter"),
    ]
    assert [board.native_code for board in after.exchanges[0].boards] == ["a", "b"]
    assert [e.code for e in everything.exchanges] == ["SHFE", "DCE"]
    assert {e.source for e in before.exchanges} == {"settings"}
    assert all(level.up for level in after.levels)


# Tokens -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Silent:
    order: int
    used_at: float = 0.0


def test_500_tokens_are_kept_alive_without_a_burst() -> None:
    """Got in one moment, each is used before its five minutes are over, and never many in one second; for an hour."""
    keep, tokens = KeepAlive(60.0), [Silent(number) for number in range(1, 501)]
    most, longest = 0, 0.0
    for second in range(1, 3600):
        due = [token for token in keep.due(tokens, float(second)) if isinstance(token, Silent)]
        longest = max([longest, *(second - token.used_at for token in due)])
        most = max(most, len(due))
        for token in due:
            token.used_at = float(second)

    assert longest <= 90
    assert most <= 17, "500 over half a minute"


def test_a_token_that_is_used_is_left_alone() -> None:
    """Any call renews it."""
    keep, token = KeepAlive(60.0), Silent(1)
    token.used_at = 100.0

    assert keep.due([token], 129.0) == []
    assert keep.due([token], 160.0) == [token]
