"""The certificate terminals see: read again when its files change, and never replaced by one that cannot serve.

Every new connection gets the newest; connections that exist keep theirs. The two files are
rarely replaced at the same moment, so a pair that does not fit is only said, and looked at again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import PublicKeyAlgorithmOID

from relay.settings.file_modes import why_changeable
from relay.settings.secret_files import SecretFileRefused, check_private

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 2.0
_SHORTEST_RSA = 1024
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=1"
"""of TLS 1.2; at this level keys from `_SHORTEST_RSA` bits are served"""


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
        raise CertificateUnusable(f"{certificate}: gRPC takes RSA keys from {_SHORTEST_RSA} bits, P-256 and P-384 only")
    return Pair(chain, secret, valid_from, valid_until, f"{first.serial_number:x}")


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who may issue terminals' certificates."""

    pem: bytes = field(repr=False)
    names: list[str]
    valid_until: dt.datetime
    """of the first that expires"""


def read_authorities(path: Path) -> Authorities:
    """Read the file, blocking; raises CertificateUnusable where it has none, or another user could add one."""
    content = _read(path)
    if why := why_changeable(path):
        raise CertificateUnusable(why)
    try:
        found = x509.load_pem_x509_certificates(content)
        names = [one.subject.rfc4514_string() for one in found]
        return Authorities(content, names, min(one.not_valid_after_utc for one in found))
    except (ValueError, x509.InvalidVersion):
        raise CertificateUnusable(f"{path}: has no PEM certificates") from None


@dataclass(frozen=True, slots=True)
class ServedFiles:
    """Where certificate, key and, with certificates of terminals, their authorities stand."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.certificate, self.key, *([self.client_ca] if self.client_ca is not None else []))


class Certificates:
    """The pair new connections get. `look` and `use` block: not for the event loop's thread."""

    def __init__(self, files: ServedFiles) -> None:
        """Raises CertificateUnusable. One that has expired is served all the same, and said."""
        self._files = files
        self._seen = _state(*files.paths)
        self._begins: dt.datetime | None = None
        """when a pair that was read too early may be taken"""
        self._pair = read_pair(files.certificate, files.key)
        self._authorities = read_authorities(files.client_ca) if files.client_ca is not None else None
        self._ready = _contexts(self._pair, self._authorities)
        if why := self._why_not_now(self._pair):
            _log.error("certificate_not_valid", why=why)

    @property
    def valid_until(self) -> dt.datetime:
        return self._pair.valid_until

    @property
    def expiries(self) -> dict[str, Callable[[], dt.datetime]]:
        """By setting: when what is in use expires; of several authorities, the first of them."""
        found: dict[str, Callable[[], dt.datetime]] = {"listen.tls_certificate": lambda: self.valid_until}
        if self._authorities is not None:
            found["listen.client_ca"] = self._authorities_until
        return found

    def _authorities_until(self) -> dt.datetime:
        return self._authorities.valid_until if self._authorities is not None else self.valid_until

    def context(self, *, asks: bool = False) -> ssl.SSLContext:
        """For one new connection; `asks` the terminal for a certificate as well. It is ready: nothing is made or read."""
        return self._ready[asks]

    def look(self) -> None:
        """Take what is in the files where they have changed since they were last read; says it where they are unfit."""
        its_time = self._begins is not None and _now() >= self._begins
        if _state(*self._files.paths) == self._seen and not its_time:
            return
        try:
            self.use(self._files)
        except CertificateUnusable as error:
            _log.error("certificate_not_taken", why=str(error), advice="the one before is served on")

    def use(self, files: ServedFiles) -> None:
        """Take these files from here on, and what is in them; raises CertificateUnusable, and keeps what was before."""
        self._files = files
        self._seen = _state(*files.paths)
        self._begins = None
        if files.client_ca is not None:
            self._take_authorities(read_authorities(files.client_ca))
        pair = read_pair(files.certificate, files.key)
        if why := self._why_not_now(pair):
            self._begins = pair.valid_from if _now() < pair.valid_from else None
            raise CertificateUnusable(why)
        if pair != self._pair:
            self._pair = pair
            self._ready = _contexts(pair, self._authorities)
            _log.info("certificate_taken", serial=pair.serial, valid_until=pair.valid_until.isoformat())

    def _take_authorities(self, authorities: Authorities) -> None:
        if authorities != self._authorities:
            self._authorities = authorities
            self._ready = _contexts(self._pair, authorities)
            _log.info(
                "client_ca_taken", authorities=authorities.names, first_expires=authorities.valid_until.isoformat()
            )

    async def watch(self, seconds: float = _LOOK_SECONDS) -> None:
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.look)

    def _why_not_now(self, pair: Pair) -> str:
        now = _now()
        if now >= pair.valid_until:
            return f"{self._files.certificate}: expired at {pair.valid_until.isoformat()}"
        if now < pair.valid_from:
            return f"{self._files.certificate}: is not valid before {pair.valid_from.isoformat()}"
        return ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _contexts(pair: Pair, authorities: Authorities | None) -> dict[bool, ssl.SSLContext]:
    """What connections are served with, by whether the terminal is asked for a certificate. Raises CertificateUnusable."""
    try:
        return {asks: _context(pair, authorities if asks else None) for asks in (False, True)}
    except ssl.SSLError as error:
        raise CertificateUnusable(f"the certificate cannot be served: {error.reason}") from None


def _context(pair: Pair, authorities: Authorities | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["h2"])
    context.num_tickets = 0  # terminals stay connected; a ticket is two records that nobody uses
    with _file_of(pair.chain) as chain, _file_of(pair.key) as key:
        context.load_cert_chain(chain, key)
    if authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority need not be a root
        context.load_verify_locations(cadata=authorities.pem.decode("ascii", "ignore"))
    return context


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The content as a file that is in memory alone: what was judged is what is served, whatever became of the files."""
    descriptor = os.memfd_create("ctp-relay", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


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
    """Whether gRPC's TLS takes the key at terminals; it refuses others at every connection, without a word."""
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
