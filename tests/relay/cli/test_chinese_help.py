"""`ctp-relay`'s help in Chinese: whole, and shown where the locale is Chinese."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from relay.cli.app import RelayCommands, app
from tests.ctpabi.chinese_help import english_epilogs, idle_help, lost_flags, missing_help

COMMAND = Path(sys.executable).with_name("ctp-relay")


def shown(*words: str, language: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [COMMAND, *words],
        env={**environment, "LANG": language, "COLUMNS": "80", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout


def test_every_command_and_option_has_a_chinese_text() -> None:
    """What is missing is named as relay/cli/help.zh.toml wants it."""
    assert missing_help(app, RelayCommands) == []


def test_no_chinese_text_is_for_nothing() -> None:
    """A text of a command or option that went goes too."""
    assert idle_help(app, RelayCommands) == []


def test_chinese_and_english_name_the_same_options() -> None:
    """An option that the English text speaks of is in the Chinese one."""
    assert lost_flags(app, RelayCommands) == []
    assert english_epilogs(app, RelayCommands) == []


@pytest.mark.parametrize("words", [(), ("status",)])
def test_the_line_of_usage_is_chinese_too(words: tuple[str, ...]) -> None:
    """For the program and for a command."""
    usage = next(line for line in shown(*words, "--help", language="zh_CN.UTF-8").splitlines() if line.strip())

    assert usage.strip().startswith(" ".join(("用法：ctp-relay", *words, "[选项]")))


@pytest.mark.parametrize(
    ("language", "wanted", "unwanted"), [("zh_CN.UTF-8", "登记一个终端", "Register"), ("C.UTF-8", "Register", "登记")]
)
def test_the_locale_chooses_the_language(language: str, wanted: str, unwanted: str) -> None:
    """Whether or not the machine has that locale."""
    help_text = shown("terminal", "add", "--help", language=language)

    assert wanted in help_text
    assert unwanted not in help_text


def test_long_chinese_texts_are_wrapped_and_never_cut() -> None:
    """A sentence has no blanks to end a line at; still all of it is there, and no line is wider than the screen."""
    lines = shown("ledger", "verify", "--help", language="zh_CN.UTF-8").splitlines()

    assert max(map(cell_len, lines)) <= 80
    text = "".join(line.strip("│ ") for line in lines)
    assert "每个必须从前一个结束处开始。" in text
    assert not any(line.strip("│ ").startswith(tuple("，。；：）")) for line in lines)
