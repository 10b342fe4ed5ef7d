"""Settings, secrets and certificates, as an operator or a deployment writes them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from fuzz.mutations import any_bytes, lines_of, toml_text
from fuzz.targets import Play, promise
from relay.rpc.certificates import CertificateUnusable, read_pair
from relay.settings.file import SettingsInvalid, load, secrets_of
from relay.settings.secret_files import SecretFileRefused, read_secret
from relay.settings.settings import Settings
from relay.settings.text import example
from simcounter.config import CounterConfig, SettingsError, load_config

_SECRET = "geheim-0123456789"  # noqa: S105 - looked for in messages
_SPLIT = b"\n----\n"


def settings(data: bytes) -> None:
    """TOML, then `----`, then the environment: settings, or SettingsInvalid that names no secret."""
    text, _, environment = data.partition(_SPLIT)
    path = Path("relay.toml")
    path.write_bytes(text)
    pairs = [line.partition("=") for line in environment.decode("utf-8", "surrogateescape").split("\n")]
    given = {name: value for name, mark, value in pairs if mark and "\0" not in name + value}
    given["CTP_RELAY__COUNTER__RELAY_AUTH_CODE"] = _SECRET
    try:
        loaded = load(path, given)
        secrets = secrets_of(loaded)
    except SettingsInvalid as error:
        promise(_SECRET not in str(error), "an error shows no secret")
        promise(error.problems, "an error says what is wrong")
        return
    promise(isinstance(loaded, Settings), "settings are settings")
    promise(_SECRET not in repr(loaded) + repr(secrets) + loaded.model_dump_json(), "what is shown holds no secret")


def secret_files(data: bytes) -> None:
    """A secret is one line, or the file is refused without a word of what is in it."""
    path = Path("auth-code")
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        secret = read_secret(path).get_secret_value()
    except SecretFileRefused as error:
        promise(len(str(error)) < 300, "an error is short")
        return
    promise(secret, "a secret is not empty")
    promise("\n" not in secret, "a secret is one line")
    promise(data.decode().startswith(secret), "a secret is what the file begins with")


def certificates(data: bytes) -> None:
    """A pair that belongs together, or CertificateUnusable without a word of the key."""
    chain, _, key = data.partition(_SPLIT)
    Path("chain.pem").write_bytes(chain)
    Path("key.pem").touch(mode=0o600)
    Path("key.pem").write_bytes(key)
    try:
        pair = read_pair(Path("chain.pem"), Path("key.pem"))
    except CertificateUnusable as error:
        promise(len(str(error)) < 300, "an error is short")
        return
    promise(b"PRIVATE" not in repr(pair).encode(), "what is shown holds no key")


def counter_settings(data: bytes) -> None:
    """The simulated counter's settings, or SettingsError in one line."""
    path = Path("counter.toml")
    path.write_bytes(data)
    try:
        config = load_config(path)
    except SettingsError as error:
        promise("\n" not in str(error), "an error is one line")
        return
    promise(isinstance(config, CounterConfig), "settings are settings")


def _certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(day).not_valid_after(day + dt.timedelta(days=3650))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def _pairs() -> list[bytes]:
    curve = ec.derive_private_key(7, ec.SECP256R1())
    other = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    long_one = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the shortest that gRPC serves
    keys = (curve, other, long_one)
    plain = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in keys]
    chains = [_certificate(key) for key in keys]
    locked = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    pairs = [*zip(chains, plain, strict=True), (chains[0], locked), (chains[0] + chains[2], plain[0])]
    return [chain + _SPLIT + key for chain, key in pairs]


_WHOLE = b"""[relay]
mode = "many_to_one"
[listen]
address = "127.0.0.1:50051"
trusted_proxies = ["10.0.0.0/8"]
[counter]
fronts = ["tcp://127.0.0.1:41205"]
broker_id = "9999"
relay_app_id = "demo_relay_1.0"
[counter.operator]
user_id = "op0001"
password_file = "nowhere"
"""
_COUNTER = b"""port = 0
broker_id = "9999"
trading_day = "20261123"
orders_per_second = 5
[[apps]]
app_id = "a"
app_type = "1"
auth_code = "0123456789abcdef"
[[users]]
user_id = "100001"
password = "x"
[[instruments]]
instrument_id = "rb2701"
"""

PLAYS = {
    "settings": Play(
        settings,
        [
            example().encode() + _SPLIT,
            _WHOLE + _SPLIT + b"CTP_RELAY__LISTEN__ADDRESS=[::1]:50051\nCTP_RELAY__LIMITS__MAX_SESSIONS=7",
            _WHOLE + _SPLIT + b'CTP_RELAY__LISTEN__TRUSTED_PROXIES=["10.0.0.0/8"]\nCTP_RELAY_MODE=x\nPATH=/bin',
        ],
        toml_text,
        longest=30_000,
    ),
    "secret_files": Play(
        secret_files,
        [b"0123456789abcdef\n", b"one\r\ntwo\n", "密码\u2028x\n".encode(), b"\xef\xbb\xbfx"],
        any_bytes,
        longest=512,
    ),
    "certificates": Play(certificates, _pairs(), lines_of(any_bytes), longest=6000),
    "counter_settings": Play(counter_settings, [_COUNTER, b"seed = 2\n"], toml_text),
}
"""by target"""
