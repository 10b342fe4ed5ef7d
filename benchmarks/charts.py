"""Bar charts as SVG, drawn from figures alone: the same figures give the same bytes.

Each has a card of its own below it, light or dark as the reader's system is, so that it is readable on every page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _TOP = 760, 190, 96, 18, 14, 64
_STYLE = """\
.card{fill:#fbfbf9;stroke:#d5d3cc}text{fill:#26251f;font:13px system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif}
.title{font-weight:600;font-size:15px}.small{font-size:12px}.end{text-anchor:end}
.s0{fill:#8a8980}.s1{fill:#b7791f}.s2{fill:#2b6cb0}.s3{fill:#2f855a}
@media(prefers-color-scheme:dark){.card{fill:#1d1f23;stroke:#3a3d44}text{fill:#e6e4dc}.s0{fill:#a5a49b}.s1{fill:#d9a441}.s2{fill:#63a4e6}.s3{fill:#5cb88a}}
"""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in groups; `series` names the colors, each group has a value for each of them or None."""

    title: str
    unit: str
    series: Sequence[str]
    groups: Sequence[tuple[str, Sequence[float | None]]]
    first_color: int = 0


def draw(bars: Bars) -> str:
    """The document."""
    highest = max((value for _, values in bars.groups for value in values if value is not None), default=0) or 1
    scale = (_WIDTH - _LEFT - _RIGHT) / highest
    shapes: list[str] = []
    at = _TOP + 8
    for label, values in bars.groups:
        there = [(number, value) for number, value in enumerate(values) if value is not None]
        middle = at + len(there) * _BAR / 2 + 5
        shapes.append(f'<text class="end" x="{_LEFT - 12}" y="{middle:.0f}">{escape(label)}</text>')
        for number, value in there:
            width = max(1.0, value * scale)
            shapes.append(
                f'<rect class="s{bars.first_color + number}" x="{_LEFT}" y="{at}" width="{width:.1f}" height="{_BAR - 4}" rx="2"/>'
            )
            shapes.append(f'<text class="small" x="{_LEFT + width + 6:.1f}" y="{at + 11}">{_number(value)}</text>')
            at += _BAR
        at += _GAP
    height = at + 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(bars.title)}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
            f'<text class="title" x="18" y="28">{escape(bars.title)}</text>',
            f'<text class="small end" x="{_WIDTH - 18}" y="28">{escape(bars.unit)}</text>',
            *_legend(bars),
            *shapes,
            "</svg>\n",
        ]
    )


def _legend(bars: Bars) -> list[str]:
    shapes, x = [], 18
    for number, name in enumerate(bars.series, bars.first_color):
        shapes.append(f'<rect class="s{number}" x="{x}" y="42" width="11" height="11" rx="2"/>')
        shapes.append(f'<text class="small" x="{x + 16}" y="52">{escape(name)}</text>')
        x += 34 + sum(13 if ord(letter) > 0x2E80 else 7 for letter in name)
    return shapes


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
