"""What a console showed as an SVG in which Chinese takes two cells: rich gives every character of a text one.

Each stretch of wide and of narrow characters becomes a text of its own, at the cell where it begins and as wide as its cells. So no
character lies over another whatever fonts the reader has; the picture loads none from elsewhere.
"""

from __future__ import annotations

import html
import re
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console

_FONTS = (
    "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', 'Noto Sans CJK SC', 'PingFang SC',"
    " 'Microsoft YaHei', 'WenQuanYi Micro Hei', monospace"
)
_WIDE_STYLE = "\n    .wide { font-size: 22px; }\n    </style>"
"""a character as wide as two cells of 20 px text"""
_LOADED_FONT = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)
_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" (clip-path="[^"]+")>([^<]*)</text>'
)
_CELL = 12.2
"""the width of rich's cells"""


def picture(console: Console, title: str) -> str:
    """What the console showed and recorded."""
    exported = _LOADED_FONT.sub("", console.export_svg(title=title))
    # The variant would widen Latin glyphs in some fonts.
    exported = exported.replace("Fira Code, monospace", _FONTS).replace("font-variant-east-asian: full-width;", "")
    return _TEXT.sub(_by_cells, exported.replace("\n    </style>", _WIDE_STYLE, 1))


def _by_cells(found: re.Match[str]) -> str:
    looks, left, bottom, clip, text = found.groups()
    at, parts = float(left), []
    for is_wide, characters in groupby(html.unescape(text), lambda one: cell_len(one) == 2):
        stretch = "".join(characters)
        width = cell_len(stretch) * _CELL
        place = f'x="{at:g}" y="{bottom}" textLength="{width:g}" {clip}'
        shown = html.escape(stretch).replace("\u00a0", "&#160;")
        parts.append(f'<text class="{looks}{" wide" if is_wide else ""}" {place}>{shown}</text>')
        at += width
    return "".join(parts)
