"""The report's struct: the collector's bytes unchanged, and every field what CTP's guide says it is."""

from __future__ import annotations

import dataclasses

import pytest

from ctpabi.codec import layout
from relay.counter.ctp.session.user_system_info import report_body, report_method
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, read, with_report_of_mac
from tests.relay.counter.ctp.played_api import report


def test_the_collectors_bytes_arrive_unchanged_with_their_length() -> None:
    """NULs, bytes over 0x7f and all: the monitoring center decrypts exactly these."""
    sent = bytes(range(256)) + b"\xff\x00\x80" * 5

    body = report_body(CATALOG, dataclasses.replace(report(), system_info=sent))

    length, system_info = read("UserSystemInfo", body, "ClientSystemInfoLen", "ClientSystemInfo")
    assert length == len(sent)
    assert bytes(system_info)[:length] == sent


def test_the_report_names_investor_terminal_and_where_it_came_from() -> None:
    """UserID is the investor in both modes and the app id the terminal's: the relay's own would say nothing."""
    body = report_body(CATALOG, report(remark="备注"))

    names = ("BrokerID", "UserID", "ClientAppID", "ClientPublicIP", "ClientIPPort", "ClientLoginTime")
    expected = (BROKER, "100001", "terminal_1.0", "198.51.100.7", 50123, "09:01:02")
    assert read("UserSystemInfo", body, *names) == expected
    assert read("UserSystemInfo", body, "ClientLoginRemark") == "备注"


def test_an_ipv6_address_fits() -> None:
    """32 hex digits, as CTP writes it."""
    body = report_body(CATALOG, report(public_ip="20010db8000000000000000000000001"))

    assert read("UserSystemInfo", body, "ClientPublicIP") == "20010db8000000000000000000000001"


@pytest.mark.parametrize(
    ("operator", "wechat", "method"),
    [
        (False, False, "RegisterUserSystemInfo"),
        (True, False, "SubmitUserSystemInfo"),
        (False, True, "RegisterWechatUserSystemInfo"),
        (True, True, "SubmitWechatUserSystemInfo"),
    ],
)
def test_mode_and_kind_choose_the_call(operator: bool, wechat: bool, method: str) -> None:
    """The other mode's call is refused by the counter, or counted for the wrong terminal."""
    assert report_method(CATALOG, report(wechat=wechat), operator=operator).name == method


def test_a_wechat_report_has_the_same_content_in_its_own_struct() -> None:
    """Its fields are called differently."""
    body = report_body(CATALOG, report(wechat=True))

    length, system_info = read("WechatUserSystemInfo", body, "WechatCltSysInfoLen", "WechatCltSysInfo")
    assert bytes(system_info)[:length] == report().system_info
    assert read("WechatUserSystemInfo", body, "UserID") == "100001"


def test_two_reports_share_no_memory() -> None:
    """The vendor's call rewrites what it is given, and the same bytes again are refused with -6."""
    first, second = report_body(CATALOG, report()), report_body(CATALOG, report())

    assert first == second
    assert first is not second


def test_the_terminals_mac_is_reported_where_the_struct_has_it() -> None:
    """CTP 6.7.13's MAC, 40 bytes at most; without the field the report is as long as before."""
    plain, catalog = CATALOG.structs["UserSystemInfo"], with_report_of_mac()
    said = dataclasses.replace(report(), mac_address="00:11:22:33:44:55")

    body = report_body(catalog, said)
    assert layout.get(catalog.structs["UserSystemInfo"], body, "MAC") == "00:11:22:33:44:55"
    assert len(body) == plain.size + 41
    assert len(report_body(CATALOG, said)) == plain.size
