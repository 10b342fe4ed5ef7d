"""Texts of a login that CTP's structs cannot carry."""

from __future__ import annotations

import pytest

from ctpabi.catalog.data import load_catalog
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.ctp.modes.connection import check_fields
from tests.relay.counter.ctp.ctp_bodies import with_report_of_mac


@pytest.mark.parametrize(
    ("name", "most"),
    [("investor_id", 12), ("password", 40), ("one_time_password", 40), ("mac_address", 20), ("login_remark", 150)],
)
def test_a_text_is_refused_from_the_first_byte_that_does_not_fit(name: str, most: int) -> None:
    """The longest one CTP takes passes; one more byte is refused by the member's name and both lengths."""
    fits, too_long = pb.Login(), pb.Login()
    setattr(fits, name, "x" * most)
    setattr(too_long, name, "x" * (most + 1))

    refusal = check_fields(load_catalog(), too_long)
    assert check_fields(load_catalog(), fits) is None
    assert refusal is not None
    assert refusal.reason == "request_malformed"
    assert f"{name} has {most + 1} bytes in GB18030, {most} at most" in refusal.message


def test_chinese_text_counts_as_the_bytes_it_has_at_the_counter() -> None:
    """75 characters of two bytes each are 150 bytes."""
    assert check_fields(load_catalog(), pb.Login(login_remark="备" * 75)) is None
    assert check_fields(load_catalog(), pb.Login(login_remark="备" * 76)) is not None


def test_a_nul_inside_a_text_is_refused_without_showing_the_text() -> None:
    """CTP would end the field there: half a password is another password."""
    refusal = check_fields(load_catalog(), pb.Login(password="secret\0rest"))

    assert refusal is not None
    assert "password" in refusal.message
    assert "secret" not in refusal.message


@pytest.mark.parametrize(
    "written",
    [" 100001", "100001 ", "100001\t", "１００００１", "100001\u200b", "100001\u3000", "100 001", "10000\u0661"],
)
def test_an_investors_id_has_one_spelling(written: str) -> None:
    """Another one that a counter may read as the same is refused by name before anything is counted for it."""
    refusal = check_fields(load_catalog(), pb.Login(investor_id=written))

    assert refusal is not None
    assert (refusal.reason, "investor_id" in refusal.message) == ("request_malformed", True)
    assert written not in refusal.message
    assert check_fields(load_catalog(), pb.Login(investor_id="100001")) is None


def test_a_login_without_mac_is_refused_where_the_report_has_one() -> None:
    """The catalog decides: 6.7.13 asks relays for it; the WeChat report and earlier versions have no such field."""
    empty, wechat = pb.Login(), pb.Login(report_kind=pb.REPORT_KIND_WECHAT)

    refusal = check_fields(with_report_of_mac(), empty)
    assert refusal is not None
    assert refusal.reason == "mac_address_missing"
    assert check_fields(with_report_of_mac(), pb.Login(mac_address="00:11:22:33:44:55")) is None
    assert check_fields(with_report_of_mac(), wechat) is None
    assert check_fields(load_catalog(), empty) is None
