"""Where the collector's bytes enter the C struct: CThostFtdcUserSystemInfoField and its WeChat sibling.

The struct is built anew for every call, because Register and Submit rewrite the caller's memory (the first
16 bytes and the length), and the same struct sent again is refused with -6 (CTP fact 35). CTP facts 31, 43 and 44 say
what the fields hold.
"""

from __future__ import annotations

from ctpabi.catalog import Catalog, Method
from ctpabi.codec import layout
from relay.counter.port import TerminalReport


def report_method(catalog: Catalog, report: TerminalReport, *, operator: bool) -> Method:
    """The API method that reports this terminal in this mode."""
    verb = "Submit" if operator else "Register"
    kind = "WechatUserSystemInfo" if report.wechat else "UserSystemInfo"
    return catalog.methods[verb + kind]


def report_body(catalog: Catalog, report: TerminalReport) -> bytes:
    """The struct's bytes. UserID is the investor in both modes, ClientAppID the terminal's, the time HH:MM:SS."""
    prefix = "WechatCltSysInfo" if report.wechat else "ClientSystemInfo"
    struct = catalog.structs["WechatUserSystemInfo" if report.wechat else "UserSystemInfo"]
    values: dict[str, object] = {
        "BrokerID": report.investor.broker_id,
        "UserID": report.investor.investor_id,
        f"{prefix}Len": len(report.system_info),
        prefix: report.system_info,
        "ClientIPPort": report.port,
        "ClientLoginTime": report.logged_in_at.strftime("%H:%M:%S"),
        "ClientAppID": report.app_id,
        "ClientPublicIP": report.public_ip,
        "ClientLoginRemark": report.remark,
    }
    if struct.has("MAC"):  # 6.7.13 and later
        values["MAC"] = report.mac_address
    return layout.pack(struct, values)
