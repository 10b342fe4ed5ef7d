"""A second factor: six digits of the time (TOTP, RFC 6238), and recovery codes for a phone that is lost. Pure.

A code is taken of the time step that is, the one before and the one after, because phones' clocks differ; and each step once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS: Final = 30
DIGITS: Final = 6
_KEY_BYTES = 20
_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


def new_key() -> str:
    """160 random bits, as an app wants them: Base32."""
    return base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def address_of(key: str, account: str, relay: str) -> str:
    """What the QR code says to the app."""
    issuer = quote(f"CTP Relay {relay}")
    return (
        f"otpauth://totp/{issuer}:{quote(account)}?secret={key}&issuer={issuer}&digits={DIGITS}&period={STEP_SECONDS}"
    )


def step_of(key: str, code: str, now: float, last: int) -> int | None:
    """The time step whose code this is; None where it is wrong, or its step, or a later one, was used before."""
    digits = code.replace(" ", "")
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    totp = _totp(key)
    step = int(now // STEP_SECONDS)
    found = None
    for tried in (step - 1, step, step + 1):  # all three, so that the time it takes says nothing
        try:
            totp.verify(digits.encode("ascii"), tried * STEP_SECONDS)
        except InvalidToken:
            continue
        found = tried if tried > last else found
    return found


def code_at(key: str, now: float) -> str:
    """The code an app shows at this time."""
    return _totp(key).generate(int(now)).decode("ascii")


def new_recovery_codes() -> list[str]:
    """Each is good once, in the place of a code."""
    raw = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii") for _ in range(_RECOVERY_CODES)]
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in raw]


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code: it has 80 random bits, so one SHA-256 is enough."""
    plain = code.replace("-", "").replace(" ", "").upper()
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def _totp(key: str) -> TOTP:
    return TOTP(base64.b32decode(key), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - what every app computes
