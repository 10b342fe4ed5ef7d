"""The picture of the demonstration: no character lies over another."""

from __future__ import annotations

import html
import io
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from demo.picture import picture

TEXT = re.compile(r'<text class="[^"]+" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)" [^>]*>([^<]*)</text>')
CELL = 12.2
COMMITTED = Path(__file__).parent.parent.parent / "docs/images/demo.svg"


def drawn() -> str:
    console = Console(record=True, width=60, file=io.StringIO())
    console.print("[bold]看穿式监管[/bold] see-through, 终端 terminal & <柜台>")
    return picture(console, "title")


@pytest.mark.parametrize("svg", [drawn(), COMMITTED.read_text(encoding="utf-8")], ids=["drawn now", "committed"])
def test_every_text_is_as_wide_as_its_cells(svg: str) -> None:
    """Chinese has two cells a character, and the next text begins where this one ends."""
    lines = defaultdict(list)
    for left, bottom, width, text in TEXT.findall(svg):
        assert float(width) == pytest.approx(cell_len(html.unescape(text)) * CELL, abs=0.1), text
        lines[bottom].append((float(left), float(left) + float(width)))

    assert sum(map(len, lines.values())) > 5
    for stretches in lines.values():
        ordered = sorted(stretches)
        assert all(end <= begin + 0.1 for (_, end), (begin, _) in pairwise(ordered))


def test_the_text_itself_is_kept() -> None:
    """Also what XML writes otherwise."""
    shown = "".join(text for *_, text in TEXT.findall(drawn()))

    assert html.unescape(shown).replace("\u00a0", " ").strip() == "看穿式监管 see-through, 终端 terminal & <柜台>"


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    """No font, no style, no picture."""
    assert not re.search(r"url\((?!#)|@import|@font-face|href=", drawn())
