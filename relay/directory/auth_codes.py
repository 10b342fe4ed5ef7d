"""What an auth code is: 16 characters that a terminal's vendor and the relay both know."""

from __future__ import annotations

import secrets
import string
from typing import Final

AUTH_CODE_CHARACTERS: Final = 16
_LETTERS = string.ascii_uppercase + string.digits


class AuthCodeMalformed(ValueError):
    """An auth code that is not 16 ASCII characters; the message does not show it."""

    def __init__(self) -> None:
        super().__init__(
            f"授权码应为 {AUTH_CODE_CHARACTERS} 个可打印 ASCII 字符"
            f" / an auth code has {AUTH_CODE_CHARACTERS} printable ASCII characters"
        )


def auth_code_key(auth_code: str) -> bytes:
    """The key an auth code is; raises AuthCodeMalformed."""
    printable = auth_code.isascii() and auth_code.isprintable()
    if len(auth_code) != AUTH_CODE_CHARACTERS or not printable:
        raise AuthCodeMalformed
    return auth_code.encode("ascii")


def new_auth_code() -> str:
    """A random auth code: 16 capital letters and digits, 82 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(AUTH_CODE_CHARACTERS))
