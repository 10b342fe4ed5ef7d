"""The drawings of VeighNa's window on the gateway's pages: what Qt drew, without bitmaps, and nothing of the machine."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.integrations.vnpy_gateway.drawing import small_drawing
from tests.test_house import ROOT

KEPT = ROOT / "docs/images"
TITLES = {
    "window": "VeighNa 主窗口经中继交易 · VeighNa's main window trades through a relay",
    "connect": "VeighNa 的连接窗口 · VeighNa's dialog for the relay's gateway",
}
SHOWN = {
    "window": ["螺纹钢2701", "全部成交", "未成交", "拒单", "RELAY", "3501.0", "IF2612", "100002"],
    "connect": ["中继地址", "授权码文件", "firm-ca.pem", "连接"],
}
MOST_BYTES = 300_000
QT = """<svg width="10mm" height="5mm" viewBox="0 0 20 10" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink"><desc>Generated</desc><g fill="none">
<g fill="#123456" fill-opacity="1" stroke="none" transform="matrix(1,0,0,1,3,4.0625)" font-size="10"></g>
<g fill="#123456" fill-opacity="1" stroke="none" transform="matrix(1,0,0,1,3,4.0625)"><rect x="0" y="0" width="2" height="1.03125"/></g>
<g fill="#123456" fill-opacity="1" stroke="none" transform="matrix(1,0,0,1,3,4.0625)"><path d="M0.25,1.46875 L2,3"/></g>
<g fill="none" stroke="#000000" stroke-opacity="0.003"><path d="M0,0 L9,9"/></g>
<g fill="none" stroke="#dfe1e2"><image width="1" height="1" xlink:href="data:image/png;base64,AAAA"/>
<text fill="#ffffff" x="1.0625" y="2" font-size="10" font-weight="700">委托 &amp; 成交</text></g>
</g></svg>"""


def test_shapes_and_words_are_kept() -> None:
    """In their order and place, under one group where they look the same; the rest of what Qt writes is gone."""
    drawn = ET.fromstring(small_drawing(QT, "标题"))
    groups = [one for one in drawn if one.tag.endswith("g")]

    assert (drawn.get("width"), drawn.get("viewBox"), drawn[0].text) == ("20", "0 0 20 10", "标题")
    assert [[one.tag.rpartition("}")[2] for one in group] for group in groups] == [["rect", "path"], ["text"]]
    assert groups[0].get("transform") == "translate(3,4.1)"
    assert groups[0][1].get("d") == "M0.2,1.5 L2,3"
    assert (groups[1][0].text, groups[1][0].get("font-weight")) == ("委托 & 成交", "700")


@pytest.mark.parametrize("name", TITLES)
def test_a_kept_drawing_says_what_it_shows_and_nothing_else(name: str) -> None:
    """`make vnpy-picture` draws it; no bitmap, no script, no reference, no path of a machine, no password."""
    text = (KEPT / f"vnpy-{name}.svg").read_text(encoding="utf-8")
    words = [one.text or "" for one in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]

    assert [wanted for wanted in SHOWN[name] if not any(wanted in word for word in words)] == []
    assert len(text.encode()) < MOST_BYTES
    assert TITLES[name] in text.replace("&apos;", "'")
    assert re.findall(r"href|data:|<script|<image|<style|/tmp|/home|/root", text) == []
    assert not any(word.startswith(("demo-", "TERMINAL0")) for word in words)
