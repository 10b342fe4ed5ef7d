"""The manual pages: `man` shows them without a word of complaint, with every command and the exit codes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from codegen.pages.manual_pages import files
from ctpabi.command_help import commands_below
from relay.cli.app import app as relay_app
from terminal_client.cli.app import app as terminal_app
from tests.test_house import ROOT

PAGES = files()
APPS = {"ctp-relay": relay_app, "ctp-terminal": terminal_app}


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_has_every_command_and_the_exit_codes(path: Path) -> None:
    """By its full name, in both languages."""
    text = PAGES[path].replace("\\-", "-")
    names = [name for name, _ in commands_below(typer.main.get_command(APPS[path.stem]), path.stem)]

    assert [name for name in names if f".SS {name}\n" not in text] == []
    assert f".SH {'退出码' if 'zh_CN' in path.parts else 'EXIT STATUS'}\n.PP\n" in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here: apt-get install groff-base")
@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_is_set_without_warnings(path: Path) -> None:
    """What `man --warnings` would say."""
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", str(ROOT / path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stderr == ""
