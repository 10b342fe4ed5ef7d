"""Values and JSON with text in them that somebody outside wrote, made harmless where a person reads them.

Inside the relay such a text stays what it is. At the edge, on the console, in a log line and in an exported file it is
`shown`: see [ctpabi/outside_text.py](../ctpabi/outside_text.py), which the terminal and the simulated counter use as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ctpabi.outside_text import harmless_json, is_plain, shown

__all__ = ["harmless_json", "is_plain", "shown", "shown_json", "shown_value"]


def shown_value(value: object) -> object:
    """The same value with every text in it `shown`, at any depth."""
    match value:
        case str():
            return shown(value)
        case Mapping():
            return {shown_value(key): shown_value(inner) for key, inner in value.items()}
        case list() | tuple() if not hasattr(value, "_fields"):
            return type(value)(map(shown_value, value))
        case _:
            return value


def shown_json(value: object, *, indent: int | None = None, **options: object) -> str:
    """JSON that reads back as the same value, and is harmless to look at."""
    return harmless_json(json.dumps(value, ensure_ascii=False, indent=indent, **options))  # type: ignore[arg-type]
