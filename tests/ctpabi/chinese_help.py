"""What a program's Chinese help must hold: everything that the English one says, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from ctpabi.command_help import TwoLanguages, commands_below, name_of, read_help_texts

CHINESE = re.compile(r"[\u4e00-\u9fff]")
FLAG = re.compile(r"--[a-z][a-z-]+")


def missing_help(app: typer.Typer, program: type[TwoLanguages]) -> list[str]:
    """Commands, options and arguments without a Chinese text, as the file names them."""
    texts = read_help_texts(program.chinese)
    return [
        f'["{command}"] "{name}" = … # {english}'
        for command, name, english in _explained(app, program)
        if not CHINESE.search(texts.text_of(command, name) or "")
    ]


def idle_help(app: typer.Typer, program: type[TwoLanguages]) -> list[str]:
    """Texts of the file that no command has a place for, and those that say what stands in [everywhere] already."""
    texts = read_help_texts(program.chinese)
    places = {(command, name) for command, name, _ in _explained(app, program)}
    written = {(command, name) for command, own in texts.commands.items() for name in own}
    taken = {name for command, name in places - written}
    idle = [f'["{command}"] "{name}"' for command, name in sorted(written - places)]
    return idle + [f'[everywhere] "{name}"' for name in texts.everywhere if name not in taken | {"--help"}]


def lost_flags(app: typer.Typer, program: type[TwoLanguages]) -> list[str]:
    """Chinese texts that name other options than the English ones do."""
    texts = read_help_texts(program.chinese)
    return [
        f'["{command}"] "{name}"'
        for command, name, english in _explained(app, program)
        if set(FLAG.findall(english)) != set(FLAG.findall(texts.text_of(command, name) or ""))
    ]


def english_epilogs(app: typer.Typer, program: type[TwoLanguages]) -> list[str]:
    """What stands below a command's help and stays English."""
    texts = read_help_texts(program.chinese)
    below = {command.epilog for _, command in commands_below(typer.main.get_command(app), program.program)}
    return sorted(english for english in below if english and not CHINESE.search(texts.epilog(english)))


def _explained(app: typer.Typer, program: type[TwoLanguages]) -> Iterator[tuple[str, str, str]]:
    """Full name of a command, name of what has a help text there, the English text."""
    command: Any
    for full_name, command in commands_below(typer.main.get_command(app), program.program):
        if command.help:
            yield full_name, "text", command.help
        for parameter in command.params:
            yield full_name, name_of(parameter), getattr(parameter, "help", None) or ""
