"""The certificates of one demonstration."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509

from demo.certificates import make_tls_files

NOW = dt.datetime(2026, 1, 5, 9, 0, tzinfo=dt.UTC)


def test_the_relay_is_known_by_its_address(state_dir: Path) -> None:
    """The certificate is for this machine's names, signed by the authority the terminal trusts, for one day."""
    files = make_tls_files(state_dir, NOW)

    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc <= NOW + dt.timedelta(days=1)


def test_the_key_is_the_owners(state_dir: Path) -> None:
    """Nobody else can read the private key, and the authority's is not kept."""
    files = make_tls_files(state_dir, NOW)

    assert files.key.stat().st_mode & 0o077 == 0
    assert [path.name for path in state_dir.iterdir() if b"PRIVATE KEY" in path.read_bytes()] == [files.key.name]


def test_a_folder_in_use_is_not_overwritten(state_dir: Path) -> None:
    """A second set in the same folder is refused."""
    make_tls_files(state_dir, NOW)

    with pytest.raises(FileExistsError):
        make_tls_files(state_dir, NOW)
