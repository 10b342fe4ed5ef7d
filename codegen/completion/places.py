"""What can be typed after each command of a program: subcommands, options, and the values of options and arguments."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from ctpabi.command_help import HelpTexts, commands_below, name_of, read_help_texts

FILE, FOLDER = "@file", "@folder"
"""values that the shell itself knows"""
NAMES_OF_FILES = ("library", "program")
"""options and arguments that are text, and name a file"""
_PLAIN = str.maketrans("'|\\\t", "’// ")
_LONGEST = 72
"""characters of a description: it stands beside its name on one line"""


@dataclass(frozen=True, slots=True)
class Offered:
    """A command or an option, and what it is for."""

    names: tuple[str, ...]
    english: str
    chinese: str


@dataclass(slots=True)
class Place:
    """What fits after one command."""

    path: str
    commands: list[Offered] = field(default_factory=list)
    options: list[Offered] = field(default_factory=list)
    valued: list[str] = field(default_factory=list)
    """options after which a value comes"""
    values: dict[str, str] = field(default_factory=dict)
    """option, or number of an argument -> choices, or FILE or FOLDER; an argument that may be repeated is `MANY`"""

    @property
    def option_names(self) -> list[str]:
        return [name for option in self.options for name in option.names]


MANY = "*"


def places_of(app: typer.Typer, program: str, chinese: Path | None) -> list[Place]:
    """Every command of a program, the program itself first."""
    texts = read_help_texts(chinese) if chinese is not None else HelpTexts({}, {}, {})
    root: Any = typer.main.get_command(app)
    names = typer.Context(root, **(root.context_settings or {})).help_option_names
    shown = Offered(tuple(reversed(names)), "Show the help", "显示说明")
    places = [_place(name, command, texts) for name, command in commands_below(root, program)]
    for place in places:
        place.options.append(shown)
    return places


def _place(name: str, command: Any, texts: HelpTexts) -> Place:
    place = Place(name)
    for part, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            place.commands.append(_offered((part,), below.help, texts.text_of(f"{name} {part}", "text")))
    arguments = 0
    for parameter in (each for each in command.params if not each.hidden):
        if parameter.param_type_name == "argument":
            arguments += 1
            keys = [MANY if parameter.nargs == -1 else str(arguments)]
        else:
            flags = (*parameter.opts, *parameter.secondary_opts)
            place.options.append(_offered(flags, parameter.help, texts.text_of(name, name_of(parameter))))
            keys = [] if parameter.is_flag or parameter.count else list(flags)
            place.valued += keys
        if values := _values(parameter):
            place.values |= dict.fromkeys(keys, values)
    return place


def _values(parameter: Any) -> str:
    descriptor = parameter.type_descriptor
    kind = next(iter(typing.get_args(descriptor.annotation)), descriptor.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " ".join(str(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, Path):
        return FILE if descriptor.parameter_info.file_okay else FOLDER
    return FILE if parameter.name in NAMES_OF_FILES or parameter.name.endswith("_file") else ""


def _offered(names: tuple[str, ...], english: str | None, chinese: str | None) -> Offered:
    first = _brief(english)
    return Offered(names, first, _brief(chinese) or first)


def _brief(text: str | None) -> str:
    """The first sentence, without what means something to a shell's table."""
    line = (text or "").strip().split("\n")[0].split("。")[0].split(". ")[0].rstrip(".")
    plain = line.translate(_PLAIN)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def same_values(places: Iterable[Place]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Values, and every (path, option or number) that has these."""
    found: dict[str, list[tuple[str, str]]] = {}
    for place in places:
        for key, values in place.values.items():
            found.setdefault(values, []).append((place.path, key))
    yield from found.items()
