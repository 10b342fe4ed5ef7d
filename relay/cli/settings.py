"""`ctp-relay settings`: show what is set, what may be set, and whether it is right."""

from __future__ import annotations

import importlib
import os
from enum import StrEnum
from typing import Annotated

import typer

from ctpabi.locale import reads_chinese
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.output import AsJson, reporting, say, write_json
from relay.cli.steering import show_running_settings
from relay.settings.file import SettingsInvalid, control_socket, load, secrets_of
from relay.settings.file_modes import why_changeable
from relay.settings.settings import Settings
from relay.settings.text import example, markdown
from relay.settings.wording import settings_wording


class Which(StrEnum):
    RUNNING = "running"


def settings(
    which: Annotated[
        Which | None, typer.Argument(help="running: those in force in the running relay.", show_default=False)
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    write_example: Annotated[bool, typer.Option("--example", help="Write a settings file to start from.")] = False,
    write_markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check the settings, the secret files and the certificate.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the settings of the file as JSON, secrets hidden; or those of the running relay, an example, the reference page.

    `settings running` says of each key what is in force, and whether a new value waits for a restart.
    """
    if write_example or write_markdown:
        words = settings_wording(chinese=reads_chinese(os.environ))
        typer.echo(example(words=words) if write_example else markdown(words), nl=False)
        return
    with reporting():
        if which is Which.RUNNING:
            show_running_settings(config, as_json=as_json)
            return
        read = load(config)
        if check:
            _check_files(read)
            say(f"{config}: all settings are right")
            return
        write_json(read.model_dump(mode="json"))


def _check_files(read: Settings) -> None:
    """Look at everything the settings point to; raises SettingsInvalid with all that is wrong."""
    problems: list[str] = []
    try:
        secrets_of(read)
    except SettingsInvalid as error:
        problems += error.problems
    problems += _changeable(read)
    certificate, key = read.listen.tls_certificate, read.listen.tls_key
    if certificate is not None and key is not None:
        try:
            importlib.import_module("relay.rpc.certificates").read_pair(certificate, key)
        except OSError as error:
            problems.append(f"listen.tls_certificate, listen.tls_key: {error}")
    if problems:
        raise SettingsInvalid("settings", problems)


def _changeable(read: Settings) -> list[str]:
    """What of the relay's own places another user could change."""
    named = {"relay.state_dir": read.relay.state_dir, "relay.control_socket": control_socket(read).parent}
    return [f"{key}: {why}" for key, path in named.items() if (why := why_changeable(path))]
