"""The certificate for trying out: verified as a terminal does."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from relay.first_start.trial_certificate import VALID, make_trial_files

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


def test_it_is_good_for_its_names_and_for_so_long() -> None:
    """A name and an address; not for another name, and not when its days are over."""
    made = make_trial_files(["relay.example.com", "192.0.2.7"], NOW)
    certificate = x509.load_pem_x509_certificate(made.certificate)
    store = Store([x509.load_pem_x509_certificate(made.authority)])

    def verify(name: x509.GeneralName, at: dt.datetime) -> None:
        assert isinstance(name, x509.DNSName | x509.IPAddress)
        PolicyBuilder().store(store).time(at).build_server_verifier(name).verify(certificate, [])

    with pytest.raises(VerificationError):
        verify(x509.DNSName("other.example.com"), NOW)
    with pytest.raises(VerificationError):
        verify(x509.DNSName("relay.example.com"), NOW + VALID + dt.timedelta(days=1))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["relay.example.com"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert certificate.issuer == x509.load_pem_x509_certificate(made.authority).subject


def test_the_key_is_not_shown() -> None:
    made = make_trial_files(["a"], NOW)

    assert made.key not in repr(made).encode()
    assert "PRIVATE" not in repr(made)
