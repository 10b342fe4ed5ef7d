"""What commands share: the settings file, why something is done, and secrets that are typed in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ctprelay.v1 import admin_pb2 as pb
from relay.cli.output import CommandRefused
from relay.cli.reader import spoken
from relay.settings.secret_files import read_secret

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", envvar="CTP_RELAY_CONFIG", help="Settings file.", show_default=True)
]
DEFAULT_CONFIG = Path("relay.toml")
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why, for the ledger; asked for on a terminal where it is needed.")
]


def why(reason: str | None) -> str:
    """Why the directory is changed: asked for where there is a person to ask, and may be left out."""
    if reason is None and sys.stdin.isatty() and sys.stdout.isatty():
        return str(typer.prompt(spoken("原因", "reason"), default="", show_default=False))
    return reason or ""


def asking(reason: str | None) -> pb.Asking:
    """The reason of an action on a running relay, asked for where there is a person to ask. Raises CommandRefused."""
    if reason is None and sys.stdin.isatty():
        reason = str(typer.prompt(spoken("原因", "reason")))
    if not (reason or "").strip():
        raise CommandRefused(spoken("请说明原因：--reason 原因", "give a reason: --reason TEXT"))
    return pb.Asking(reason=reason)


def ask_secret(what: str, file: Path | None) -> str:
    """A secret from a file, from standard input (`-`), or typed in twice without showing; never from an argument."""
    if file is not None and str(file) != "-":
        return read_secret(file).get_secret_value()
    if file is not None:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandRefused(
            spoken(
                f"这里无人可问（{what}）：请给出文件，或用 - 从标准输入读取",
                f"there is nobody to ask for the {what}: give a file, or - to read standard input",
            )
        )
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=True))
