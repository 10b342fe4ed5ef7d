"""The facts of one mode, and whether they are what they must be."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from demo.cast import Cast

NO_SESSIONS = "no_investor_sessions"


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """One JSON object of `--json`."""

    system: str
    mode: str
    exchanges: list[str]
    """as the counter registered them; those without a code of ours by the counter's own"""
    boards: list[str]
    """EXCHANGE.BOARD; none where the counter has no boards"""
    collected_kinds: list[str]
    """whose collectors' information went with the login"""
    investor_id: str = ""
    collector_code: int = 0
    """the collector's return value; CTP_GetSystemInfo's is a bitmask of the items it could not collect"""
    system_info_length: int = 0
    system_info_sha256: str = ""
    """of what the collector gave"""
    ledger_system_info_sha256: str = ""
    """of what the relay wrote into its ledger before it called the counter"""
    counter_system_info_sha256: str = ""
    """of what the counter received"""
    report_system_info_sha256: str = ""
    """of what the day's report to the monitoring center holds"""
    report_kind: str = ""
    report_public_ip: str = ""
    report_app_id: str = ""
    report_call: str = ""
    return_code: int = 0
    """of the call that carried the report; 0: accepted"""
    relay_app_id: str = ""
    relay_app_type: str = ""
    """CTP's AppType of the relay: 2 or 3"""
    order_status: str = ""
    trades: int = 0
    position: int = 0
    ledger_entries: int = 0
    ledger_verified: bool = False
    seconds: float = 0.0
    refusal: str = ""
    """why no investor can log in at this counter; empty where one can"""

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @property
    def digests(self) -> tuple[str, ...]:
        """The same bytes, at every place on their way."""
        return (
            self.system_info_sha256,
            self.ledger_system_info_sha256,
            self.counter_system_info_sha256,
            self.report_system_info_sha256,
        )

    def problems(self, cast: Cast, app_id: str) -> list[str]:
        """What is not as it must be; empty when the demonstration showed what it is there to show."""
        wrong = {
            "the counter registered no exchange 柜台未登记交易所": not self.exchanges,
            "the ledger is not whole 台账校验未通过": not self.ledger_verified,
            **(self._wrong_with_trading(cast, app_id) if cast.takes_terminals else self._wrong_without_terminals()),
        }
        return [text for text, found in wrong.items() if found]

    def _wrong_with_trading(self, cast: Cast, app_id: str) -> dict[str, bool]:
        return {
            "the system info did not arrive unchanged 终端信息在途中被改动": len(set(self.digests)) != 1,
            f"the report's return code is {self.return_code} 上报返回码不为 0": self.return_code != 0,
            f"the report names the terminal {self.report_app_id!r} 日报中的终端不符": self.report_app_id != app_id,
            "the report has no public address 日报中没有公网地址": cast.reports_address and not self.report_public_ip,
            f"the relay's AppType is {self.relay_app_type!r} 中继类型不符": self.relay_app_type != cast.app_type,
            f"the order is {self.order_status} 报单未成交": self.order_status != "all_traded" or self.trades < 1,
        }

    def _wrong_without_terminals(self) -> dict[str, bool]:
        return {
            "the counter registered no board 柜台未登记板块": not self.boards,
            f"the terminal's login was refused with {self.refusal!r} 终端登录未按预期拒绝": self.refusal != NO_SESSIONS,
        }
