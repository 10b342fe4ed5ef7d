"""UFX's numbers and words beside CTP's: functions, markets, states of an entrust, kinds of a push.

Documented ones are Hundsun's interface book's of 2015. Where that book has nothing (the market numbers of INE and GFEX, price
types of futures, what a dead token is answered), this counter has a value of its own, and says so here.
"""

from __future__ import annotations

from enum import IntEnum


class UfxFunction(IntEnum):
    """What a client may call."""

    HEARTBEAT = 10000
    LOGIN = 10001
    LOGOUT = 10002
    ACCOUNTS = 30001
    PORTFOLIOS = 30003
    POSITIONS = 31003
    ORDERS = 32003
    TRADES = 33003
    MARGIN = 34003
    ORDER = 91004
    CANCEL = 91105


METHODS = {
    UfxFunction.LOGIN: "ReqUserLogin",
    UfxFunction.LOGOUT: "ReqUserLogout",
    UfxFunction.POSITIONS: "ReqQryInvestorPosition",
    UfxFunction.ORDERS: "ReqQryOrder",
    UfxFunction.TRADES: "ReqQryTrade",
    UfxFunction.MARGIN: "ReqQryTradingAccount",
    UfxFunction.ORDER: "ReqOrderInsert",
    UfxFunction.CANCEL: "ReqOrderAction",
}
"""the request of CTP that each is at the kernel: rules of the scenario about it hold here too"""

MARKETS = {"SHFE": "3", "CZCE": "4", "CFFEX": "7", "DCE": "9"}
"""ExchangeID -> market_no; the book has none for INE and GFEX, and this counter does not trade there"""
MARKETS_BACK = {code: name for name, code in MARKETS.items()}

BUY, SELL = "1", "2"
OPEN, CLOSE = "1", "2"
LIMIT_PRICE = "0"
"""price_type; this counter's own, and the only one it takes"""
LONG, SHORT = "1", "2"
"""position_flag"""
INVEST_TYPES = "a"
"""futu_invest_type of an account that may trade futures"""

PLACED, CONFIRMED, REJECTED, CANCEL_PLACED, CANCELLED, CANCEL_FAILED, TRADED = "abcdefg"
"""msgtype of a push"""

NOT_SENT, SENT, STATE_REJECTED, PART_TRADED, ALL_TRADED, PART_CANCELLED, STATE_CANCELLED = "1456789"
"""entrust_state"""

OK = 0
TOKEN_DEAD = 1901
NO_SUCH_FUNCTION = 1902
BAD_FIELD = 1903
NO_SUCH_ACCOUNT = 1904
BAD_ADDRESS = 1905
BAD_TERMINAL_ROWS = 1906
"""ErrorCodes of this counter's own, beside CTP's ErrorIDs for what its desk refuses"""

TEXTS = {
    TOKEN_DEAD: "用户令牌无效或已过期，请重新登录",
    NO_SUCH_FUNCTION: "无此功能号",
    BAD_FIELD: "字段有误",
    NO_SUCH_ACCOUNT: "账户不存在或无权限",
    BAD_ADDRESS: "ip_address 须为 IPv4 地址",
    BAD_TERMINAL_ROWS: "终端信息有误",
}
