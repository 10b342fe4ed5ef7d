"""Which certificate is whose."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from relay.admission.admission import Admission, AdmissionRules, Proof
from relay.admission.client_certificates import (
    Asked,
    ShownCertificate,
    mark_of,
    read_certificate,
    why_not_this_terminals,
)
from relay.admission.origin.trusted_proxies import origin_at
from relay.admission.system_info import AgeLimits
from relay.directory.terminals import Terminal
from relay.refusals.refusal import Refused

SHOWN = ShownCertificate(frozenset({"sha256:" + "a" * 64, "name:desk.example.com"}))


def terminal(*marks: str) -> Terminal:
    return Terminal("one_1.0", "", frozenset(), True, "", "", certificates=frozenset(marks))


@pytest.mark.parametrize(
    ("asked", "marks", "shown", "reason"),
    [
        (Asked.OFF, ["name:other"], None, ""),
        (Asked.OPTIONAL, [], None, ""),
        (Asked.OPTIONAL, ["name:desk.example.com"], SHOWN, ""),
        (Asked.OPTIONAL, ["name:desk.example.com"], None, "certificate_missing"),
        (Asked.OPTIONAL, ["name:other"], SHOWN, "certificate_of_another"),
        (Asked.REQUIRED, [], SHOWN, "certificate_not_registered"),
        (Asked.REQUIRED, ["sha256:" + "a" * 64], SHOWN, ""),
        (Asked.REQUIRED, ["name:other", "name:desk.example.com"], SHOWN, ""),
        (Asked.REQUIRED, ["sha256:" + "b" * 64], SHOWN, "certificate_of_another"),
        (Asked.REQUIRED, ["name:other"], None, "certificate_missing"),
    ],
)
def test_who_is_let_in(asked: Asked, marks: list[str], shown: ShownCertificate | None, reason: str) -> None:
    refusal = why_not_this_terminals(asked, terminal(*marks), shown)

    assert (refusal.reason if refusal else "") == reason


def test_what_a_certificate_says() -> None:
    """Its fingerprint, its DNS names and its common name; small letters, so that it is found as it was registered."""
    pem = trustme.CA().issue_cert("Desk.Example.com", common_name="Desk One").cert_chain_pems[0].bytes()
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()

    shown = read_certificate(pem)
    assert shown is not None
    assert {f"sha256:{digest}", "name:desk.example.com", "name:desk one"} <= shown.marks
    assert shown.sha256 == f"sha256:{digest}"
    assert read_certificate(b"rubbish") is None


def test_marks_are_kept_in_one_form() -> None:
    """As openssl prints a fingerprint, and as a person types a name."""
    assert mark_of(" SHA256:" + ":".join(["AB"] * 32)) == "sha256:" + "ab" * 32
    assert mark_of("name:Desk.Example.com") == "name:desk.example.com"


@pytest.mark.parametrize("text", ["", "abc", "sha256:12", "name:", "name:a b", "name:" + "x" * 129, "md5:" + "a" * 32])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sha256: and 64"):
        mark_of(text)


async def test_a_resume_shows_the_certificate_too() -> None:
    """Else a stolen token and auth code would do without it."""

    class Proved:
        async def prove(self, *_: object) -> Terminal:
            return terminal("name:desk.example.com")

    admission = Admission.__new__(Admission)
    admission.rules = AdmissionRules("9999", AgeLimits(300.0, 60.0), certificates=Asked.REQUIRED)
    admission._proofs = Proved()  # type: ignore[assignment]
    origin = origin_at(ip_address("192.0.2.1"), 5)

    await admission.prove_for_resume(Proof("one_1.0", origin, b"", b"", SHOWN))
    with pytest.raises(Refused) as refused:
        await admission.prove_for_resume(Proof("one_1.0", origin, b"", b""))
    assert refused.value.refusal.reason == "certificate_missing"
