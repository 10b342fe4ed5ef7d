"""What the counter's ErrorIDs mean for the terminal and its user.

The counter's own text is kept; what is added is the advice. Numbers and names are of the vendor's error list.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.domain.login_errors import LoginVerdict, verdict_of
from relay.refusals.refusal import Refusal, Source


@dataclass(frozen=True, slots=True)
class _Known:
    reason: str
    chinese: str
    english: str
    advice: str = ""


_CHECK_LOGIN = "请核对代码与密码, 不要反复重试 / check id and password; do not repeat, failures lock the account"
_ASK_FIRM = "请联系期货公司 / ask your futures firm"
_ALARM = "中继侧配置或地址问题, 已告警, 请勿重试 / a fault of the relay's setup; operations are alarmed, do not retry"
_WAIT = "请稍后重试 / try again later"
_CHANGE_IT = "请在本会话内修改密码 / change the password in this session"
_FIX_REQUEST = "请修正请求 / correct the request"

_KNOWN: dict[int, _Known] = {
    3: _Known("wrong_password", "不合法的登录", "wrong user or password", _CHECK_LOGIN),
    4: _Known("user_not_active", "用户不活跃", "the account is not active", _ASK_FIRM),
    5: _Known("duplicate_login", "重复的登录", "a login is under way already", _WAIT),
    6: _Known("counter_not_logged_in", "还没有登录", "the counter has no login for this session", _WAIT),
    7: _Known("counter_not_ready", "还没有初始化", "the counter is not open yet", _WAIT),
    8: _Known("front_not_active", "前置不活跃", "the front is not active", _WAIT),
    9: _Known("no_privilege", "无此权限", "no privilege for this investor", _ASK_FIRM),
    10: _Known("password_of_another", "修改别人的口令", "that is another user's password", _FIX_REQUEST),
    11: _Known("user_not_found", "找不到该用户", "no such user", _ASK_FIRM),
    12: _Known("broker_not_found", "找不到该经纪公司", "no such broker", _ASK_FIRM),
    13: _Known("investor_not_found", "找不到投资者", "no such investor", _ASK_FIRM),
    14: _Known("old_password_mismatch", "原口令不匹配", "the old password does not match", _CHECK_LOGIN),
    15: _Known("bad_field", "报单字段有误", "a field of the order is wrong", _FIX_REQUEST),
    16: _Known("instrument_not_found", "找不到合约", "no such instrument", _FIX_REQUEST),
    17: _Known("instrument_not_trading", "合约不能交易", "the instrument is not trading", _FIX_REQUEST),
    22: _Known("duplicate_order_ref", "重复的报单", "the order reference was used before", _FIX_REQUEST),
    23: _Known("bad_order_action_field", "撤单字段有误", "a field of the order action is wrong", _FIX_REQUEST),
    24: _Known("duplicate_order_action", "重复的撤单", "the order action came before", ""),
    25: _Known("order_not_found", "撤单找不到相应报单", "there is no such order", _FIX_REQUEST),
    26: _Known("order_not_cancellable", "当前报单状态不允许撤单", "the order cannot be canceled any more", ""),
    28: _Known("no_trading_right", "没有报单交易权限", "no trading right", _ASK_FIRM),
    29: _Known("close_only", "只能平仓", "only closing is allowed", _ASK_FIRM),
    30: _Known("position_insufficient", "平仓量超过持仓量", "the position is too small", _FIX_REQUEST),
    31: _Known("funds_insufficient", "资金不足", "funds are insufficient", _FIX_REQUEST),
    40: _Known("exchange_busy", "交易所未处理请求超过许可数", "too many unanswered at the exchange", _WAIT),
    41: _Known("exchange_rate", "交易所每秒发送请求数超过许可数", "too many a second for the exchange", _WAIT),
    42: _Known("settlement_not_confirmed", "结算结果未确认", "confirm the settlement statement first", ""),
    48: _Known("wrong_password", "投资者代码或密码错误", "wrong investor or password", _CHECK_LOGIN),
    49: _Known("ip_not_allowed", "登录 IP 不合法", "login is not allowed from the relay's address", _ASK_FIRM),
    50: _Known("today_position_insufficient", "平今仓位不足", "today's position is too small", _FIX_REQUEST),
    51: _Known("yesterday_position_insufficient", "平昨仓位不足", "yesterday's position is too small", _FIX_REQUEST),
    60: _Known(
        "counter_sessions_exceeded",
        "用户在线会话超出上限",
        "too many sessions of this user",
        "请先退出其他终端 / log out elsewhere",
    ),
    63: _Known(
        "relay_not_authenticated", "中继认证失败", "the counter refused the relay's app id or auth code", _ALARM
    ),
    64: _Known("relay_not_authenticated", "未经认证", "login without authentication", _ALARM),
    75: _Known("login_forbidden", "连续登录失败次数超限, 登录被禁止", "locked after repeated failures", _ASK_FIRM),
    77: _Known("no_such_function", "无此功能", "this front does not serve trading", _ALARM),
    90: _Known("need_retry", "查询未就绪, 请稍后重试", "not ready or too many queries", _WAIT),
    116: _Known("order_rate", "报单频率超过限制", "the broker's order rate is exceeded", _WAIT),
    131: _Known("weak_password", "弱密码", "the password is too weak", _CHANGE_IT),
    132: _Known("simple_password", "密码过于简单", "the password is too simple", _CHANGE_IT),
    140: _Known("first_login", "首次登录必须修改密码", "the first login must change the password", _CHANGE_IT),
    141: _Known("password_expired", "密码已过期", "the password has expired", _CHANGE_IT),
    142: _Known("password_unchanged", "新旧密码不能相同", "the new password equals the old one", _FIX_REQUEST),
    143: _Known("relay_ip_forbidden", "中继 IP 因登录失败过多被禁止", "the relay's address is locked", _ALARM),
    144: _Known("relay_ip_blacklisted", "中继 IP 在黑名单中", "the relay's address is blacklisted", _ALARM),
    145: _Known("no_authentication_right", "无此中心的认证权限", "no right to authenticate at this center", _ALARM),
    154: _Known("counter_busy", "柜台忙", "the counter's query core is busy", _WAIT),
    3039: _Known("api_version", "API 版本不受支持", "the API version is not supported", _ALARM),
    3040: _Known("api_key", "API 密钥无效", "the API's key is invalid", _ALARM),
    4040: _Known("api_handshake", "API 与前置握手失败", "API and front do not match", _ALARM),
    4041: _Known("duplicate_submit", "重复上报", "the report came before", ""),
    4042: _Known(
        "relay_ip_not_authorized",
        "AppID 不允许从中继 IP 使用",
        "the relay's app id is not allowed from its address",
        _ALARM,
    ),
    4043: _Known(
        "app_id_not_for_user", "AppID 未授权给该用户", "the relay's app id is not granted to this user", _ASK_FIRM
    ),
    4060: _Known(
        "relay_authentication_forbidden", "中继 IP 认证失败次数过多", "too many failed authentications", _ALARM
    ),
    5002: _Known("counter_busy", "柜台忙", "the counter's trading core is busy", _WAIT),
    6020: _Known(
        "sms_code_needed", "需要短信验证码", "a code sent by text message is needed", "请输入验证码 / enter the code"
    ),
}

_BY_VERDICT = {
    LoginVerdict.RETRY: ("counter_not_ready", _WAIT, 60),
    LoginVerdict.PASSING: ("counter_refused", _ASK_FIRM, 0),
    LoginVerdict.WRONG_PASSWORD: ("wrong_password", _CHECK_LOGIN, 0),
    LoginVerdict.PASSWORD_DUE: ("password_due", _CHANGE_IT, 0),
    LoginVerdict.STOP_INVESTOR: ("counter_refused", _ASK_FIRM, 0),
    LoginVerdict.STOP_RELAY: ("relay_not_accepted", _ALARM, 0),
}


def counter_refused(error_id: int, text: str) -> Refusal:
    """The counter refused an authentication, a login or a request; `text` is its own, decoded."""
    known = _KNOWN.get(error_id)
    reason, advice, retry_after = _BY_VERDICT[verdict_of(error_id)]
    if known is None:
        return Refusal(Source.COUNTER, reason, text or f"ErrorID {error_id}", advice, error_id, retry_after)
    message = f"{text or known.chinese} / {known.english}"
    return Refusal(Source.COUNTER, known.reason, message, known.advice, error_id, retry_after)


def operator_refused(refusal: Refusal) -> Refusal:
    """What every terminal is told while the counter refuses the operator of many-to-one: not the terminal's doing.

    Without CTP's number in `code`, because a program would take 3 for its investor's wrong password.
    """
    passes = verdict_of(refusal.code) in {LoginVerdict.RETRY, LoginVerdict.PASSING}
    number = f" [{refusal.code}]" if refusal.code else ""
    message = f"中继操作员未能登录柜台 / the counter refuses the relay's operator{number}: {refusal.message}"
    return Refusal(Source.RELAY, "operator_refused", message, _WAIT if passes else _ALARM, retry_after_seconds=60)


def advice_for(error_id: int) -> str:
    """What to do about an ErrorID; empty where there is nothing to add to the counter's text."""
    known = _KNOWN.get(error_id)
    return known.advice if known else ""


def query_advice(*, lost: bool) -> str:
    """What to do where not all that happened today is in the events to come."""
    if not lost:
        return ""
    return "当日回报不完整, 请查询报单、成交和持仓 / the day's notices are not all here: query orders, trades and positions"


def password_due_advice(error_id: int) -> str:
    """What to do after a login that 131, 140 or 141 answered; empty after any other."""
    return advice_for(error_id) if verdict_of(error_id) is LoginVerdict.PASSWORD_DUE else ""


def settlement_advice(error_id: int) -> str:
    """What to do after a settlement confirmation that the counter refused with this ErrorID, or did not answer (0)."""
    why = f" [{error_id}]" if error_id else ""
    return (
        f"结算单未确认{why}, 请在首笔报单前自行查询并确认 / the settlement statement is not confirmed{why}:"
        " read and confirm it before the first order"
    )
