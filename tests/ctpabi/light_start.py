"""What a program of many commands must hold to start with one of them: its list is true, and short of imports."""

from __future__ import annotations

import subprocess
import sys

import typer

from ctpabi.command_help import TwoLanguages
from ctpabi.later_commands import Announced

_RUN = """
from {module} import app
try:
    app({words!r})
except SystemExit:
    pass
"""


def wrong_announcements(program: type[TwoLanguages]) -> list[str]:
    """Commands whose line in the list is not the first paragraph of their own help."""
    wrong = []
    for name, later in program.later.items():
        command = Announced(name, later).real()
        first = command.help.split("\n\n")[0].replace("\n", " ")
        if (command.name, first) != (name, later.help):
            wrong.append(f"{name}: {first}")
    return wrong


def commands_of(app: typer.Typer) -> list[str]:
    """As the list in the help has them."""
    return list(typer.main.get_group(app).commands)


def packages_loaded(module: str, *words: str) -> set[str]:
    """By a process of its own that runs `words` of the app in `module`."""
    return {name.partition(".")[0] for name in modules_loaded(_RUN.format(module=module, words=list(words)))}


def modules_loaded(code: str) -> set[str]:
    """By a process of its own that runs `code`."""
    child = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    return set(child.stderr.split("\n")[-2].split())
