"""What settings mean, in the reader's language: English stands beside each setting in the source, Chinese in a file here.

The file is TOML: a table for each section, in it `section` for the section itself and one text for each setting. A test holds both together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("meanings.zh.toml")
_ITSELF = "section"


@dataclass(frozen=True, slots=True)
class SettingsWording:
    """The texts of one language; what has none here stays as the source has it."""

    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """path of a section -> `section` or a setting's name -> text"""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """English words around a meaning -> this language's"""

    def of_section(self, path: str, english: str) -> str:
        return self.meanings.get(path, {}).get(_ITSELF, english)

    def of_setting(self, key: str, english: str) -> str:
        """`key` is "listen.address"."""
        path, _, name = key.rpartition(".")
        return self.meanings.get(path, {}).get(name, english)

    def of_fixed(self, english: str, *values: object) -> str:
        """A word or sentence that stands around meanings; `{}` is replaced by each value."""
        return self.fixed.get(english, english).format(*values)


@cache
def settings_wording(*, chinese: bool) -> SettingsWording:
    """Chinese, or as it stands in the source."""
    if not chinese:
        return SettingsWording()
    return SettingsWording(chinese_meanings(), _FIXED)


def chinese_meanings() -> dict[str, Any]:
    """Path of a section -> `section` or a setting's name -> its Chinese text."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


_FIXED = {
    "text": "文本",
    "whole number": "整数",
    "number": "数",
    "true or false": "true 或 false",
    "path": "路径",
    "list of texts": "文本列表",
    "list of whole numbers": "整数列表",
    "at least {}": "至少 {}",
    "greater than {}": "大于 {}",
    "at most {}": "最多 {}",
    "at most {} characters": "最多 {} 个字符",
    "not empty": "不能为空",
    ", ": "，",
    " or ": " 或 ",
    " ({})": "（{}）",
    "**required**": "**必填**",
    "Settings": "设置",
    "| key | allowed | default | meaning |": "| 设置 | 允许的值 | 默认值 | 含义 |",
    "# Settings of the CTP relay. Lines that are commented out show the default.": "# CTP 中继的设置。加 # 的行显示默认值。",
    "# Every setting may also be given as an environment variable {}SECTION__KEY.": "# 每项设置也可以用环境变量 {}SECTION__KEY 给出。",
    "# Relative paths are taken from this file's directory.": "# 相对路径从本文件所在的目录算起。",
    "The relay reads one TOML file (`ctp-relay serve -c relay.toml`). Every key can be overridden by an environment\n"
    "variable, `{}SECTION__KEY`; lists are written with commas there. Unknown keys are refused.\n"
    "Secrets stand in files only their owner can read, or in the environment.": (
        "中继读一个 TOML 文件（`ctp-relay serve -c relay.toml`）。每项都可以用环境变量 `{}SECTION__KEY` 覆盖，其中列表用逗号分开。"
        "\n文件中有不认识的项，中继不启动。秘密放在只有所有者可读的文件里，或环境变量里。"
    ),
}
