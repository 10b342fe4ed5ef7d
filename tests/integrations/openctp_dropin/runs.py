"""Programs written for openctp_ctp, run twice: on the real binding over the counter, and by the runner behind a relay."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simcounter.exec import program_environment
from tests.e2e.site import AUTH_CODE, TERMINAL, Site
from tests.test_house import ROOT

SECONDS = 60
IMPORTS = (ROOT, ROOT / "proto", ROOT / "integrations/openctp_dropin")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    status: int
    output: str
    errors: str


def settings_file(site: Site, folder: Path) -> Path:
    """The terminal's settings as a user writes them for a program with a broker's address inside."""
    (folder / "auth_code.secret").write_text(AUTH_CODE, encoding="utf-8")
    lines = [
        f'front = "relay://127.0.0.1:{site.relay.port}"',
        f'app_id = "{TERMINAL}"',
        'auth_code_file = "auth_code.secret"',
        f'ca_file = "{site.tls.authority}"',
    ]
    file = folder / "terminal.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def variables_with(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONASYNCIODEBUG"}}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, IMPORTS)), "PYTHONUNBUFFERED": "1", **extra}


async def behind(
    site: Site, folder: Path, command: Sequence[str | Path], words: str = "", variables: Mapping[str, str] | None = None
) -> Ended:
    """The program by the runner: `python -m ctp_relay_openctp program.py`; `words` are typed to it."""
    settings = {"CTP_RELAY_TERMINAL": str(settings_file(site, folder)), **(variables or {})}
    return await run_program(
        [sys.executable, "-m", "ctp_relay_openctp", *command], folder, variables_with(settings), words
    )


async def directly(site: Site, folder: Path, command: Sequence[str | Path], words: str = "") -> Ended:
    """The same program as it is, on the real binding with the counter for its front."""
    variables = variables_with(program_environment({}, site.counter.address))
    return await run_program([sys.executable, *command], folder, variables, words)


async def run_program(command: Sequence[str | Path], folder: Path, variables: Mapping[str, str], words: str) -> Ended:
    def run() -> Ended:
        ended = subprocess.run(
            list(map(str, command)),
            cwd=folder,
            env=dict(variables),
            input=words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return await asyncio.to_thread(run)
