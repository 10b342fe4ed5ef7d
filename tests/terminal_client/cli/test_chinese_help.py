"""`ctp-terminal`'s help in Chinese: whole."""

from __future__ import annotations

from terminal_client.cli.app import TerminalCommands, app
from tests.ctpabi.chinese_help import english_epilogs, idle_help, missing_help


def test_every_command_and_option_has_a_chinese_text() -> None:
    """What is missing is named as terminal_client/cli/help.zh.toml wants it."""
    assert missing_help(app, TerminalCommands) == []
    assert english_epilogs(app, TerminalCommands) == []


def test_no_chinese_text_is_for_nothing() -> None:
    """A text of a command or option that went goes too."""
    assert idle_help(app, TerminalCommands) == []
