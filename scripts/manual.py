"""The manual's two languages: where one says less than the other, and the commands of its pages as they stand there.

`python -m scripts.manual` prints what does not fit and exits 1 where there is any. A page has the same name in both languages, and in
it the same headings, anchors, pictures, links to elsewhere, rows of tables and commands, in the same order. Texts and what a command
prints may differ.

A command that the tests carry out has `<!-- run -->` before its block; `wait`: again and again until it succeeds; `root`: it changes
the machine. `run machine` is carried out on a clean Debian alone, by `make manual-test`, and `run terminal` on the terminal's machine
beside it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("zh", "en")
FOLDER = Path(__file__).resolve().parent.parent / "docs/manual"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>run[ a-z]*) -->\n)?^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_CONSOLE = re.compile(r"^<!-- console: ([\w-]+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One block of code of a page."""

    kind: str
    """sh, toml, text …"""
    mark: str
    """run, run machine or run terminal, each perhaps with wait; run root; or empty"""
    text: str


def code_blocks(page: str) -> list[CodeBlock]:
    """The blocks of a page, in its order."""
    return [
        CodeBlock(found["kind"], found["mark"] or "", re.sub(f"(?m)^{found['indent']}", "", found["text"]))
        for found in _BLOCK.finditer(page)
    ]


def differences(folder: Path = FOLDER) -> list[str]:
    """`page: what` for everything that one language has and the other has not."""
    first, second = (folder / language for language in LANGUAGES)
    names = {path.name for path in first.glob("*.md")} | {path.name for path in second.glob("*.md")}
    return [f"{name}: {what}" for name in sorted(names) for what in _differing(first / name, second / name)]


def _differing(one: Path, other: Path) -> Iterator[str]:
    for page in (one, other):
        if not page.is_file():
            yield f"not there in {page.parent.name}"
            return
    mine, theirs = (_bones(page.read_text(encoding="utf-8")) for page in (one, other))
    for what, ours in mine.items():
        for number, (left, right) in enumerate(zip([*ours, ""], [*theirs[what], ""], strict=False), 1):
            if left != right:
                yield f"{what} {number} is {left!r} in {one.parent.name}, {right!r} in {other.parent.name}"
                break


def _bones(page: str) -> dict[str, list[str]]:
    """What must be the same in both languages."""
    blocks, plain = code_blocks(page), _BLOCK.sub("", page)
    return {
        "heading": _HEADING.findall(plain),
        "anchor": _ANCHOR.findall(plain),
        "picture": [name.replace("/zh/", "/*/").replace("/en/", "/*/") for name in _PICTURE.findall(plain)],
        "picture of the console": _CONSOLE.findall(plain),
        "link": [name.replace(".zh.md", ".md") for name in _LINK.findall(plain)],
        "row of a table": [str(row.count("|")) for row in _ROW.findall(plain)],
        "block": [f"{block.mark} {block.kind}" for block in blocks],
        "command": [block.text for block in blocks if block.kind == "sh"],
    }


def main() -> int:
    found = differences()
    for line in found:
        print(f"the manual's languages differ: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
