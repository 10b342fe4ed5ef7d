"""Commands that are imported when they are run: a program of many commands starts with one of them.

The program's list has a name, a line of help and a place for each. Until one is run, or somebody asks what is below it,
`Announced` stands for it in the help; then `Announced.real` imports the module and makes the command.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand


@dataclass(frozen=True, slots=True)
class Later:
    """Where a command is, and what the list of commands says about it."""

    place: str
    """module:name, of a function or of a Typer with commands of its own"""
    help: str
    """the first paragraph of the command's own help; a test holds the two together"""
    epilog: str | None = None
    """what stands below a function's help; a Typer has its own"""
    context_settings: Mapping[str, Any] | None = None


class Announced(TyperCommand):
    """A command that is not imported yet."""

    def __init__(self, name: str, later: Later) -> None:
        super().__init__(name, help=later.help, epilog=later.epilog)
        self._later = later

    def real(self) -> Any:
        """The command itself; imports its module."""
        later, name = self._later, str(self.name)
        module, _, attribute = later.place.partition(":")
        with importing():
            found = getattr(import_module(module), attribute)
        holder = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            settings = dict(later.context_settings) if later.context_settings else None
            holder.command(name, epilog=later.epilog, context_settings=settings)(found)
        return typer.main.get_group(holder).commands[name]


@contextmanager
def importing() -> Iterator[None]:
    """No garbage is looked for meanwhile: imports leave none, and looking takes an eighth of the time of large ones."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()
