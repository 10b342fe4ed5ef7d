"""docs/man: `ctp-relay(1)` and `ctp-terminal(1)` in English and Chinese, from the help that the commands themselves show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from codegen.pages import NOTE
from ctpabi.command_help import HelpTexts, TwoLanguages, commands_below, name_of, read_help_texts
from relay.cli.app import RelayCommands
from relay.cli.app import app as relay_app
from terminal_client.cli.app import TerminalCommands
from terminal_client.cli.app import app as terminal_app

_FILES = {
    "ctp-relay": (
        ("/etc/ctp-relay/relay.toml", "settings", "设置"),
        ("/var/lib/ctp-relay", "state: databases, seals, the control socket", "状态：数据库、封条、控制套接字"),
        ("/usr/share/doc/ctp-relay/manual", "the manual", "运维手册"),
    ),
    "ctp-terminal": (("~/.config/ctp-terminal.toml", "settings", "设置"),),
}
"""file, what is there, the same in Chinese"""

_BREAK = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])(?=[\u4e00-\u9fff])")
"""where a Chinese sentence, which has no blanks, may end a line"""

_GLYPHS = {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga"}
"""letters that roff would show as another one, which a shell does not understand"""


@dataclass(frozen=True, slots=True)
class PageWords:
    name: str
    synopsis: str
    usage: str
    commands: str
    files: str
    status: str


_ENGLISH = PageWords("NAME", "SYNOPSIS", "[OPTIONS] COMMAND [ARGS]...", "COMMANDS", "FILES", "EXIT STATUS")
_CHINESE = PageWords("名称", "概要", "[选项] 命令 [参数]...", "命令", "文件", "退出码")


def files() -> dict[Path, str]:
    """A page for each program and language, where `man` looks for it below one folder."""
    programs: tuple[tuple[typer.Typer, type[TwoLanguages]], ...] = (
        (relay_app, RelayCommands),
        (terminal_app, TerminalCommands),
    )
    return {
        Path("docs/man", folder, "man1", f"{program.program}.1"): page(app, program, texts)
        for app, program in programs
        for folder, texts in (("", None), ("zh_CN", read_help_texts(program.chinese)))
    }


def page(app: typer.Typer, program: type[TwoLanguages], texts: HelpTexts | None) -> str:
    """The whole page; in English where there are no texts."""
    words, name = (_CHINESE if texts else _ENGLISH), program.program
    root: Any = typer.main.get_command(app)
    brief = (_said(texts, name, "text") or root.help).split("\n")[0].rstrip("。.")
    lines = [
        f'.\\" {NOTE}',
        f'.TH {name} 1 "" "ctp-relay" ""',
        ".ad l",
        f".SH {words.name}",
        f"{_safe(name)} \\- {_safe(brief)}",
    ]
    lines += [f".SH {words.synopsis}", f".B {_safe(name)}", _safe(words.usage), f".SH {words.commands}"]
    for full_name, command in commands_below(root, name):
        lines += [f".SS {_safe(full_name)}", *_paragraphs(_said(texts, full_name, "text") or command.help or "")]
        lines += _parameters(command, full_name, texts)
    lines += [f".SH {words.files}"]
    for path, english, chinese in _FILES[name]:
        lines += [".TP", f".I {_safe(path)}", _safe(chinese if texts else english)]
    epilog = texts.epilog(root.epilog) if texts else root.epilog
    return "\n".join([*lines, f".SH {words.status}", *_paragraphs(epilog)]) + "\n"


def _parameters(command: Any, full_name: str, texts: HelpTexts | None) -> Iterator[str]:
    for parameter in command.params:
        said = _said(texts, full_name, name_of(parameter)) or getattr(parameter, "help", None) or ""
        flags = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
        yield from (".TP", f".B {_safe(', '.join(flags) or str(parameter.name).upper())}", *_lines(said or "\\&"))


def _said(texts: HelpTexts | None, command: str, name: str) -> str | None:
    return texts.text_of(command, name) if texts else None


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield from (".PP", *_lines(paragraph))


def _lines(text: str) -> list[str]:
    return [_BREAK.sub(r"\\:", _safe(line.strip())) for line in text.strip().split("\n") if line.strip()]


def _safe(text: str) -> str:
    """As roff shows it letter by letter; a line of its own never begins with a request."""
    if text == "\\&":
        return text
    plain = "".join(_GLYPHS.get(letter, letter) for letter in text)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
