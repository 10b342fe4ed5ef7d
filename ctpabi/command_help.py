"""Command help in the language of who types: English stands in the source, Chinese in a file beside it.

The file is TOML: a table for each command, by its full name (`"ctp-relay terminal add"`), in it `text` for what the command
does and one text for each option (`"--kind"`) and argument (`"app_id"`). `[everywhere]` has the options that mean the same in
every command, and `[epilogs]` what stands below the help, by its English beginning. A test holds file and commands together.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer._click.formatting import HelpFormatter
from typer.core import TyperGroup

from ctpabi.later_commands import Announced, Later
from ctpabi.locale import reads_chinese

_FIXED = {
    "ARGUMENTS_PANEL_TITLE": "参数",
    "OPTIONS_PANEL_TITLE": "选项",
    "COMMANDS_PANEL_TITLE": "命令",
    "ERRORS_PANEL_TITLE": "错误",
    "DEFAULT_STRING": "[默认：{}]",
    "ENVVAR_STRING": "[环境变量：{}]",
    "REQUIRED_LONG_STRING": "[必填]",
    "ABORTED_TEXT": "已中止。",
    "RICH_HELP": "说明：[blue]{command_path} {help_option}[/]",
}
"""what typer writes itself"""


_OPENING, _CLOSING = "（《“‘", "，。；：、！？）》”’…"
_WORD = re.compile(
    rf"\s*[{_OPENING}]*(?:[\u2e80-\u9fff]|[^\s\u2e80-\u9fff{_OPENING}{_CLOSING}]+)[{_CLOSING}]*\s*|\s*\S\s*"
)
"""what stands together on a line: one Chinese character or one word, with the punctuation that belongs to it"""


def words_and_characters(text: str) -> Iterator[tuple[int, int, str]]:
    """Where a line may end. rich knows only blanks, and cuts a Chinese sentence that is longer than its column."""
    for found in _WORD.finditer(text):
        yield found.start(), found.end(), found.group()


@dataclass(frozen=True, slots=True)
class HelpTexts:
    commands: Mapping[str, Mapping[str, str]]
    """full name of a command -> "text", option or argument -> text"""
    everywhere: Mapping[str, str]
    epilogs: Mapping[str, str]

    def text_of(self, command: str, name: str) -> str | None:
        """The Chinese text of an option or argument, or of the command itself as "text"."""
        own = self.commands.get(command, {}).get(name)
        return own if own is not None or name == "text" else self.everywhere.get(name)

    def epilog(self, english: str) -> str:
        """What stands below the help, with the English beginnings replaced."""
        for beginning, chinese in self.epilogs.items():
            english = english.replace(beginning, chinese)
        return english


def read_help_texts(path: Path) -> HelpTexts:
    """The texts of one program."""
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    everywhere, epilogs = read.pop("everywhere", {}), read.pop("epilogs", {})
    return HelpTexts(read, everywhere, epilogs)


def commands_below(root: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command of a program with its full name, the program itself first; imports those that are only announced."""
    if isinstance(root, Announced):
        root = root.real()
    yield name, root
    for part, command in getattr(root, "commands", {}).items():
        yield from commands_below(command, f"{name} {part}")


def name_of(parameter: Any) -> str:
    """How the file calls an option or argument."""
    long = (option for option in parameter.opts if option.startswith("--"))
    return str(next(long, parameter.name))


def speak_chinese(root: Any, program: str, texts: HelpTexts) -> None:
    """Replace the English help of a program and of its commands by the Chinese one, where there is one.

    A command that is only announced has its line in the list replaced, and the rest when it is imported.
    """
    from rich import _wrap as rich_wrap  # noqa: PLC0415 - only help needs it, and no other command should load it
    from typer import rich_utils  # noqa: PLC0415 - as above

    translate(root, program, texts)
    setattr(rich_wrap, "words", words_and_characters)  # noqa: B010 - it is rich's own function that is exchanged
    write_usage = HelpFormatter.write_usage
    setattr(HelpFormatter, "write_usage", partialmethod(_write_usage, write_usage))  # noqa: B010 - as above
    for fixed, chinese in _FIXED.items():
        setattr(rich_utils, fixed, chinese)


def translate(command: Any, name: str, texts: HelpTexts) -> None:
    """Put the Chinese texts into a command and those below it; imports none."""
    command.help = texts.text_of(name, "text") or command.help
    command.options_metavar = "[选项]"
    if hasattr(command, "subcommand_metavar"):
        command.subcommand_metavar = "命令 [参数]..."
    command.epilog = texts.epilog(command.epilog) if command.epilog else None
    context = typer.Context(command, help_option_names=["-h", "--help"])
    for parameter in (*command.params, command.get_help_option(context)):
        if chinese := texts.text_of(name, name_of(parameter)):
            parameter.help = chinese
    for part, below in getattr(command, "commands", {}).items():
        translate(below, f"{name} {part}", texts)


def _write_usage(formatter: HelpFormatter, write: Callable[..., None], prog: str, args: str = "") -> None:
    write(formatter, prog, args, "用法：")


class TwoLanguages(TyperGroup):
    """A program whose help is Chinese where the user's locale is, and whose commands are imported when they are run."""

    program: ClassVar[str]
    chinese: ClassVar[Path]
    later: ClassVar[Mapping[str, Later]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._texts: HelpTexts | None = None
        for name, later in self.later.items():
            self.add_command(Announced(name, later))

    def main(self, *args: Any, **more: Any) -> Any:
        """Run what was typed."""
        if reads_chinese(os.environ):
            self._texts = read_help_texts(self.chinese)
            speak_chinese(self, self.program, self._texts)
        return super().main(*args, **more)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is run, imported by now."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, Announced):
            command = command.real()
            self.add_command(command)
            if self._texts is not None:
                translate(command, f"{self.program} {name}", self._texts)
        return name, command, rest
