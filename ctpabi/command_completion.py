"""The command that prints a program's completion script. `python -m codegen` writes the scripts, so that none of them starts Python."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class CompletionShell(StrEnum):
    """Shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion_command(program: str, folder: Path) -> Callable[[CompletionShell], None]:
    """`completion` for the program whose scripts lie in this folder."""

    def completion(
        shell: Annotated[CompletionShell, typer.Argument(help="The shell that you type into.")],
    ) -> None:
        """Print the script that completes commands, options and choices in your shell; it starts nothing."""
        typer.echo((folder / f"{program}.{shell}").read_text(encoding="utf-8"), nl=False)

    return completion
