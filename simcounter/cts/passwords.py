"""How CTS hides a password: DES in ECB mode under the connection's passkey, PKCS#5 padding, standard Base64.

Key and ciphertext travel over one plain connection, so this hides nothing from a listener; it is what CTS does.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import string

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_BLOCK_BITS = 64


def new_passkey() -> str:
    """Eight ASCII characters, new for each connection."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(8))


def hide(password: str, passkey: str) -> str:
    """As a client sends it."""
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    encryptor = _cipher(passkey).encryptor()
    padded = padder.update(password.encode("ascii")) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def reveal(hidden: object, passkey: str) -> str | None:
    """The password; None for what was not hidden under this passkey."""
    if not isinstance(hidden, str):
        return None
    try:
        decryptor = _cipher(passkey).decryptor()
        padded = decryptor.update(base64.b64decode(hidden, validate=True)) + decryptor.finalize()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode("ascii")
    except (binascii.Error, ValueError):
        return None


def _cipher(passkey: str) -> Cipher[modes.ECB]:
    # Three equal keys make Triple DES the single DES that CTS has.
    return Cipher(TripleDES(passkey.encode("ascii") * 3), modes.ECB())  # noqa: S305 - CTS has no other cipher
