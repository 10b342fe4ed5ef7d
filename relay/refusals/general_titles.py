"""What a reason is called where many refusals are spoken of together, in a list or a day's summary: without the app id, time or number
that one refusal has. A message without such places is its own title; the others have a row here. A test holds both together.
"""

from __future__ import annotations

from typing import Any

from relay.refusals.reason import Reason, Text

_TITLES: dict[str, Text] = {
    "too_many_instruments": ("订阅的合约已达终端的上限", "the terminal has as many instruments as it may"),
    "market_data_full": ("订阅的合约已达中继的上限", "the relay has as many instruments as it may"),
    "refused_by_market_data": ("柜台拒绝订阅", "the counter refused the subscription"),
    "unknown_terminal": ("终端 AppID 未登记", "the app id is not registered"),
    "wrong_proof": ("终端授权码不符", "the app id's auth code is wrong"),
    "terminal_disabled": ("终端 AppID 已停用", "the app id is disabled"),
    "mode_not_allowed": ("终端 AppID 不可用于此模式", "the app id is not admitted in this mode"),
    "report_kind_not_allowed": ("终端 AppID 无权上报此类信息", "the app id may not send reports of this kind"),
    "certificate_not_registered": ("终端 AppID 未登记证书", "no certificate is registered for the app id"),
    "certificate_missing": ("终端未出示证书", "the terminal showed no certificate"),
    "certificate_of_another": ("终端出示的证书不是登记的证书", "the certificate shown is not the app id's"),
    "investor_unknown": ("投资者未登记", "the investor is not registered"),
    "wrong_investor_password": ("投资者密码错误", "the investor's password is wrong"),
    "investor_disabled": ("投资者已停用", "the investor is disabled"),
    "wrong_broker": ("经纪公司代码不是本中继的", "the broker id is not this relay's"),
    "locked_out": ("登录失败次数过多，暂被锁定", "locked for a while after too many failed logins"),
    "too_many_sessions": ("该投资者的会话数已达上限", "the investor has as many sessions as allowed"),
    "system_info_length": ("采集信息长度错误", "the system info has a wrong length"),
    "value_not_offered_by_counter": ("柜台不支持该取值", "the counter has no word for this value"),
    "refused_by_counter": ("柜台拒绝登录", "the counter refuses the login"),
    "collected_info_missing": ("缺少采集信息", "collected info is missing"),
    "collected_info_not_wanted": ("柜台不需要该种采集信息", "the counter does not want this kind of collected info"),
    "collected_info_length": ("采集信息长度错误", "collected info has a wrong length"),
    "collected_info_not_text": ("采集信息含有不可打印字符", "collected info is not printable ASCII"),
    "collector_not_clean": ("采集器返回错误", "a collector returned an error"),
    "system_info_unlike_before": ("终端信息与以往登录不同", "the machine is unlike those of earlier logins"),
    "system_info_stale": (
        "采集信息已过期，或采集时间超前",
        "the system info is too old, or from a clock that is ahead",
    ),
    "protocol_unsupported": ("不支持终端的协议版本", "the terminal's protocol version is not supported"),
    "message_too_large": ("消息过大", "the message is too large"),
    "request_malformed": ("请求有误", "the request is malformed"),
    "unexpected_message": ("消息次序有误", "a message came out of order"),
    "resume_not_proved": ("恢复会话时终端未通过认证", "the app id was not proved when it resumed"),
    "unknown_method": ("中继未登记此请求", "the request is not in the relay's table"),
    "not_offered_by_counter": ("本柜台不支持此请求", "the counter does not offer the request"),
    "report_kind_not_offered_by_counter": ("本柜台不能上报此类信息", "the counter takes no reports of this kind"),
    "field_not_offered_by_counter": ("本柜台的接口没有此字段", "the counter's interface lacks the field"),
    "session_method": ("此请求由中继自行完成", "the request is done by the relay itself"),
    "password_is_with_the_relay": (
        "多对一模式下不能修改密码",
        "the password cannot be changed this way in many-to-one",
    ),
    "not_in_this_mode": ("多对一模式下不能使用此请求", "the request is closed in many-to-one"),
    "wrong_struct_size": ("请求结构长度不符", "the request's struct has a wrong length"),
    "number_not_finite": ("请求中有无效数值", "a number in the request is NaN or infinite"),
    "not_your_trading_code": ("请求中的编码不属于本投资者", "a code in the request is not this investor's"),
    "trading_codes_unknown": ("中继尚不知道本投资者的编码", "the relay does not know this investor's codes yet"),
    "reference_not_increasing": ("报单引用重复或未递增", "the order reference was used or does not increase"),
    "reference_malformed": ("报单引用不是十进制数字", "the order reference is not a decimal number"),
    "references_used_up": ("报单引用已用到上限", "no greater order reference is left this trading day"),
    "number_not_shown": ("本投资者今日没有此编号", "the investor was shown no such number today"),
    "order_key_reused": ("报单幂等键已用于另一笔报单", "the order key already names a different order"),
    "order_key_too_long": ("报单幂等键过长", "the order key is too long"),
    "order_key_in_doubt": (
        "报单幂等键由另一中继进程占用，是否已报出尚不确定",
        "another relay process took an order with this key and has not said whether it was sent",
    ),
    "day_limit_reached": ("本交易日报单数已达中继上限", "the relay's limit of orders a trading day is reached"),
    "investor_day_limit_reached": (
        "该投资者本交易日报单数已达中继上限",
        "the relay's limit of orders of one investor a trading day is reached",
    ),
    "queue_full": ("等待发送的请求过多", "too many requests are waiting already"),
    "query_not_answered": ("柜台上次未答复此查询", "the counter did not answer this query the last time"),
    "too_fast": ("请求过于频繁", "requests come too fast"),
    "request_id_in_use": ("请求编号仍在使用", "the request id is still in use"),
    "too_many_calls": ("未应答的请求过多", "too many calls are waiting for answers"),
    "counter_unavailable": ("柜台暂不可用", "the counter cannot be reached"),
    "relay_misconfigured": ("中继配置有误", "the relay is not set up for this"),
    "operator_refused": ("中继操作员未能登录柜台", "the counter refuses the relay's operator"),
    "relay_stuck": ("中继无响应", "the relay does not go on"),
    "logins_paused": ("期货公司已暂停新登录", "the futures firm has paused new logins"),
}
_ADVICE: dict[str, Text] = {"query_not_answered": ("稍后可再次查询", "it may be asked again a little later")}


def general_title(row: Reason[Any]) -> Text:
    """What happened, in general."""
    return _TITLES.get(row.reason, row.columns.message)


def general_advice(row: Reason[Any]) -> Text:
    """What to do, in general."""
    return _ADVICE.get(row.reason, row.columns.advice)


def titled() -> frozenset[str]:
    """The reasons that have a row here."""
    return frozenset(_TITLES)
