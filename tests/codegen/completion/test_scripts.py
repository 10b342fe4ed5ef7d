"""Shell completion: real shells offer the commands, options and choices that the programs have, and start nothing for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ctpabi.command_help import commands_below
from relay.cli.app import app as relay_app
from simcounter.cli import app as simcounter_app
from terminal_client.cli.app import app as terminal_app
from tests.codegen.completion.shells import SCRIPTS, asked, run

APPS = {"ctp-relay": relay_app, "ctp-terminal": terminal_app, "ctp-simcounter": simcounter_app}
COMMANDS = [
    (name, command)
    for program, app in APPS.items()
    for name, command in commands_below(typer.main.get_command(app), program)
]
SHELLS = [
    pytest.param(
        shell, marks=pytest.mark.skipif(not Path("/usr/bin", shell).exists(), reason=f"apt-get install {shell}")
    )
    for shell in ("bash", "zsh", "fish")
]


def test_bash_knows_the_programs() -> None:
    """`complete -p` names a function for each."""
    shown = run("bash", f"complete -p {' '.join(APPS)}\n")

    assert shown.splitlines() == [f"complete -F _{program.replace('-', '_')} {program}" for program in APPS]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_and_command_is_offered(shell: str) -> None:
    """After each command's name, as the programs themselves have them."""
    offered = asked(shell, [(*name.split(), "-") for name, _ in COMMANDS])
    below = asked(shell, [(*name.split(), "") for name, command in COMMANDS if hasattr(command, "commands")])

    for (name, command), options in zip(COMMANDS, offered, strict=True):
        flags = {
            flag
            for each in command.params
            if each.opts[0].startswith("-")
            for flag in (*each.opts, *each.secondary_opts)
        }
        assert flags | {"--help"} == set(options) - {"-h"}, name
    groups = [command for _, command in COMMANDS if hasattr(command, "commands")]
    assert [set(commands) for commands in below] == [set(group.commands) for group in groups]


CHOICES = {
    "ctp-relay terminal add APP --kind ": "ordinary wechat",
    "ctp-relay --version terminal add --reason add --mode ": "many_to_many many_to_one",
    "ctp-relay completion ": "bash fish zsh",
    "ctp-terminal --app-id order order rb2701 ": "buy sell",
    "ctp-terminal order rb2701 buy ": "close close-today close-yesterday open",
    "ctp-terminal order -- rb2701 ": "buy sell",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_choices_are_offered(shell: str) -> None:
    """Of options and of arguments; the value of an option is no command, whatever it reads like."""
    offered = asked(shell, [line.split(" ") for line in CHOICES])

    assert [" ".join(sorted(words)) for words in offered] == list(CHOICES.values())


def test_bash_completes_a_begun_word(tmp_path: Path) -> None:
    """Commands, choices, `--option=value`, and files where a file is meant."""
    (tmp_path / "relay.toml").touch()
    begun = f"{tmp_path}/rel"

    offered = asked(
        "bash",
        [
            ("ctp-relay", "term"),
            ("ctp-relay", "terminal", "add", "--kind", "=", "w"),
            ("ctp-relay", "serve", "--config", begun),
            ("ctp-terminal", "exec", "--", begun),
            ("ctp-terminal", "check", "--wait", ""),
        ],
    )

    assert offered == [["terminal"], ["wechat"], [f"{begun}ay.toml"], [f"{begun}ay.toml"], []]


@pytest.mark.parametrize(
    ("shell", "question"),
    [
        pytest.param("zsh", "ask ctp-relay ''; print -rl -- $described", marks=SHELLS[1].marks),
        pytest.param("fish", "complete -C 'ctp-relay '", marks=SHELLS[2].marks),
    ],
)
def test_descriptions_are_in_the_users_language(shell: str, question: str) -> None:
    """A script has both, because a package has one script."""
    chinese, english = (run(shell, question, language) for language in ("zh_CN.UTF-8", "en_US.UTF-8"))

    assert "运行中继" in chinese
    assert "Run the relay" in english
    assert "运行中继" not in english


def test_a_program_prints_its_script() -> None:
    """Byte for byte what `python -m codegen` wrote, and neither file nor relay is needed for it."""
    for path, script in SCRIPTS.items():
        result = CliRunner().invoke(APPS[path.stem], ["completion", path.suffix[1:]])

        assert (result.exit_code, result.stdout) == (0, script)
