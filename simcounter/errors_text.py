"""CTP's ErrorIDs and what the counter says with each; the numbers are CTP's (error.xml), the sentences are ours."""

from __future__ import annotations

from enum import IntEnum


class ErrorId(IntEnum):
    """The ErrorIDs the simulated counter produces by itself; a scenario may send any number."""

    NONE = 0
    INVALID_LOGIN = 3
    USER_NOT_ACTIVE = 4
    NOT_LOGIN_YET = 6
    NOT_INITED = 7
    FRONT_NOT_ACTIVE = 8
    NO_PRIVILEGE = 9
    CHANGE_OTHER_PASSWORD = 10
    USER_NOT_FOUND = 11
    BROKER_NOT_FOUND = 12
    INVESTOR_NOT_FOUND = 13
    OLD_PASSWORD_MISMATCH = 14
    BAD_FIELD = 15
    INSTRUMENT_NOT_FOUND = 16
    NOT_TRADING = 17
    DUPLICATE_ORDER_REF = 22
    BAD_ORDER_ACTION_FIELD = 23
    DUPLICATE_ORDER_ACTION_REF = 24
    ORDER_NOT_FOUND = 25
    UNSUITABLE_ORDER_STATUS = 26
    NO_TRADING_RIGHT = 28
    OVER_CLOSE_POSITION = 30
    INSUFFICIENT_MONEY = 31
    SETTLEMENT_INFO_NOT_CONFIRMED = 42
    OVER_CLOSE_TODAY_POSITION = 50
    OVER_CLOSE_YESTERDAY_POSITION = 51
    SESSION_EXCEED_LIMIT = 60
    AUTH_FAILED = 63
    NOT_AUTHENT = 64
    LOGIN_FORBIDDEN = 75
    NO_FOUND_FUNCTION = 77
    PRICE_TYPE_NOT_SUPPORTED = 80
    NEED_RETRY = 90
    UNSUPPORTED_BATCH_ACTION = 103
    ORDER_FREQ_LIMIT = 116
    WEAK_PASSWORD = 131
    FIRST_LOGIN = 140
    PASSWORD_OUT_OF_DATE = 141
    PASSWORD_MUST_DIFFER = 142
    ILLEGAL_TRANSFER_BANK = 1002
    BANK_OVERTIME = 1006
    BANK_LATE_RESPONSE = 1011
    BANK_SERVER_ERROR = 1023
    FUND_PASSWORD_MISMATCH = 2001
    TRANSFER_AMOUNT_WRONG = 2014
    AUTH_IP_CHECK = 4042
    AUTH_USER_CHECK = 4043


_TEXTS = {
    0: "CTP:正确",
    3: "CTP:不合法的登录",
    4: "CTP:用户不活跃",
    5: "CTP:重复的登录",
    6: "CTP:还没有登录",
    7: "CTP:还没有初始化",
    8: "CTP:前置不活跃",
    9: "CTP:无此权限",
    10: "CTP:不能修改别人的口令",
    11: "CTP:找不到该用户",
    12: "CTP:找不到该经纪公司",
    13: "CTP:找不到该投资者",
    14: "CTP:原口令不匹配",
    15: "CTP:报单字段有误",
    16: "CTP:找不到合约",
    17: "CTP:该合约现在不能交易",
    22: "CTP:报单引用重复或没有递增",
    23: "CTP:撤单字段有误",
    24: "CTP:撤单引用重复",
    25: "CTP:要撤的报单找不到",
    26: "CTP:报单已全成交或已撤销,不能再撤",
    28: "CTP:没有该合约的交易权限",
    30: "CTP:平仓量超过持仓量",
    31: "CTP:资金不足",
    42: "CTP:结算结果没有确认",
    49: "CTP:该地址不允许登录",
    50: "CTP:平今仓位不足",
    51: "CTP:平昨仓位不足",
    60: "CTP:该用户的会话数超过上限",
    63: "CTP:客户端认证失败",
    64: "CTP:客户端没有认证",
    75: "CTP:连续登录失败次数超限,登录被禁止",
    77: "CTP:无此功能",
    80: "CTP:交易所不接受这种价格类型",
    90: "CTP:查询未就绪,请稍后重试",
    103: "CTP:不支持的批量撤单",
    116: "CTP:报撤单频率超过限制",
    131: "CTP:口令过于简单,必须修改口令后登录",
    140: "CTP:首次登录必须修改口令,请修改口令后重新登录",
    141: "CTP:口令已过期,请修改口令后重新登录",
    142: "CTP:新口令不能与原口令相同",
    143: "CTP:该地址登录失败次数过多,已被禁止",
    144: "CTP:该地址在黑名单中",
    145: "CTP:本数据中心没有认证权限",
    154: "CTP:查询核心忙",
    157: "CTP:状态未知的报单不能撤销",
    1002: "CTP:银期转账:不能与该银行转账",
    1006: "CTP:银期转账:交易超时",
    1011: "CTP:银期转账:应答迟到",
    1023: "银行主机错",
    2001: "CTP:资金密码错误",
    2014: "CTP:转账金额错误",
    4040: "CTP:API与前置握手出错",
    4041: "CTP:重复提交",
    4042: "CTP:该地址没有使用此App的权限",
    4043: "CTP:该用户没有使用此App的权限",
    4060: "CTP:认证失败次数过多,该地址被禁止认证",
    5002: "CTP:交易核心忙",
}


def text_of(error_id: int) -> str:
    """The sentence of `error_id`; for a number the table does not know, the number itself."""
    return _TEXTS.get(error_id, f"CTP:错误代码{error_id}")
