"""A window as Qt draws it into SVG, made small and plain enough to be kept in docs/images.

Qt writes a group for each change of its pen, three quarters of them empty, letters in points without a unit, and icons as bitmaps. What is
left here is shapes and text: no bitmap, no script, nothing from elsewhere, in fonts that a reader has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei','WenQuanYi Micro Hei',sans-serif"
_POINT = 96 / 72
_POINTS_UP_TO = 10.0
"""sizes up to this one are the window's own, in points; a style sheet's are larger and in pixels"""
_SHAPES = {f"{_SVG}{name}" for name in ("rect", "path", "polyline", "polygon", "circle", "ellipse", "line", "text")}
_NUMBER = re.compile(r"-?\d+\.\d+")
_PLACE = re.compile(r"matrix\(1,0,0,1,([-\d.]+),([-\d.]+)\)")
_SAYS_NOTHING = {("fill-opacity", "1"), ("stroke-opacity", "1"), ("stroke-width", "1"), ("font-weight", "400")}
_KEPT = ("fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "font-weight")
_LARGEST_OPACITY = 0.004
"""what is fainter is not seen"""


def small_drawing(qt: str, title: str) -> str:
    """The same drawing, with a title for who cannot see it."""
    root = ET.fromstring(qt)
    width, height = root.attrib["viewBox"].split()[2:]
    drawing = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": width,
            "height": height,
            "role": "img",
            "font-family": _FONTS,
            "font-size": _rounded(str(_POINTS_UP_TO * _POINT)),
            "fill-rule": "evenodd",
        },
    )
    ET.SubElement(drawing, "title").text = title
    last: ET.Element | None = None
    for attributes, shapes in _groups(root):
        if last is None or last.attrib != attributes:
            last = ET.SubElement(drawing, "g", attributes)
        last.extend(shapes)
    ET.indent(drawing, "")
    return ET.tostring(drawing, encoding="unicode") + "\n"


def _groups(root: ET.Element) -> Iterator[tuple[dict[str, str], list[ET.Element]]]:
    for group in root.iter(f"{_SVG}g"):
        shapes = [shape for one in group if one.tag in _SHAPES and (shape := _shape(one, group)) is not None]
        if shapes:
            yield _look(group), shapes


def _look(group: ET.Element) -> dict[str, str]:
    look = {name: group.attrib[name] for name in _KEPT if name in group.attrib}
    look = {name: value for name, value in look.items() if (name, value) not in _SAYS_NOTHING}
    place = _PLACE.fullmatch(group.get("transform", ""))
    if place is not None and place.groups() != ("0", "0"):
        look["transform"] = f"translate({','.join(map(_rounded, place.groups()))})"
    elif place is None and "transform" in group.attrib:
        look["transform"] = group.attrib["transform"]
    return look


def _shape(one: ET.Element, group: ET.Element) -> ET.Element | None:
    """One shape without what its group says; None where nothing of it is seen."""
    if one.tag == f"{_SVG}text":
        return _text(one)
    seen = [float(group.get(f"{ink}-opacity", "1")) for ink in ("fill", "stroke") if group.get(ink) != "none"]
    if not seen or max(seen) < _LARGEST_OPACITY:
        return None
    attributes = {name: _NUMBER.sub(lambda found: _rounded(found[0]), value) for name, value in one.attrib.items()}
    return ET.Element(one.tag.removeprefix(_SVG), attributes)


def _text(one: ET.Element) -> ET.Element:
    words = ET.Element("text", {name: _rounded(one.attrib[name]) for name in ("x", "y")})
    words.set("fill", one.get("fill", "#000"))
    words.set("stroke", "none")
    size, weight = float(one.get("font-size", "10")), one.get("font-weight", "400")
    if size > _POINTS_UP_TO:
        words.set("font-size", _rounded(str(size)))
    if weight != "400":
        words.set("font-weight", weight)
    words.text = one.text
    return words


def _rounded(number: str) -> str:
    return f"{float(number):.1f}".removesuffix(".0")
