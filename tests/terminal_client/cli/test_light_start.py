"""`ctp-terminal` imports what the command needs that is run; so does the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import terminal_client
from terminal_client.cli.app import TerminalCommands, app
from tests.ctpabi.light_start import commands_of, packages_loaded, wrong_announcements

HEAVY = {"asyncio", "cryptography", "ctprelay", "google", "h2", "openctp_ctp"}


@pytest.mark.parametrize("words", [("--help",), ("login", "--no-such-option")], ids=" ".join)
def test_help_needs_no_network(words: tuple[str, ...]) -> None:
    """A command that runs brings HTTP/2 and the messages."""
    loaded = packages_loaded("terminal_client.cli.app", *words)

    assert "typer" in loaded
    assert ("h2" in loaded, bool(loaded & HEAVY)) == ((False, False) if words == ("--help",) else (True, True))


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    """It is written out where no command is imported; what is copied there is held here."""
    assert wrong_announcements(TerminalCommands) == []
    assert commands_of(app) == list(TerminalCommands.later)


def test_the_package_imports_a_name_when_it_is_asked_for() -> None:
    """A program that only collects loads no HTTP/2."""
    code = "import sys; from terminal_client import collect; print('h2' in sys.modules, 'asyncio' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["False", "False"]
    assert all(getattr(terminal_client, name) is not None for name in terminal_client.__all__)
    assert set(terminal_client.__all__) <= set(dir(terminal_client))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        terminal_client.nothing  # type: ignore[attr-defined]  # noqa: B018
