"""The two modes of a relay: who plays in each, and what makes it different."""

from __future__ import annotations

from dataclasses import dataclass

from simcounter import demo_accounts

TERMINAL_APP_ID = "demo_terminal_1.0"
INSTRUMENT_ID = "rb2701"
EXCHANGE_ID = "SHFE"


@dataclass(frozen=True, slots=True)
class Cast:
    """One mode with its relay, its investor and its explanation."""

    mode: str
    """relay.mode of the settings"""
    title: str
    explanation: str
    english: str
    relay_app_id: str
    app_type: str
    """CTP's AppType that the counter must answer"""
    investor_id: str
    report_call: str
    """the API function that carries the terminal's system info"""
    relay_knows_investor: bool
    """whether the relay itself checks the investor's password"""


MANY_TO_MANY = Cast(
    mode="many_to_many",
    title="多对多 many-to-many",
    explanation="每个投资者在柜台各有一个会话：中继先登记终端信息，投资者再登录，密码由柜台核验。",
    english="A counter session for each investor: the relay registers the terminal, then the investor logs in.",
    relay_app_id=demo_accounts.INVESTOR_RELAY_APP_ID,
    app_type="2",
    investor_id="100001",
    report_call="RegisterUserSystemInfo",
    relay_knows_investor=False,
)
MANY_TO_ONE = Cast(
    mode="many_to_one",
    title="多对一 many-to-one",
    explanation="所有投资者共用一个操作员会话：投资者密码由中继核验，终端信息由操作员逐个上报。",
    english="One operator session for all: the relay checks the password, the operator submits each terminal.",
    relay_app_id=demo_accounts.OPERATOR_RELAY_APP_ID,
    app_type="3",
    investor_id="100003",
    report_call="SubmitUserSystemInfo",
    relay_knows_investor=True,
)
MODES = {cast.mode: cast for cast in (MANY_TO_MANY, MANY_TO_ONE)}
