"""CTP's ErrorIDs, one row each: what a login does about it, whom it concerns, its words, and what to do.

The numbers are the vendor's (error.xml); the words are ours. A row's verdict counts where the number answers an
authentication or a login. Most numbers answer orders, cancels and transfers instead; if one of those came at a login,
it would be tried again like a number that is in no list.

The rows of STOP_RELAY alone open the breaker, which is a fault of the relay in both modes. CTP fact 79 says where the numbers are from, CTP fact 25 what a password that is due allows, CTP fact 80 what 64 is,
CTP fact 26 when 60 passes, and CTP fact 78 which numbers leave a transfer open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ctpabi.facts.words import ASK_FIRM, CORRECT_REQUEST, NOTHING, TRY_LATER, Concern, Words


class LoginVerdict(Enum):
    """What a session does when this number answers its authentication or login."""

    RETRY = auto()
    """the counter is not ready; the same login may succeed later"""
    PASSING = auto()
    """an old session still counts, or a step was taken out of order; ids that are in no list belong here too"""
    PASSWORD_DUE = auto()
    """the password must be changed in this very session"""
    WRONG_PASSWORD = auto()
    """user or password is wrong; a few of these in a row lock the user at the counter"""
    STOP_INVESTOR = auto()
    """only a person can change it for this user: locked, unknown, not allowed here"""
    STOP_RELAY = auto()
    """repeating it harms everybody behind this relay: the address or the relay's app id is refused"""


@dataclass(frozen=True, slots=True)
class CtpError:
    """What is known about one ErrorID."""

    number: int
    reason: str
    """stable word for programs"""
    words: Words
    """what happened; both empty for a number that is in no list"""
    advice: Words
    """what the terminal or its user can do; both empty where there is nothing to add. Of a number that concerns the
    relay it holds for the relay's login alone"""
    verdict: LoginVerdict
    concern: Concern


SETUP_FAULT = Words(
    "中继侧配置或地址问题，请勿重试，请通知期货公司",
    "a fault of the relay's setup; do not retry, tell your futures firm",
)
_CHECK_LOGIN = Words(
    "请核对代码与密码，不要反复重试", "check id and password; do not repeat, failures lock the account"
)
_CHANGE_PASSWORD = Words("请在本会话内修改密码", "change the password in this session")
_STRONGER_PASSWORD = Words("请在本会话内改用更复杂的密码", "change the password in this session, to a stronger one")
_NEW_ONE_TIME_PASSWORD = Words("请使用新的动态口令登录", "log in with a new one-time password")
_NO_TEXT_MESSAGES = Words(
    "本中继不支持短信验证码登录，请联系期货公司", "this relay cannot log in with a text message's code; ask your firm"
)
_LOG_OUT_ELSEWHERE = Words("请先退出其他终端", "log out elsewhere")
_RETRY_OR_ASK = Words("请重试；持续出现请联系期货公司", "try again; if it stays, ask your futures firm")
_ASK_THE_BANK = Words("请先查询，不要重复转账", "query what became of it; do not repeat the transfer")
_CONFIRM = Words("请查询并确认结算单", "read and confirm the settlement statement")

_Row = tuple[int, str, str, str, Words]
_REFUSED = "counter_refused"
"""the reason where programs need no more than the number"""

# fmt: off
_LOGINS: dict[tuple[LoginVerdict, Concern], tuple[_Row, ...]] = {
    (LoginVerdict.RETRY, Concern.COUNTER): (
        (7, "counter_not_ready", "还没有初始化", "the counter is not open yet", TRY_LATER),
        (8, "front_not_active", "前置不活跃", "the front is not active", TRY_LATER),
        (90, "need_retry", "查询未就绪，请稍后重试", "not ready or too many queries", TRY_LATER),
        (154, "counter_busy", "柜台忙", "the counter's query core is busy", TRY_LATER),
        (5002, "counter_busy", "柜台忙", "the counter's trading core is busy", TRY_LATER),
    ),
    (LoginVerdict.PASSING, Concern.RELAY): (
        (5, "duplicate_login", "重复的登录", "a login is under way already", TRY_LATER),
        (6, "counter_not_logged_in", "还没有登录", "the counter has no login for this session", TRY_LATER),
        (64, "relay_not_authenticated", "未经认证", "the counter has no authentication for this session", _RETRY_OR_ASK),
        (4041, "duplicate_submit", "重复上报", "the report came before", NOTHING),
    ),
    (LoginVerdict.PASSING, Concern.USER): (
        (60, "counter_sessions_exceeded", "用户在线会话超出上限", "too many sessions of this user", _LOG_OUT_ELSEWHERE),
    ),
    (LoginVerdict.PASSWORD_DUE, Concern.USER): (
        (131, "weak_password", "弱密码", "the password is too weak", _STRONGER_PASSWORD),
        (132, "simple_password", "密码过于简单", "the password is too simple", _STRONGER_PASSWORD),
        (140, "first_login", "首次登录必须修改密码", "the first login must change the password", _CHANGE_PASSWORD),
        (141, "password_expired", "密码已过期", "the password has expired", _CHANGE_PASSWORD),
    ),
    (LoginVerdict.WRONG_PASSWORD, Concern.USER): (
        (3, "wrong_password", "不合法的登录", "wrong user or password", _CHECK_LOGIN),
        (48, "wrong_password", "投资者代码或密码错误", "wrong investor or password", _CHECK_LOGIN),
    ),
    (LoginVerdict.STOP_INVESTOR, Concern.USER): (
        (4, "user_not_active", "用户不活跃", "the account is not active", ASK_FIRM),
        (10, "password_of_another", "修改别人的口令", "that is another user's password", CORRECT_REQUEST),
        (11, "user_not_found", "找不到该用户", "no such user", ASK_FIRM),
        (12, "broker_not_found", "找不到该经纪公司", "no such broker", ASK_FIRM),
        (14, "old_password_mismatch", "原口令不匹配", "the old password does not match", _CHECK_LOGIN),
        (49, "ip_not_allowed", "登录 IP 不合法", "login is not allowed from the relay's address", ASK_FIRM),
        (56, _REFUSED, "动态令牌同步失败", "the one-time password's token could not be synchronized", ASK_FIRM),
        (57, _REFUSED, "动态口令错误", "wrong one-time password", _NEW_ONE_TIME_PASSWORD),
        (58, _REFUSED, "未配置动态令牌", "no token for one-time passwords is registered", ASK_FIRM),
        (59, _REFUSED, "不支持该类动态令牌", "the counter does not support this kind of token", ASK_FIRM),
        (75, "login_forbidden", "连续登录失败次数超限，登录被禁止", "locked after repeated failures", ASK_FIRM),
        (4043, "app_id_not_for_user", "AppID 未授权给该用户", "the relay's app id is not granted to this user", ASK_FIRM),
        (4100, _REFUSED, "国密 SSL 连接错误", "certificate login: the SSL connection failed", ASK_FIRM),
        (4101, _REFUSED, "国密证书用户不符", "certificate login: wrong user id or name", ASK_FIRM),
        (4102, _REFUSED, "国密证书验证失败", "certificate login: the certificate was not verified", ASK_FIRM),
        (4103, _REFUSED, "国密处理超时", "certificate login: it took too long", ASK_FIRM),
        (4104, _REFUSED, "国密登录错误", "certificate login: it failed", ASK_FIRM),
        (4105, _REFUSED, "国密 SSL 连接超时", "certificate login: the SSL connection took too long", ASK_FIRM),
        (4106, _REFUSED, "国密证书连接错误", "certificate login: the connection failed", ASK_FIRM),
        (4107, _REFUSED, "国密证书不存在", "certificate login: there is no certificate", ASK_FIRM),
        (4108, _REFUSED, "国密证书已过期", "certificate login: the certificate has expired", ASK_FIRM),
        (4109, _REFUSED, "国密 PIN 错误", "certificate login: wrong PIN", ASK_FIRM),
        (4110, _REFUSED, "国密 PIN 已锁定", "certificate login: the PIN is locked", ASK_FIRM),
        (4111, _REFUSED, "国密模块加载失败", "certificate login: the module could not be loaded", ASK_FIRM),
        (6014, _REFUSED, "非预留手机号", "the phone number is not the registered one", _NO_TEXT_MESSAGES),
        (6015, _REFUSED, "未开通短信验证", "text message codes are not set up for this user", _NO_TEXT_MESSAGES),
        (6016, _REFUSED, "重复申请验证码", "a text message code was asked for already", _NO_TEXT_MESSAGES),
        (6017, _REFUSED, "短信验证码错误", "wrong text message code", _NO_TEXT_MESSAGES),
        (6018, _REFUSED, "短信验证码已使用", "this text message code was used before", _NO_TEXT_MESSAGES),
        (6019, _REFUSED, "短信验证码已过期", "the text message code has expired", _NO_TEXT_MESSAGES),
        (6020, "sms_code_needed", "需要短信验证码", "a code sent by text message is needed", _NO_TEXT_MESSAGES),
        (6021, _REFUSED, "该中心未配置短信验证", "this center has no text message codes", _NO_TEXT_MESSAGES),
        (6023, _REFUSED, "已登录，不可申请验证码", "logged in already: no text message code is given", _NO_TEXT_MESSAGES),
    ),
    (LoginVerdict.STOP_INVESTOR, Concern.INVESTOR): (
        (9, "no_privilege", "无此权限", "no privilege for this investor", ASK_FIRM),
        (13, "investor_not_found", "找不到投资者", "no such investor", ASK_FIRM),
    ),
    (LoginVerdict.STOP_RELAY, Concern.RELAY): (
        (63, "relay_not_authenticated", "中继认证失败", "the counter refused the relay's app id or auth code", SETUP_FAULT),
        (77, "no_such_function", "无此功能", "this front does not serve trading", SETUP_FAULT),
        (143, "relay_ip_forbidden", "中继 IP 因登录失败过多被禁止", "the relay's address is locked", SETUP_FAULT),
        (144, "relay_ip_blacklisted", "中继 IP 在黑名单中", "the relay's address is blacklisted", SETUP_FAULT),
        (145, "no_authentication_right", "无此中心的认证权限", "no right to authenticate at this center", SETUP_FAULT),
        (3039, "api_version", "API 版本不受支持", "the API version is not supported", SETUP_FAULT),
        (3040, "api_key", "API 密钥无效", "the API's key is invalid", SETUP_FAULT),
        (4040, "api_handshake", "API 与前置握手失败", "API and front do not match", SETUP_FAULT),
        (4042, "relay_ip_not_authorized", "AppID 不允许从中继 IP 使用", "the relay's app id is not allowed from its address",
         SETUP_FAULT),
        (4060, "relay_authentication_forbidden", "中继 IP 认证失败次数过多", "too many failed authentications", SETUP_FAULT),
    ),
}
_REQUESTS: dict[Concern, tuple[_Row, ...]] = {
    Concern.TERMINAL: (
        (15, "bad_field", "报单字段有误", "a field of the order is wrong", CORRECT_REQUEST),
        (16, "instrument_not_found", "找不到合约", "no such instrument", CORRECT_REQUEST),
        (17, "instrument_not_trading", "合约不能交易", "the instrument is not trading", CORRECT_REQUEST),
        (22, "duplicate_order_ref", "重复的报单", "the order reference was used before", CORRECT_REQUEST),
        (23, "bad_order_action_field", "撤单字段有误", "a field of the order action is wrong", CORRECT_REQUEST),
        (24, "duplicate_order_action", "重复的撤单", "the order action came before", NOTHING),
        (25, "order_not_found", "撤单找不到相应报单", "there is no such order", CORRECT_REQUEST),
        (26, "order_not_cancellable", "当前报单状态不允许撤单", "the order cannot be canceled any more", NOTHING),
        (80, "price_type", "交易所不支持该价格类型", "the exchange does not take this type of price", CORRECT_REQUEST),
        (103, "batch_action", "该交易所不支持批量撤单", "the exchange takes no batch action", CORRECT_REQUEST),
        (116, "order_rate", "报单频率超过限制", "the broker's order rate is exceeded", TRY_LATER),
        (142, "password_unchanged", "新旧密码不能相同", "the new password equals the old one", CORRECT_REQUEST),
        (146, "investor_id_missing", "缺少 InvestorID", "InvestorID is missing", CORRECT_REQUEST),
        (147, "exchange_id_missing", "缺少 ExchangeID", "ExchangeID is missing", CORRECT_REQUEST),
        (148, "exchange_id_invalid", "ExchangeID 无效", "ExchangeID is invalid", CORRECT_REQUEST),
        (149, "account_id_missing", "缺少 AccountID", "AccountID is missing", CORRECT_REQUEST),
        (150, "exchange_id_wrong", "交易所代码错误", "ExchangeID is wrong", CORRECT_REQUEST),
        (157, "unknown_order", "状态未知的报单不可撤", "an order of unknown status cannot be canceled there", TRY_LATER),
        (158, "information_limit", "超过信息量限制", "the exchange's limit of messages is exceeded", ASK_FIRM),
        (162, "not_trading_period", "当前阶段不可交易", "the product is not in a trading period", CORRECT_REQUEST),
        (163, "price_over_limit", "价格超出涨跌停板", "the price is beyond the day's limits", CORRECT_REQUEST),
        (164, "volume_invalid", "下单数量不合规", "the exchange does not take this volume", CORRECT_REQUEST),
        (165, "price_tick", "价格非最小变动价位整数倍", "the price is no multiple of the tick", CORRECT_REQUEST),
        (2001, "fund_password_mismatch", "资金密码错误", "wrong fund password", CORRECT_REQUEST),
        (2014, "transfer_amount", "转账金额错误", "the amount of the transfer is wrong", CORRECT_REQUEST),
    ),
    Concern.INVESTOR: (
        (28, "no_trading_right", "没有报单交易权限", "no trading right", ASK_FIRM),
        (29, "close_only", "只能平仓", "only closing is allowed", ASK_FIRM),
        (30, "position_insufficient", "平仓量超过持仓量", "the position is too small", CORRECT_REQUEST),
        (31, "funds_insufficient", "资金不足", "funds are insufficient", CORRECT_REQUEST),
        (42, "settlement_not_confirmed", "结算结果未确认", "the settlement statement is not confirmed", _CONFIRM),
        (50, "today_position_insufficient", "平今仓位不足", "today's position is too small", CORRECT_REQUEST),
        (51, "yesterday_position_insufficient", "平昨仓位不足", "yesterday's position is too small", CORRECT_REQUEST),
        (101, "no_trading_right_here", "在本系统没有报单权限", "no trading right at this center", ASK_FIRM),
        (1002, "transfer_bank", "不可与该银行转账", "no transfers with this bank", CORRECT_REQUEST),
    ),
    Concern.COUNTER: (
        (40, "exchange_busy", "交易所未处理请求超过许可数", "too many unanswered at the exchange", TRY_LATER),
        (41, "exchange_rate", "交易所每秒发送请求数超过许可数", "too many a second for the exchange", TRY_LATER),
        (1006, "bank_timeout", "银期转账超时", "the bank did not answer in time", _ASK_THE_BANK),
        (1011, "bank_late", "银期转账应答迟到", "the bank answered too late", _ASK_THE_BANK),
        (1023, "bank_error", "银行主机错误", "the bank's host failed", TRY_LATER),
        (2018, "bank_result_unknown", "银行内部错误，结果不明", "the bank failed; the result is not known", _ASK_THE_BANK),
        (2059, "bank_result_unknown", "交易结果不确定", "the result of the transfer is not known", _ASK_THE_BANK),
        (999_999, "bank_pending", "等待银期处理结果", "the transfer is still under way", _ASK_THE_BANK),
    ),
}
# fmt: on


def _rows() -> Iterator[CtpError]:
    for (verdict, concern), rows in _LOGINS.items():
        for number, reason, chinese, english, advice in rows:
            yield CtpError(number, reason, Words(chinese, english), advice, verdict, concern)
    for concern, rows in _REQUESTS.items():
        for number, reason, chinese, english, advice in rows:
            yield CtpError(number, reason, Words(chinese, english), advice, LoginVerdict.PASSING, concern)


ERRORS: dict[int, CtpError] = {row.number: row for row in sorted(_rows(), key=lambda row: row.number)}
"""Every ErrorID this project knows anything about, by its number."""

NEED_RETRY = 90
"""the query core is not ready, or QryFreq was exceeded: the same query may be sent again"""
WRONG_LOGINS = frozenset({3, 48, 75})
"""a password was wrong now or a few times before: each of these counts towards the counter's own lock"""
NEVER_ANSWERED = -1
"""none of CTP's, which are positive: the relay's own, in the answer it gives where the counter's will never come"""


def error_of(number: int) -> CtpError:
    """The row of `number`; for one that is in no list a row without words, whose verdict is PASSING."""
    unknown = CtpError(number, _REFUSED, NOTHING, ASK_FIRM, LoginVerdict.PASSING, Concern.COUNTER)
    return ERRORS.get(number, unknown)


def verdict_of(number: int) -> LoginVerdict:
    """What a session does about a refused authentication or login; an unknown number is tried again, not often."""
    return error_of(number).verdict
