"""Asks a real shell what it would complete: the scripts as they are, and a line with the cursor at its end."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Sequence

from codegen.completion.scripts import files
from tests.test_house import ROOT

SCRIPTS = files()
SECONDS = 60
_BASH = """
ask() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    "_${1//-/_}"
    echo "${COMPREPLY[*]}"
}
"""
_ZSH = """
compdef() { : }
compset() { PREFIX=${PREFIX#*=} }
compadd() { shift; offered+=($@) }
_files() { offered+=(files $@) }
_describe() { offered+=(${${(P)${@[-1]}}%%:*}); described=(${(P)${@[-1]}}) }
ask() {
    words=("$@"); CURRENT=$#; PREFIX=$words[-1]; offered=()
    "_${1//-/_}"
    print -r -- $offered
}
"""
_FISH = r"""
function ask
    complete -C (string join ' ' -- $argv) | string split -f 1 \t | string join ' '
    true
end
"""


def asked(shell: str, lines: Iterable[Sequence[str]], language: str = "C.UTF-8") -> list[list[str]]:
    """What is offered at the end of each of these lines, in one process."""
    questions = "".join(f"ask {' '.join(map(shlex.quote, line))}\n" for line in lines)
    return [line.split(" ") if line else [] for line in run(shell, questions, language).splitlines()]


def run(shell: str, text: str, language: str = "C.UTF-8") -> str:
    """The shell with the scripts, without the user's settings; what would start a program fails, for PATH is empty."""
    head = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]
    sources = "".join(f"source '{ROOT / path}'\n" for path in SCRIPTS if path.suffix == f".{shell}")
    text = head + sources + text
    options = {"bash": ["--norc", "--noprofile", "-s"], "zsh": ["-f", "-s"], "fish": ["-N", "-c", text]}[shell]
    done = subprocess.run(
        [f"/usr/bin/{shell}", *options],
        input="" if shell == "fish" else text,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env={"PATH": "/nowhere", "LANG": language, "HOME": "/nowhere", "TERM": "dumb"},
    )
    assert done.stderr == ""
    return done.stdout
