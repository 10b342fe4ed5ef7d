"""The certificate that terminals see: whether it serves, how long, under which names, and whether its chain is whole."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import socket
import ssl
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID, NameOID

from relay.database.times import COUNTER_ZONE
from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.rows import tls as rows
from relay.rpc.certificates import CertificateUnusable, KeyOfAnother, read_authorities, read_pair
from relay.settings.listen_section import Listen
from relay.settings.values import split_address

DAYS_BEFORE = 30
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound


def check_certificate(case: Case) -> Iterator[Finding]:
    """That certificate and key serve, and until when."""
    listen = case.settings.listen
    certificate, key = listen.tls_certificate, listen.tls_key
    if certificate is None or key is None:
        yield rows.TLS_OFF()
        return
    try:
        pair = read_pair(certificate, key)
    except KeyOfAnother as error:
        yield rows.KEY_OF_ANOTHER(why=error)
        return
    except CertificateUnusable as error:
        yield rows.CERTIFICATE_UNUSABLE(why=error)
        return
    yield _validity(certificate, pair.valid_from, pair.valid_until)
    chain = x509.load_pem_x509_certificates(pair.chain)
    yield _names(listen, chain[0])
    yield _chain(chain)


def check_terminals_authorities(case: Case) -> Iterator[Finding]:
    """That the authorities of terminals' certificates can be read and are valid."""
    path = case.settings.listen.client_ca
    if path is None:
        return
    try:
        found = read_authorities(path)
    except CertificateUnusable as error:
        yield rows.CLIENT_CA_UNUSABLE(why=error)
        return
    until = found.valid_until
    if dt.datetime.now(dt.UTC) >= until:
        yield rows.CLIENT_CA_EXPIRED(name=" | ".join(found.names), until=in_china(until))
    else:
        yield rows.CLIENT_CA_RIGHT(count=len(found.names), until=in_china(until))


def check_admin_certificate(case: Case) -> Iterator[Finding]:
    """The certificate of the admin API on TCP, where there is one."""
    admin = case.settings.admin
    if admin.address is None or admin.certificate is None or admin.key is None or admin.client_authority is None:
        return
    try:
        pair = read_pair(admin.certificate, admin.key)
        read_authorities(admin.client_authority)
    except CertificateUnusable as error:
        yield rows.ADMIN_CERTIFICATE_UNUSABLE(why=error)
        return
    yield _validity(admin.certificate, pair.valid_from, pair.valid_until)


def _validity(file: Path, begins: dt.datetime, until: dt.datetime) -> Finding:
    now = dt.datetime.now(dt.UTC)
    days = max(0, (until - now).days)
    if now >= until:
        return rows.CERTIFICATE_EXPIRED(file=file, until=in_china(until))
    if now < begins:
        return rows.CERTIFICATE_NOT_YET(file=file, begins=in_china(begins))
    row = rows.CERTIFICATE_EXPIRES_SOON if days < DAYS_BEFORE else rows.CERTIFICATE_FITS
    return row(file=file, until=in_china(until), days=days)


def _names(listen: Listen, certificate: x509.Certificate) -> Finding:
    names = names_of(certificate)
    shown = ", ".join(names)
    if not names:
        return rows.CERTIFICATE_NAMES_NOTHING()
    dialed = listen.names or _bound_to(listen.address)
    if dialed:
        missing = [name for name in dialed if not is_named(name, names)]
        if missing:
            return rows.CERTIFICATE_NAMES_ANOTHER(names=shown, dialed=", ".join(missing))
        return rows.CERTIFICATE_NAMES_RIGHT(names=", ".join(dialed))
    here = [name for name in _names_here() if is_named(name, names)]
    if here:
        return rows.CERTIFICATE_NAMES_RIGHT(names=", ".join(here))
    return rows.CERTIFICATE_NAMES_UNKNOWN(names=shown)


def names_of(certificate: x509.Certificate) -> list[str]:
    """The names and addresses that terminals compare with what they dial."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def is_named(dialed: str, names: Sequence[str]) -> bool:
    """Whether one of the certificate's names is this; a `*` stands for the first label."""
    wanted = _one_form(dialed)
    first, dot, rest = wanted.partition(".")
    return any(_one_form(name) == wanted or (dot and first and _one_form(name) == f"*.{rest}") for name in names)


def _one_form(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().rstrip(".")


def _bound_to(address: str) -> tuple[str, ...]:
    host, _ = split_address(address)
    return () if host in _EVERYWHERE else (host,)


def _names_here() -> list[str]:
    names = {socket.gethostname(), socket.getfqdn()}
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            names |= {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), 0, family)}
        except OSError:
            continue
    return sorted(names)


def _chain(chain: Sequence[x509.Certificate]) -> Finding:
    for below, above in itertools.pairwise(chain):
        if not _issued(below, above):
            return rows.CHAIN_BROKEN(below=called(below.subject), above=called(above.subject))
    last = chain[-1]
    shown = " ← ".join(called(one.subject) for one in chain)
    if _issued(last, last) or last.issuer.public_bytes() in _roots_here():
        return rows.CHAIN_COMPLETE(chain=shown)
    if len(chain) == 1 and _names_its_issuers_file(last):
        return rows.CHAIN_INCOMPLETE(last=called(last.subject), issuer=called(last.issuer))
    return rows.CHAIN_OF_OWN_AUTHORITY(issuer=called(last.issuer))


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_its_issuers_file(certificate: x509.Certificate) -> bool:
    """As those of public authorities do, whose roots issue through intermediates only."""
    try:
        certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def _roots_here() -> set[bytes]:
    bundle = ssl.get_default_verify_paths().cafile or ""
    try:
        with warnings.catch_warnings(action="ignore"):  # some system roots are older than today's rules
            return {root.subject.public_bytes() for root in x509.load_pem_x509_certificates(Path(bundle).read_bytes())}
    except (OSError, ValueError):
        return set()


def called(name: x509.Name) -> str:
    """A subject or issuer in short: its common name, or all of it where it has none."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string() or "?"


def in_china(at: dt.datetime) -> str:
    """As people here read a time."""
    return at.astimezone(COUNTER_ZONE).strftime("%Y-%m-%d %H:%M:%S+08:00")
