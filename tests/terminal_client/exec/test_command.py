"""`ctp-terminal exec`: what it refuses by name, and the program's life beside it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from terminal_client.cli.app import app
from tests.terminal_client.exec.conftest import Vendor, exec_command, program_of
from tests.terminal_client.exec.test_libraries import OURS

SHOWS_ITS_ENVIRONMENT = """
import os, sys
secret = [name for name, value in os.environ.items() if "hers alone" in value or "SECRETCODE000001" in value]
print(secret, "CTP_RELAY_CARRIER" in os.environ, sys.argv[1:])
sys.exit(7)
"""
WAITS = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))
print("ready", flush=True)
for _ in range(600):  # many short sleeps: a signal that comes just before a sleep does not end it
    time.sleep(0.1)
"""


@pytest.mark.usefixtures("libraries")
def test_the_program_gets_its_words_and_no_secret(tmp_path: Path) -> None:
    """Its exit status is the command's; what was given here as a secret is not handed on."""
    code = {"CTP_TERMINAL_PASSWORD": "hers alone", "CTP_TERMINAL_AUTH_CODE": "SECRETCODE000001"}
    running = exec_command(sys.executable, "-c", SHOWS_ITS_ENVIRONMENT, "-x", "--json", folder=tmp_path, **code)
    output, errors = running.communicate(timeout=60)

    assert (running.returncode, output, errors) == (7, "[] True ['-x', '--json']\n", "")


@pytest.mark.usefixtures("libraries")
def test_signals_are_the_programs_to_decide_about(tmp_path: Path) -> None:
    """One that it handles, and one that ends it."""
    for number, status in ((signal.SIGUSR1, 9), (signal.SIGTERM, 128 + signal.SIGTERM)):
        with exec_command(sys.executable, "-c", WAITS, folder=tmp_path) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            running.send_signal(number)

            running.communicate(timeout=90)
            assert running.returncode == status


@pytest.mark.usefixtures("libraries")
def test_without_a_relay_it_says_what_to_set(tmp_path: Path, vendor: Vendor) -> None:
    """In the program's process, when it registers a front that is none; and the program is not let go to that front."""
    running = exec_command(*program_of(vendor(OURS)), folder=tmp_path)
    assert running.stderr is not None
    said = running.stderr.readline()
    running.terminate()
    running.communicate(timeout=60)

    assert said == (
        "ctp-terminal exec: refused this program: tcp://203.0.113.7:41205 is no relay: set `relay` in ctp-terminal's settings, "
        "or register relay://HOST:PORT\n"
    )


@pytest.mark.usefixtures("libraries")
def test_a_relay_that_is_not_there_is_named_to_the_user(tmp_path: Path, vendor: Vendor, free_port: int) -> None:
    """One line, in Chinese and English, while the program waits for its OnFrontConnected."""
    program = program_of(vendor(OURS))
    running = exec_command(*program, settings=f'relay = "127.0.0.1:{free_port}"\n', folder=tmp_path)
    assert running.stderr is not None
    said = running.stderr.readline()
    running.terminate()
    more = running.communicate(timeout=60)[1]

    assert said == (
        f"连不上中继 127.0.0.1:{free_port}，仍在重试；请检查该地址、网络和 ca_file the relay at 127.0.0.1:{free_port} "
        "is not reached, and is tried again: check this address, the network and ca_file\n"
    )
    assert more == ""


@pytest.mark.parametrize(
    ("settings", "words", "status", "said"),
    [
        ("", ["no-such-program"], 127, "there is no program no-such-program"),
        ('library = "/nowhere.so"', ["true"], 2, "there is no collector at /nowhere.so"),
        ('auth_code_file = "/nowhere"', ["true"], 2, "/nowhere"),
        ('relais = "x"', ["true"], 2, "unknown setting relais"),
    ],
)
def test_what_cannot_be_started_is_named(
    tmp_path: Path, settings: str, words: list[str], status: int, said: str
) -> None:
    """Before anything is started."""
    config = tmp_path / "terminal.toml"
    config.write_text(settings, encoding="utf-8")
    ended = CliRunner().invoke(app, ["--config", str(config), "exec", "--", *words])

    assert ended.exit_code == status
    assert said in ended.output.replace("\n", " ")
