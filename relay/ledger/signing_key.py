"""The key that signs exported ledger files: an Ed25519 key in a PEM file that only its owner may read."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from relay.settings.secret_files import SecretFileRefused, check_private, create_private


def open_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the key. Raises SecretFileRefused where there is none or others may use it."""
    check_private(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SecretFileRefused(f"{path}: holds no private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretFileRefused(f"{path}: holds a key of another kind; an Ed25519 key is needed")
    return key


def make_signing_key(path: Path) -> bool:
    """Make the key file; returns False where there is one already. Raises SecretFileRefused."""
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        create_private(path, content)
    except FileExistsError:
        return False
    except PermissionError as error:
        raise SecretFileRefused(f"{path}: {error.strerror}") from None
    return True
