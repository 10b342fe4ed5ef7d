"""Asks the vulnerability database of the Python packages about every package of requirements/, through pip-audit.

    python -m scripts.audit

pip-audit is installed into an environment of its own, .cache/audit, because only this command needs it. Exit code 0: no
vulnerability is known. 1: some are, and they are listed. 3: NOT DONE, because pip-audit or the database cannot be reached; that
is never taken for 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.hashes import FOLDER, ROOT

PIP_AUDIT = "pip-audit==2.10.1"
CLEAN, VULNERABLE, NOT_DONE = 0, 1, 3
_PLACE = ROOT / ".cache/audit"
_SECONDS = 600


class NotDone(Exception):
    """The question was not answered; the message says why."""


def verdict(report: Mapping[str, Any]) -> list[str]:
    """A line for each known vulnerability. Raises NotDone where a package was not asked about."""
    packages: Sequence[Mapping[str, Any]] = report["dependencies"]
    if skipped := [one for one in packages if "skip_reason" in one]:
        first = f"{skipped[0]['name']} ({skipped[0]['skip_reason']})"
        raise NotDone(f"the database did not answer for {len(skipped)} of {len(packages)} packages, first {first}")
    if not packages:
        raise NotDone("it asked about nothing")
    return [
        f"{one['name']} {one['version']}: {found['id']}, repaired in {', '.join(found['fix_versions']) or 'no version'}"
        for one in packages
        for found in one["vulns"]
    ]


def _pip_audit() -> Path:
    program = _PLACE / "bin/pip-audit"
    if not program.exists():
        venv.create(_PLACE, with_pip=True, clear=True)
        _run([str(_PLACE / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PIP_AUDIT])
    return program


def _run(command: Sequence[str], *, allowed: Sequence[int] = (0,)) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotDone(str(error)) from None
    if done.returncode not in allowed:
        last = [line for line in done.stderr.split("\n") if line.strip()][-1:]
        raise NotDone(" ".join(last)[:300] or f"{command[0]} ended with {done.returncode}")


def ask() -> Mapping[str, Any]:
    """pip-audit's report. Raises NotDone."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        files = [part for path in sorted(FOLDER.glob("*.txt")) for part in ("-r", str(path))]
        options = [
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
            "--format",
            "json",
            "--output",
            str(report),
        ]
        _run([str(_pip_audit()), *options, *files], allowed=(0, 1))  # 1: something was found, or it failed
        try:
            found: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise NotDone("the vulnerability database does not answer") from None
        return found


def main() -> int:
    """The exit code, with what there is to say."""
    try:
        known = verdict(ask())
    except NotDone as why:
        print(f"audit: NOT DONE: {why}")
        return NOT_DONE
    print("\n".join(known) if known else "audit: no vulnerability is known of any package")
    return VULNERABLE if known else CLEAN


if __name__ == "__main__":
    sys.exit(main())
