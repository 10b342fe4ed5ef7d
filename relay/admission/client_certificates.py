"""Whether the certificate a terminal showed in TLS is one that is registered with its app id.

TLS has checked by then that the certificate is valid now, was issued by an authority of `listen.client_ca`, and that
the terminal has its key. What is left is whose it is. A firm registers **marks** with an app id: `sha256:…` is one certificate,
`name:…` every certificate of the authorities with this DNS name or common name, so that it can be renewed unseen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from relay.directory.terminals import Terminal
from relay.refusals import login_reasons
from relay.refusals.refusal import Refusal

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"name:[!-~]{1,128}")
MOST_MARKS = 64


class Asked(StrEnum):
    """`listen.client_certificates`."""

    OFF = "off"
    OPTIONAL = "optional"
    """of app ids with a mark"""
    REQUIRED = "required"
    """of all"""


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """What a terminal showed."""

    marks: frozenset[str]
    """all that fit it"""

    @property
    def sha256(self) -> str:
        """The mark that is of this certificate alone."""
        return next(mark for mark in self.marks if mark.startswith("sha256:"))


def read_certificate(pem: bytes) -> ShownCertificate | None:
    """What one PEM certificate says; None where it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = [str(attribute.value) for attribute in common]
        try:
            others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names += others.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            pass
    except ValueError:
        return None
    marks = {f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}"}
    return ShownCertificate(frozenset(marks | {f"name:{name.lower()}" for name in names}))


def mark_of(text: str) -> str:
    """A mark as it is kept; ValueError says what one looks like."""
    kind, _, value = text.strip().partition(":")
    mark = f"{kind.lower()}:{value.lower().replace(':', '') if kind.lower() == 'sha256' else value.lower()}"
    if not _SHA256.fullmatch(mark) and not _NAME.fullmatch(mark):
        raise ValueError(
            "a certificate is named by sha256: and 64 hexadecimal digits, or by name: and its DNS or common name"
        )
    return mark


def why_not_this_terminals(asked: Asked, terminal: Terminal, shown: ShownCertificate | None) -> Refusal | None:
    """Why the terminal that has proved `terminal`'s auth code is not let in with this certificate; None where it is."""
    if asked is Asked.OFF or (asked is Asked.OPTIONAL and not terminal.certificates):
        return None
    if not terminal.certificates:
        return login_reasons.certificate_not_registered(app_id=terminal.app_id)
    if shown is None:
        return login_reasons.certificate_missing(app_id=terminal.app_id)
    if not terminal.certificates & shown.marks:
        return login_reasons.certificate_of_another(app_id=terminal.app_id, sha256=shown.sha256)
    return None
