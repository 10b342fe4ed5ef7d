"""The scripts of the three programs, each beside the program's commands, which print it."""

from __future__ import annotations

from pathlib import Path

from codegen.completion.bash import bash_script
from codegen.completion.fish import fish_script
from codegen.completion.places import places_of
from codegen.completion.zsh import zsh_script
from relay.cli.app import RelayCommands
from relay.cli.app import app as relay_app
from simcounter.cli import app as simcounter_app
from terminal_client.cli.app import TerminalCommands
from terminal_client.cli.app import app as terminal_app

_PROGRAMS = (
    ("ctp-relay", relay_app, RelayCommands.chinese, "relay/cli/completions"),
    ("ctp-terminal", terminal_app, TerminalCommands.chinese, "terminal_client/cli/completions"),
    ("ctp-simcounter", simcounter_app, None, "simcounter/completions"),
)
_WRITERS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}


def files() -> dict[Path, str]:
    """One script for each program and shell."""
    return {
        Path(folder, f"{program}.{shell}"): write(program, places)
        for program, app, chinese, folder in _PROGRAMS
        for places in [places_of(app, program, chinese)]
        for shell, write in _WRITERS.items()
    }
