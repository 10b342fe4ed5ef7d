"""The firm's own library: looked at before every start, each refusal with the key and what to do, in two languages."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.api.chosen_library import LibraryFault
from ctpabi.catalog import Distribution, Interface
from relay.doctor.case import Case
from relay.doctor.finding import About, Finding, FindingGravity
from relay.doctor.libraries import ROWS, check_chosen_libraries
from relay.settings.file import load
from relay.settings.libraries import why_not_trusted
from tests.relay.doctor.conftest import Patient

OTHER_USER = 65_533


@pytest.fixture
def library(patient: Patient) -> Path:
    """A copy of the package's own, which the settings name."""
    file = patient.directory / "broker.so"
    file.write_bytes(binding.vendor_library().read_bytes())
    patient.set("counter.library", file.name)
    return file


def looked(patient: Patient) -> list[Finding]:
    """At the libraries alone."""
    return list(check_chosen_libraries(Case(load(patient.config), starting=True, running=None)))


def refused(patient: Patient, name: str) -> Finding:
    """The start is, for this, and for nothing else about the library."""
    (finding,) = looked(patient)
    assert finding.name == name
    assert finding.refuses
    assert all("counter.library" in half for half in finding.text)
    return finding


def test_every_fault_has_its_words() -> None:
    assert ROWS.keys() == set(LibraryFault)


def test_one_that_fits(patient: Patient, library: Path) -> None:
    """Every slot is seen by name; the version and the digest are those that the ledger will have."""
    finding = patient.before_serving()["chosen_library_right"]

    assert finding.gravity is FindingGravity.OK
    assert finding.facts["file"] == library
    assert finding.facts["seen"] == finding.facts["slots"] == 133
    assert str(finding.facts["version"]).startswith("v6.7.11")
    assert finding.facts["sha256"] == hashlib.sha256(library.read_bytes()).hexdigest()


def test_one_that_is_none(patient: Patient, library: Path) -> None:
    """Missing, a folder, a text, of another name: what to do stands there."""
    library.write_text("not ELF\n")
    assert refused(patient, "chosen_library_no_library").about is About.SETTINGS

    library.write_bytes(binding.vendor_library(Distribution.CTP, Interface.MARKET_DATA).read_bytes())
    assert all("patchelf --set-soname" in half for half in refused(patient, "chosen_library_other_name").advice)

    library.unlink()
    assert all("counter.library" in half for half in refused(patient, "chosen_library_missing").advice)
    library.mkdir()
    refused(patient, "chosen_library_no_file")


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_one_that_others_can_write(patient: Patient, library: Path, mode: int) -> None:
    """What stands there runs in the relay; a link to it is no way around."""
    library.chmod(mode)
    assert "chmod go-w" in refused(patient, "chosen_library_untrusted").text[0]

    (patient.directory / "link.so").symlink_to(library)
    patient.set("counter.library", "link.so")
    assert str(library) in refused(patient, "chosen_library_untrusted").text[1]


def test_one_in_a_folder_that_others_can_write(patient: Patient, library: Path) -> None:
    """Also where only the link's target is there."""
    folder = patient.directory / "open"
    folder.mkdir()
    library.rename(folder / "broker.so")
    library.symlink_to(folder / "broker.so")
    folder.chmod(0o777)

    assert "chmod o-w" in refused(patient, "chosen_library_untrusted").text[0]


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root gives files away; run as root: sudo make test TESTS=tests/relay/doctor"
)
def test_one_of_another_user(patient: Patient, library: Path) -> None:
    """Root, or the user whose the relay's state is; root itself looks at both."""
    os.chown(library, OTHER_USER, -1)
    assert "chown root" in refused(patient, "chosen_library_untrusted").text[0]

    patient.state.mkdir(mode=0o700)
    os.chown(patient.state, OTHER_USER, -1)
    assert why_not_trusted(library, load(patient.config)) == ""


def test_that_of_market_data_where_there_is_any(patient: Patient) -> None:
    """Its key is named; without market data it is not looked at."""
    with patient.config.open("a") as config:
        config.write('[market_data]\nlibrary = "none.so"\n')
    assert looked(patient) == []

    with patient.config.open("a") as config:
        config.write('enabled = true\nfronts = ["tcp://127.0.0.1:9"]\n')
    (missing,) = looked(patient)
    assert "market_data.library" in missing.text[0]
