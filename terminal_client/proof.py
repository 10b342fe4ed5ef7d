"""The proof that this terminal knows its auth code without sending it.

The relay sends 128 random bytes; the answer is their AES-128-CBC encryption under the auth code. Over one
random message of fixed length, CBC with a zero IV and no padding is a sound proof (CTP fact 19).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

AUTH_CODE_BYTES = 16
TIMESTAMP_BYTES = 128


class BadAuthCode(ValueError):
    """The auth code has the wrong form; the message never contains it."""


def auth_info(auth_code: str, timestamp: bytes) -> bytes:
    """The answer to the relay's challenge: 128 bytes.

    BadAuthCode unless the auth code is 16 ASCII characters; ValueError unless the timestamp is 128 bytes.
    """
    if len(timestamp) != TIMESTAMP_BYTES:
        raise ValueError(f"the challenge must be {TIMESTAMP_BYTES} bytes, not {len(timestamp)}")
    encryptor = Cipher(algorithms.AES(key_of(auth_code)), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(timestamp) + encryptor.finalize()


def key_of(auth_code: str) -> bytes:
    """The auth code as an AES-128 key."""
    if not auth_code.isascii() or len(auth_code) != AUTH_CODE_BYTES:
        raise BadAuthCode(
            f"an auth code (授权码) is {AUTH_CODE_BYTES} ASCII characters; this one has {len(auth_code)}:"
            " copy it again from what the futures firm gave you, without spaces or line ends"
        )
    return auth_code.encode("ascii")
