"""How CTS hides a password: DES in ECB mode under the connection's passkey, PKCS#5 padding, standard Base64.

Passkey and ciphertext share one plain connection, so whoever listens there reads the password. The manual says so, and
asks for a line that strangers cannot listen to.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from relay.counter.cts.wire import WireFault

PASSKEY_BYTES = 8


def check_passkey(passkey: object) -> bytes:
    """The passkey of a connect answer. Raises WireFault, without the value."""
    if not isinstance(passkey, str) or not passkey.isascii() or len(passkey) != PASSKEY_BYTES:
        raise WireFault("passkey is not 8 ASCII bytes")
    return passkey.encode("ascii")


def can_be_hidden(password: str) -> bool:
    """CTS takes ASCII alone."""
    return password.isascii() and "\0" not in password


def hide(password: str, passkey: bytes) -> str:
    """As it stands in a request."""
    padder = padding.PKCS7(TripleDES.block_size).padder()
    # Three equal keys make Triple DES the single DES that CTS has.
    encryptor = Cipher(TripleDES(passkey * 3), modes.ECB()).encryptor()  # noqa: S305 - CTS has no other cipher
    padded = padder.update(password.encode("ascii")) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")
