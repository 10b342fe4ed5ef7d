"""The certificate terminals see: read again when its files change, and never replaced by one that cannot serve.

gRPC asks at every new connection whether there is another one; connections that exist keep theirs. The two files are
rarely replaced at the same moment, so a pair that does not fit is only said, and looked at again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import PublicKeyAlgorithmOID

from relay.settings.secret_files import SecretFileRefused, check_private

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
_SHORTEST_RSA = 1024


class CertificateUnusable(OSError):
    """The files cannot serve; the message names the file and says why, never what is in it."""


class KeyOfAnother(CertificateUnusable):
    """The key belongs to another certificate."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain and its key, both PEM."""

    chain: bytes = field(repr=False)
    """not shown: a file that holds both has the key in it"""
    key: bytes = field(repr=False)
    valid_from: dt.datetime
    valid_until: dt.datetime
    serial: str


def read_pair(certificate: Path, key: Path) -> Pair:
    """Read both files, blocking; raises CertificateUnusable unless they belong together and the key is the relay's own."""
    chain, secret = _read(certificate), _read_key(key)
    try:
        first, *_ = x509.load_pem_x509_certificates(chain)
        known = first.public_key()
        valid_from, valid_until = first.not_valid_before_utc, first.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CertificateUnusable(f"{certificate}: is not a PEM certificate") from None
    try:
        private = load_pem_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateUnusable(f"{key}: is not a PEM private key without a password") from None
    if _bytes(private.public_key()) != _bytes(known):
        raise KeyOfAnother(f"{key}: is not the key of {certificate}")
    if not _can_serve(first, known):
        raise CertificateUnusable(
            f"{certificate}: gRPC serves RSA keys from {_SHORTEST_RSA} bits, P-256 and P-384 only"
        )
    return Pair(chain, secret, valid_from, valid_until, f"{first.serial_number:x}")


class Certificates:
    """The pair new connections get. `look` and `use` block: not for the event loop's thread."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises CertificateUnusable. One that has expired is served all the same, and said."""
        self._certificate, self._key = certificate, key
        self._seen = _state(certificate, key)
        self._begins: dt.datetime | None = None
        """when a pair that was read too early may be taken"""
        self._pair = read_pair(certificate, key)
        if why := self._why_not_now(self._pair):
            _log.error("certificate_not_valid", why=why)

    @property
    def valid_until(self) -> dt.datetime:
        return self._pair.valid_until

    def credentials(self) -> grpc.ServerCredentials:
        """For one server; each has its own, because each asks for what is new to it."""
        served = self._pair

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """On a thread of gRPC's, at each new connection; None leaves it at the one before."""
            nonlocal served
            if self._pair is served:
                return None
            served = self._pair
            return _configuration(served)

        return grpc.dynamic_ssl_server_credentials(_configuration(served), fetch)  # type: ignore[arg-type]  # may be None

    def look(self) -> None:
        """Take what is in the files where they have changed since they were last read; says it where they are unfit."""
        its_time = self._begins is not None and _now() >= self._begins
        if _state(self._certificate, self._key) == self._seen and not its_time:
            return
        try:
            self.use(self._certificate, self._key)
        except CertificateUnusable as error:
            _log.error("certificate_not_taken", why=str(error), advice="the one before is served on")

    def use(self, certificate: Path, key: Path) -> None:
        """Take these files from here on, and what is in them; raises CertificateUnusable, and keeps the one before."""
        self._certificate, self._key = certificate, key
        self._seen = _state(certificate, key)
        self._begins = None
        pair = read_pair(certificate, key)
        if why := self._why_not_now(pair):
            self._begins = pair.valid_from if _now() < pair.valid_from else None
            raise CertificateUnusable(why)
        if pair != self._pair:
            self._pair = pair
            _log.info("certificate_taken", serial=pair.serial, valid_until=pair.valid_until.isoformat())

    async def watch(self, seconds: float = _LOOK_SECONDS) -> None:
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.look)

    def _why_not_now(self, pair: Pair) -> str:
        now = _now()
        if now >= pair.valid_until:
            return f"{self._certificate}: expired at {pair.valid_until.isoformat()}"
        if now < pair.valid_from:
            return f"{self._certificate}: is not valid before {pair.valid_from.isoformat()}"
        return ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(f"{path}: {error.strerror}") from None


def _read_key(path: Path) -> bytes:
    content = _read(path)
    try:
        check_private(path)
    except SecretFileRefused as error:
        raise CertificateUnusable(str(error)) from None
    return content


def _can_serve(certificate: x509.Certificate, key: PublicKeyTypes) -> bool:
    """Whether gRPC's TLS takes the key, here and at terminals; it refuses others at every connection, without a word."""
    if isinstance(key, rsa.RSAPublicKey):  # also of a key that is for RSA-PSS alone
        usual = certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5
        return usual and key.key_size >= _SHORTEST_RSA
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)


def _bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _state(*paths: Path) -> list[tuple[int, ...] | None]:
    """What tells that a file was written or replaced, also behind a symbolic link, or that its mode or owner was mended."""

    def one(path: Path) -> tuple[int, ...] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    return [one(path) for path in paths]
