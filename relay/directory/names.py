"""What a name may look like: one rule for what the firm registers and for what a terminal says of itself."""

from __future__ import annotations

APP_ID = "1 to 32 printable ASCII characters and no @"
"""what an app id is, as an error says it: CTP's field has 32 bytes, and @ separates the fields of a login line"""
APP_ID_ZH = "1 至 32 个可打印 ASCII 字符，不含 @"
ACCOUNT_ID = "1 to 12 printable ASCII characters without a space"
ACCOUNT_ID_ZH = "1 至 12 个可打印 ASCII 字符，不含空格"


def is_app_id(text: str) -> bool:
    """Whether the text can be an app id."""
    return _is_ascii(text, 32) and "@" not in text


def is_account_id(text: str) -> bool:
    """Whether the text can be an AccountID: CTP's field has 12 bytes."""
    return _is_ascii(text, 12) and " " not in text


def _is_ascii(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and text.isascii() and text.isprintable()
