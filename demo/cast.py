"""Who plays, at each counter system and in each mode of a relay: what is seen of it there, and what makes it different."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simcounter import demo_accounts

TERMINAL_APP_ID = "demo_terminal_1.0"
INSTRUMENT_ID = "rb2701"
EXCHANGE_ID = "SHFE"
INVESTOR_OF = {"many_to_many": "100001", "many_to_one": "100003"}


@dataclass(frozen=True, slots=True)
class Cast:
    """One mode with its relay, its investor and its explanation."""

    system: str
    """ctp, tts, cts, ufx or bridge"""
    mode: str
    """relay.mode of the settings"""
    title: str
    explanation: str
    english: str
    relay_app_id: str
    """the relay's own; empty at counters that have no such name"""
    app_type: str
    """CTP's AppType that the counter must answer; empty where it has none"""
    investor_id: str
    reported_user: str
    """under whose name the counter keeps the terminal's report"""
    report_kind: str
    """what the counter calls the report"""
    report_call: str
    """the API function, or the request, that carries the terminal's information"""
    relay_knows_investor: bool
    """whether the relay itself checks the investor's password"""
    reports_address: bool = True
    """whether the report has room for the terminal's address"""
    takes_terminals: bool = True
    """whether an investor can log in at all"""


CTP_EACH = Cast(
    system="ctp",
    mode="many_to_many",
    title="多对多 many-to-many",
    explanation="每个投资者在柜台各有一个会话：中继先登记终端信息，投资者再登录，密码由柜台核验。",
    english="A counter session for each investor: the relay registers the terminal, then the investor logs in.",
    relay_app_id=demo_accounts.INVESTOR_RELAY_APP_ID,
    app_type="2",
    investor_id=INVESTOR_OF["many_to_many"],
    reported_user=INVESTOR_OF["many_to_many"],
    report_kind="register",
    report_call="RegisterUserSystemInfo",
    relay_knows_investor=False,
)
CTP_SHARED = Cast(
    system="ctp",
    mode="many_to_one",
    title="多对一 many-to-one",
    explanation="所有投资者共用一个操作员会话：投资者密码由中继核验，终端信息由操作员逐个上报。",
    english="One operator session for all: the relay checks the password, the operator submits each terminal.",
    relay_app_id=demo_accounts.OPERATOR_RELAY_APP_ID,
    app_type="3",
    investor_id=INVESTOR_OF["many_to_one"],
    reported_user=INVESTOR_OF["many_to_one"],
    report_kind="submit",
    report_call="SubmitUserSystemInfo",
    relay_knows_investor=True,
)
_CTS_EACH = replace(
    CTP_EACH,
    system="cts",
    explanation="每个终端一条连接、一个会话：账户登录时，柜台要求先采集指定厂商的终端信息，再带着它登录。",
    english="A connection for each terminal; the counter asks for its vendor's information, and the login brings it.",
    relay_app_id="",
    app_type="",
    report_kind="cts",
    report_call="10011",
    reports_address=False,
)
_CTS_SHARED = replace(
    _CTS_EACH,
    mode=CTP_SHARED.mode,
    title=CTP_SHARED.title,
    explanation="一条连接，柜员先登录；投资者密码由中继核验，各账户再各自带着终端信息登录。",
    english="One connection with an operator: the relay checks the password, each account logs in with its terminal.",
    investor_id=CTP_SHARED.investor_id,
    reported_user=CTP_SHARED.investor_id,
    relay_knows_investor=True,
)
_UFX_EACH = replace(
    CTP_EACH,
    system="ufx",
    explanation="一条 T2 连接，每个终端一个令牌：投资者登录时，终端信息作为一行随登录送到柜台。",
    english="One T2 connection and a token for each terminal: its information is a row of the investor's login.",
    relay_app_id="",
    app_type="",
    report_kind="ufx ctp",
    report_call="10001",
)
_UFX_SHARED = replace(
    _UFX_EACH,
    mode=CTP_SHARED.mode,
    title=CTP_SHARED.title,
    explanation="一条 T2 连接，每个终端一个操作员令牌：投资者密码由中继核验，终端信息随该次登录送到柜台。",
    english="One T2 connection, an operator's token for each terminal: the relay checks the investor's password.",
    investor_id=CTP_SHARED.investor_id,
    reported_user=demo_accounts.OPERATOR_ID,
    relay_knows_investor=True,
)
_BRIDGE_EACH = replace(
    CTP_EACH,
    system="bridge",
    explanation="柜台库在另一进程里，中继只经桥接连接、登录、登记交易所与板块；它没有投资者会话，终端登录一律拒绝。",
    english="The library runs beside the relay, which logs in and registers exchanges and boards: no investors' sessions.",
    relay_app_id="",
    app_type="",
    reported_user="",
    report_kind="",
    report_call="",
    reports_address=False,
    takes_terminals=False,
)
_BRIDGE_SHARED = replace(_BRIDGE_EACH, mode=CTP_SHARED.mode, title=CTP_SHARED.title, investor_id=CTP_SHARED.investor_id)
CASTS = {
    "ctp": (CTP_EACH, CTP_SHARED),
    "tts": (replace(CTP_EACH, system="tts"), replace(CTP_SHARED, system="tts")),
    "cts": (_CTS_EACH, _CTS_SHARED),
    "ufx": (_UFX_EACH, _UFX_SHARED),
    "bridge": (_BRIDGE_EACH, _BRIDGE_SHARED),
}
"""for each system its modes"""
MODES = {cast.mode: cast for cast in CASTS["ctp"]}
"""CTP's"""
