"""How a terminal proves that it has the auth code without sending it.

The relay sends 128 random bytes, the terminal sends them back encrypted: AES-128-CBC under the 16-character
auth code, zero IV, no padding; CTP's front does so too (CTP fact 19). Over one random message of fixed length CBC is a sound proof; it is never
used to carry anything.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from relay.directory.auth_codes import AUTH_CODE_CHARACTERS, auth_code_key

TIMESTAMP_BYTES: Final = 128
VALID_SECONDS: Final = 10.0
"""how long a challenge may be answered"""

_ZERO_IV = bytes(16)
_NO_CODE = "0" * AUTH_CODE_CHARACTERS


def auth_info(auth_code: str, timestamp: bytes) -> bytes:
    """The 128 bytes that answer a challenge."""
    return _encrypt(auth_code_key(auth_code), timestamp)


def proof_is_right(auth_code: str | None, timestamp: bytes, answer: bytes) -> bool:
    """Whether `answer` was made from `timestamp` with the auth code; None is an unknown terminal, always False.

    Both cases take the same time, so that the answer does not tell which app ids are registered.
    """
    equal = hmac.compare_digest(auth_info(_NO_CODE if auth_code is None else auth_code, timestamp), answer)
    return equal and auth_code is not None


def _encrypt(key: bytes, timestamp: bytes) -> bytes:
    if len(timestamp) != TIMESTAMP_BYTES:
        raise ValueError(f"a challenge has {TIMESTAMP_BYTES} bytes, not {len(timestamp)}")
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(_ZERO_IV)).encryptor()
    return encryptor.update(timestamp) + encryptor.finalize()
