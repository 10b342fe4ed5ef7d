"""In which language a command speaks: Chinese where the reader's locale is, as the help does; JSON stays as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ctpabi.locale import reads_chinese
from ctprelay.v1 import admin_pb2 as pb

HEADINGS: Final[Mapping[str, str]] = {
    "account ids": "资金账号",
    "accounts": "控制台账号",
    "address": "来源地址",
    "alarms": "告警",
    "app id": "终端 AppID",
    "before": "之前",
    "broker id": "经纪公司",
    "created at": "登记时间",
    "database": "数据库",
    "delivered": "已送达",
    "enabled": "启用",
    "investor": "投资者",
    "investor id": "投资者",
    "investors": "投资者",
    "key": "设置",
    "last signed in at": "最近登录",
    "lifted": "已解除",
    "locks": "锁定",
    "missing": "未采集",
    "name": "名称",
    "now": "现在",
    "orders": "今日报单",
    "password changed at": "密码更换时间",
    "report": "上报返回码",
    "role": "角色",
    "seconds left": "剩余秒数",
    "session": "会话",
    "sessions": "会话",
    "settings in force": "生效中的设置",
    "since": "登录时间",
    "state": "状态",
    "subject": "对象",
    "terminals": "终端",
    "value": "值",
    "waiting": "等待",
    "waits": "等待重启",
    "way": "途径",
    "what": "项目",
    "when changed": "改后",
    "why": "原因",
}
"""of tables, and their titles; one that is missing stays English"""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a table."""

    chinese: bool

    def __call__(self, chinese: str, english: str) -> str:
        return chinese if self.chinese else english

    def words(self, pair: pb.Words) -> str:
        return self(pair.zh, pair.en)

    def half(self, text: str) -> str:
        """The reader's half of a text in both languages, `中文 / English`; the whole where it is in one."""
        chinese, slash, english = text.partition(" / ")
        return self(chinese, english) if slash else text

    def heading(self, name: str) -> str:
        english = name.replace("_", " ")
        return self(HEADINGS.get(english, english), english)


def reader_here() -> Reader:
    """By the environment."""
    return Reader(reads_chinese(os.environ))


def spoken(chinese: str, english: str) -> str:
    """A sentence in the reader's language."""
    return reader_here()(chinese, english)
