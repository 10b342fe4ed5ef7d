"""The manual's pages: both languages say the same, and what they name is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from ctpabi.command_help import commands_below
from relay.cli.app import app as relay_app
from relay.faults.table import RUNBOOK_PAGE, Fault
from relay.logs.alarms import AlarmName
from relay.settings.text import setting_keys
from scripts.manual import FOLDER, LANGUAGES, code_blocks, differences
from simcounter.cli import app as counter_app
from terminal_client.cli.app import app as terminal_app

PROGRAMS = {"ctp-relay": relay_app, "ctp-terminal": terminal_app, "ctp-simcounter": counter_app}
PAGES = [path for language in LANGUAGES for path in sorted((FOLDER / language).glob("*.md"))]
NAMED = re.compile(r"`((?:ctp-relay|ctp-terminal|ctp-simcounter) [^`]+)`")
BEFORE = re.compile(r"$|--$|[A-Z_]+=")
"""what stands before a command: nothing, the program that starts it, a variable"""
SETTING = re.compile(r"`([a-z]+(?:\.[a-z_]+)+)(?: = [^`]*)?`")
HEREDOC = re.compile(r"^cat > \S*relay\d?\.toml <<'EOF'\n(.*?)^EOF$", re.MULTILINE | re.DOTALL)
NO_SETTINGS = {"secrets.key", "relay.toml", "relay.firm.example"}


PAGE = """# One
<a id="two"></a>
## Two
[x](here.md) ![y](/zh/p.png)

| a | b |
|---|---|

<!-- run -->
```sh
ctp-relay --version
```
"""


def page_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands() -> dict[str, Any]:
    """Full name -> command, of all programs."""
    return {
        name: command
        for program, app in PROGRAMS.items()
        for name, command in commands_below(typer.main.get_command(app), program)
    }


def typed(text: str) -> Iterator[list[str]]:
    """The commands of ours that a page shows, in blocks and in sentences, as words."""
    shown = [
        line
        for block in code_blocks(text)
        if block.kind == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    for line in (*shown, *NAMED.findall(text)):
        words = shlex.split(line, comments=True)
        starts = [
            number
            for number, word in enumerate(words)
            if word in PROGRAMS and BEFORE.match(words[number - 1] if number else "")
        ]
        for start, end in pairwise([*starts, len(words)]):
            yield words[start:end]


def unknown_words(words: list[str], known: dict[str, Any]) -> str:
    """What of a command line the program would not take; empty where it takes all of it."""
    name, options = words[0], list(known[words[0]].params)
    for word in words[1:]:
        if word in {"|", ">", "2>&1", "&", "--", ">>"}:
            break
        if f"{name} {word}" in known:
            name = f"{name} {word}"
            options += known[name].params
        elif word.startswith("-"):
            flags = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0] not in flags | {"--help", "-h"}:
                return f"{' '.join(words)}: no {word}"
        elif hasattr(known[name], "commands") and not any(part.startswith("-") for part in words[1:]):
            return f"{' '.join(words)}: no {word}"
    return ""


def test_both_languages_have_the_same_bones() -> None:
    """Pages, headings, anchors, pictures, links, tables and commands."""
    assert differences() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("## Two", "### Two"), "heading 2"),
        (("--version", "--help"), "command 1"),
        (("<!-- run -->\n", ""), "block 1"),
        (("| a | b |\n", ""), "row of a table"),
        (("](here.md)", "](there.md)"), "link 1"),
        (('<a id="two"></a>', ""), "anchor 1"),
        (("](/zh/p.png)", "](/zh/q.png)"), "picture 1"),
    ],
)
def test_a_difference_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    """With the page and what is the first that differs."""
    for language in LANGUAGES:
        (tmp_path / language).mkdir()
        (tmp_path / language / "page.md").write_text(PAGE.replace(*change, 1) if language == "en" else PAGE)
    (tmp_path / "zh/alone.md").write_text("# Alone\n")

    found = differences(tmp_path)

    assert "alone.md: not there in en" in found
    assert [line for line in found if line.startswith(f"page.md: {named}")], found


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_of_a_page_is_there(page: Path) -> None:
    """With its options: a command that changed is changed here too."""
    known = commands()

    assert [wrong for words in typed(text_of(page)) if (wrong := unknown_words(words, known))] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_setting_of_a_page_is_there(page: Path) -> None:
    """`section.key` in code is a setting's key."""
    keys = {".".join(key) for key in setting_keys()}
    sections = {key.partition(".")[0] for key in keys}
    named = {name for name in SETTING.findall(text_of(page)) if name.partition(".")[0] in sections} - NO_SETTINGS

    assert sorted(named - keys) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_key_of_settings_that_a_page_writes_is_there(page: Path) -> None:
    """In blocks of TOML, and in files of a relay that a command of the page writes."""
    keys = {".".join(key) for key in setting_keys()}

    assert sorted(written_keys(text_of(page)) - keys) == []


def written_keys(text: str) -> set[str]:
    blocks = code_blocks(text)
    shown = [block.text for block in blocks if block.kind == "toml"]
    shown += [found[1] for block in blocks if block.kind == "sh" for found in HEREDOC.finditer(block.text)]
    return {key for toml in shown for key in keys_below(tomllib.loads(toml), "")}


def keys_below(table: dict[str, Any], before: str) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys_below(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_section(fault: Fault, language: str) -> None:
    """At the anchor that alarms lead to, under the title that they have, with what terminals see and what to do."""
    section = section_at(language, fault.anchor)

    assert section.startswith(f"### {fault.title[LANGUAGES.index(language)]} `{fault.word}`\n")
    assert re.search(r"^(终端看到：|Terminals: )", section, re.MULTILINE)
    assert re.search(r"^1\. ", section, re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alarm_has_a_section(language: str) -> None:
    """At an anchor of its own, or that of the fault of the same name."""
    page = text_of(FOLDER / language / f"{RUNBOOK_PAGE}.md")
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', page))

    assert {alarm.event.replace("_", "-") for alarm in AlarmName} - anchors == set()
    named = {alarm.event.replace("_", "-") for alarm in AlarmName} | {fault.anchor for fault in Fault}
    assert anchors - named == set(), "a section of what is no more"


def section_at(language: str, anchor: str) -> str:
    page = text_of(FOLDER / language / f"{RUNBOOK_PAGE}.md")
    _, found, rest = page.partition(f'<a id="{anchor}"></a>\n\n')
    assert found, f"no section {anchor} in docs/manual/{language}/{RUNBOOK_PAGE}.md"
    return rest.partition("<a id=")[0]
