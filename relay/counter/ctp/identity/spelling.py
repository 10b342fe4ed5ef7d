"""What a number of the counter's or the exchange's stands for, however it is written.

CTP right-aligns OrderSysID and its like with blanks (CTP fact 48), and terminals send them back trimmed, padded or
with other digits. Two spellings that a counter may read as one number are one number here; what is sent to the counter is always
the counter's own spelling.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from ctpabi.codec import text

_IGNORED: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""categories of characters that show nothing: control characters, formats, blanks of every width"""


@lru_cache(maxsize=1024)  # one notice asks for its number some five times
def number_key(written: bytes) -> bytes:
    """The number without blanks and leading zeros, in plain digits and letters; empty where there is none."""
    plain = written.strip()
    if plain.isalnum() and plain[0] != 0x30:
        return plain
    return _folded(plain) if plain else b""


def _folded(written: bytes) -> bytes:
    shown = "".join(
        one for one in unicodedata.normalize("NFKC", text.decode(written)) if unicodedata.category(one) not in _IGNORED
    )
    return text.encode(shown.lstrip("0") or shown[:1])
