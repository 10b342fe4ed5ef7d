r"""Text that somebody outside wrote, made harmless where a person reads it.

A terminal, a counter, a relay, a database or a file may hand over characters that move a cursor, change colors, end a line,
turn the reading direction or are not seen at all. On a screen, in a log line and in an exported file every such character
is written as its number: `\x1b`, `\u202e`.
"""

from __future__ import annotations

import json
import re

_SPACES = "\u00a0\u3000"
"""Python calls only the ASCII space printable; these two are ordinary in Chinese and French text"""
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""letters and marks that Python calls printable and no screen shows"""

_PERHAPS = re.compile(r"[^\x20-\x7e]")
_UNSEEN_ONE = re.compile(f"[{_UNSEEN}]")


def is_plain(text: str) -> bool:
    """Whether every character of the text is seen and stays in its place; a line end does neither."""
    return (text.isascii() and text.isprintable()) or not any(map(_is_harmful, text))


def shown(text: str) -> str:
    """The text as one line that does nothing but be read; what would do more stands there by its number."""
    if text.isascii() and text.isprintable():
        return text
    return _PERHAPS.sub(lambda found: _by_number(found[0]) if _is_harmful(found[0]) else found[0], text)


def harmless_json(text: str) -> str:
    """The same JSON, its harmful characters as JSON itself writes them by number: only inside texts can there be any."""
    if text.isascii() and text.isprintable():
        return text
    return _PERHAPS.sub(
        lambda found: _in_json(found[0]) if found[0] != "\n" and _is_harmful(found[0]) else found[0], text
    )


def _is_harmful(character: str) -> bool:
    if not character.isprintable():
        return character not in _SPACES
    return _UNSEEN_ONE.match(character) is not None


def _by_number(character: str) -> str:
    # As Python writes them in a program: \n, \x1b, \u202e, \U000e0041.
    return character.encode("unicode_escape").decode("ascii")


def _in_json(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1]
