"""What the relay is made of: licences, the bill of materials, and an audit that never is green by silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import audit, packages
from scripts.hashes import read_files
from tests.test_house import ROOT


def test_the_page_of_licences_is_what_the_packages_say() -> None:
    """Written by a command; every package that runs has one."""
    assert packages.PAGE.read_text(encoding="utf-8") == packages.licences_page()
    assert packages.licences_page().partition("## Development")[0].count("not stated") == 0


def test_a_page_that_is_out_of_date_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the command that writes it."""
    page = tmp_path / "licences.md"
    page.write_text(packages.licences_page().replace("grpcio", "other"), encoding="utf-8")
    monkeypatch.setattr(packages, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["packages", "licences", "--check"])

    with pytest.raises(SystemExit, match="1"):
        packages.main()


def test_the_bill_of_materials_names_every_package(tmp_path: Path) -> None:
    """By name, version, licence and hash; who needs whom; the same each time."""
    command = [sys.executable, "-m", "scripts.packages", "sbom", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    bill: dict[str, Any] = json.loads(Path(done.stdout.strip()).read_text(encoding="utf-8"))

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        name: version for name, (version, _, _) in read_files()["relay.txt"].items()
    }
    assert all(
        one["licenses"] and one["properties"] and one["purl"].startswith("pkg:pypi/") for one in bill["components"]
    )
    references = {one["bom-ref"] for one in bill["components"]}
    assert {needed for one in bill["dependencies"] for needed in one["dependsOn"]} == references
    assert bill == packages.bill_of_materials()


def report(*packages_: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages_)}


GOOD = {"name": "rich", "version": "15.0.0", "vulns": []}
BAD = {"name": "h2", "version": "4.4.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["4.4.2"]}]}
LEFT_OUT = {"name": "mako", "skip_reason": "not found"}


def test_known_vulnerabilities_are_listed() -> None:
    """With the version that repairs it."""
    assert audit.verdict(report(GOOD)) == []
    assert audit.verdict(report(GOOD, BAD)) == ["h2 4.4.1: PYSEC-1, repaired in 4.4.2"]


@pytest.mark.parametrize("said", [report(), report(GOOD, LEFT_OUT)], ids=["nothing", "left out"])
def test_an_audit_with_a_gap_is_not_done(
    said: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package the database did not answer for is no package without vulnerabilities."""
    monkeypatch.setattr(audit, "ask", lambda: said)

    assert audit.main() == audit.NOT_DONE
    assert capsys.readouterr().out.startswith("audit: NOT DONE: ")


@pytest.mark.parametrize(
    "program",
    ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho 'no route to the database' >&2; exit 2\n", "#!/bin/sh\nkill $$\n"],
)
def test_a_database_that_is_away_is_not_done(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever way pip-audit fails."""
    played = tmp_path / "pip-audit"
    played.write_text(program)
    played.chmod(0o700)
    monkeypatch.setattr(audit, "_pip_audit", lambda: played)

    assert audit.main() == audit.NOT_DONE
    assert "NOT DONE" in capsys.readouterr().out
