"""The auth code of the scripted relay's one terminal, and its proof."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

AUTH_CODE = "0123456789abcdef"


def proved(auth_info: bytes, timestamp: bytes) -> bool:
    """Whether the answer was made with the auth code."""
    decryptor = Cipher(algorithms.AES(AUTH_CODE.encode()), modes.CBC(bytes(16))).decryptor()
    return decryptor.update(auth_info) + decryptor.finalize() == timestamp
