"""What a terminal is looked at for, what was seen of it, and what its maker can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

MOST_DETAILS = 5
"""of one rule: a terminal that does one thing wrong a thousand times does one thing wrong"""
LONGEST_DETAIL = 300
"""characters: some of it is what the terminal sent"""


class Verdict(StrEnum):
    """What was seen of one rule."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SEEN = "not_seen"
    LEFT_OUT = "left_out"


VERDICT_WORDS = {
    Verdict.RIGHT: "正确 right",
    Verdict.WRONG: "错误 wrong",
    Verdict.NOT_SEEN: "未出现 not seen",
    Verdict.LEFT_OUT: "未要求 not asked for",
}


@dataclass(frozen=True, slots=True)
class TerminalRule:
    """One rule of the conversation, and what to do where it does not hold; each in Chinese and English."""

    chinese: str
    english: str
    advice_chinese: str
    advice_english: str


RULES: dict[str, TerminalRule] = {
    "hello": TerminalRule(
        "问候：协议 1，给定的 AppID",
        "hello: protocol 1, the given app id",
        "每个流的第一条消息是 Hello，收到随机数后发 Login 或 Resume",
        "start each stream with Hello, and answer the challenge with Login or Resume",
    ),
    "proof": TerminalRule(
        "证明：授权码加密的随机数",
        "proof: the challenge encrypted under the auth code",
        "AES-128-CBC，密钥为授权码的 16 个字符，IV 为零，无填充",
        "AES-128-CBC, the 16 characters of the auth code as the key, zero IV, no padding",
    ),
    "identity": TerminalRule(
        "登录：给定的 BrokerID、投资者、密码",
        "login: the given BrokerID, investor and password",
        "原样发送用户输入的内容",
        "send what the user typed, unchanged",
    ),
    "system_info": TerminalRule(
        "采集信息：264 到 273 字节，没有截断",
        "system info: 264 to 273 bytes, not cut",
        "按采集函数给出的长度取字节，不要当作字符串，不要编码",
        "take as many bytes as the collector says; it is no string, and is not encoded",
    ),
    "system_info_length": TerminalRule(
        "采集信息：长度与字节数一致",
        "system info: the length is that of the bytes",
        "system_info_length 填采集函数写入的字节数",
        "set system_info_length to what the collector wrote",
    ),
    "system_info_fresh": TerminalRule(
        "采集信息：每次登录重新采集",
        "system info: collected anew for every login",
        "每次登录之前调用采集函数，不要保存结果",
        "call the collector before every login, and keep nothing of it",
    ),
    "collector": TerminalRule(
        "采集库的版本",
        "the collector's version",
        "在 collector_version 中填采集库的版本",
        "put the collector library's version into collector_version",
    ),
    "retry_after": TerminalRule(
        "登录被拒绝后，等到可以重试时",
        "after a refused login: waits as long as it was asked to",
        "retry_after_seconds 秒之后再登录",
        "log in again after retry_after_seconds",
    ),
    "patience": TerminalRule(
        "登录应答慢时，继续等待",
        "a slow answer to the login: waits",
        "等待登录应答至少 60 秒，不要另开连接",
        "wait 60 seconds for the answer, and open no other connection",
    ),
    "request_id": TerminalRule(
        "请求编号大于 0，未答复前不重复",
        "request ids: above 0, none used again while unanswered",
        "一个会话里编号一直加一",
        "count up through the session",
    ),
    "request": TerminalRule(
        "请求：有内容",
        "requests: each has a body",
        "检查生成的消息与 oneof 的赋值",
        "look at the generated messages and at the oneof that is set",
    ),
    "request_identity": TerminalRule(
        "请求：不写别的 BrokerID 和投资者",
        "requests: no other BrokerID or investor",
        "BrokerID、InvestorID 留空，由中继填写",
        "leave BrokerID and InvestorID empty; the relay writes them",
    ),
    "order_price": TerminalRule(
        "限价单有价格",
        "a limit order has a price",
        "下一笔限价单，填写 limit_price；不填按 0 报出",
        "place a limit order and set limit_price; absent, it goes out as 0",
    ),
    "order_flags": TerminalRule(
        "组合开平、投机套保标志：每腿一个字符",
        "combined offset and hedge flags: one character a leg",
        "comb_offset_flag、comb_hedge_flag 填字符串，例如 0 和 1",
        "set comb_offset_flag and comb_hedge_flag to strings such as 0 and 1",
    ),
    "resume": TerminalRule(
        "断线后恢复会话，而不是重新登录",
        "after a break: resumes instead of logging in",
        "断线后在新的流上发 Resume",
        "after a break send Resume on a new stream",
    ),
    "resume_token": TerminalRule(
        "恢复：用最新的令牌",
        "resume: the newest token",
        "每次收到 LoggedIn 都记住新的 resume_token",
        "keep the new resume_token of every LoggedIn",
    ),
    "resume_sequence": TerminalRule(
        "恢复：最后收到的序号",
        "resume: the last sequence that came",
        "记住最后一个不为 0 的 sequence，恢复时放在 after_sequence",
        "keep the last sequence that is not 0, and resume with it as after_sequence",
    ),
    "order_repeated": TerminalRule(
        "断线后不重复报单",
        "after a break: no order is sent again",
        "先看回报或查询；要重发就用同一个 client_order_key",
        "look at notices or query; send again under the same client_order_key only",
    ),
    "keepalive": TerminalRule(
        "发现没有声音的连接已断",
        "keepalive: notices a connection that is dead without a word",
        "打开 keepalive，例如每 20 秒一次；用 --silence 90 检查",
        "switch keepalive on, every 20 seconds say; look at it with --silence 90",
    ),
    "relay_stopping": TerminalRule(
        "中继停止后重新登录",
        "after the relay stopped: logs in again",
        "收到 KIND_RELAY_STOPPING 后重新采集并登录，不要恢复",
        "after KIND_RELAY_STOPPING collect and log in again, and do not resume",
    ),
    "logged_out": TerminalRule(
        "登出后不再连接",
        "after the logout: stays away",
        "最后由用户登出：发 Logout，收到 KIND_LOGGED_OUT 后停止重连",
        "log out in the end: send Logout, and after KIND_LOGGED_OUT connect no more",
    ),
}


@dataclass
class TerminalFindings:
    """What was seen so far; what was wrong once stays wrong."""

    left_out: frozenset[str] = frozenset()
    """rules that this run does not ask for"""
    connections: int = 0
    streams: int = 0
    client_version: str = ""
    """what the terminal last said that it is"""
    details: dict[str, list[str]] = field(default_factory=dict)
    right: set[str] = field(default_factory=set)

    def see(self, rule: str, wrong: str = "") -> None:
        """The rule was kept, or `wrong` says how it was not, in Chinese and English."""
        if rule not in RULES:
            raise KeyError(rule)
        if not wrong:
            self.right.add(rule)
            return
        details, wrong = self.details.setdefault(rule, []), wrong[:LONGEST_DETAIL]
        if wrong not in details and len(details) < MOST_DETAILS:
            details.append(wrong)

    def verdict(self, rule: str) -> Verdict:
        if rule in self.details:
            return Verdict.WRONG
        if rule in self.right:
            return Verdict.RIGHT
        return Verdict.LEFT_OUT if rule in self.left_out else Verdict.NOT_SEEN

    @property
    def wrong(self) -> list[str]:
        return [rule for rule in RULES if rule in self.details]

    @property
    def not_seen(self) -> list[str]:
        return [rule for rule in RULES if self.verdict(rule) is Verdict.NOT_SEEN]

    @property
    def holds(self) -> bool:
        """Whether every rule that this run asks for was seen and kept."""
        return not self.wrong and not self.not_seen

    def rows(self) -> Iterator[tuple[str, TerminalRule, Verdict, list[str]]]:
        """Every rule, in order, with how it was broken."""
        for name, rule in RULES.items():
            yield name, rule, self.verdict(name), self.details.get(name, [])
