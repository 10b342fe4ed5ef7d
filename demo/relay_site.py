"""One relay's folder: its settings, its secret files, and the real `ctp-relay` commands run in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.cast import Cast
from demo.certificates import TlsFiles
from relay.settings.secret_files import create_private
from simcounter import demo_accounts

_OURS = ("CTP_RELAY_", "CTP_SIMCOUNTER_")
_DEBUGGING = {"PYTHONASYNCIODEBUG", "PYTHONDEVMODE"}
_LAST_WORDS = 2000
SETTINGS = """\
[relay]
name = "demo"
mode = "{mode}"
state_dir = "state"
drain_seconds = 5

[listen]
address = "127.0.0.1:0"
tls_certificate = "{certificate}"
tls_key = "{key}"

[counter]
system = "{system}"
broker_id = "{broker_id}"
{counter}
[counter.operator]
user_id = "{operator_id}"
password_file = "operator.secret"

{further}
[log]
format = "json"
"""


CTP_COUNTER = """\
binding = "{binding}"
fronts = ["{front}"]
relay_app_id = "{relay_app_id}"
relay_auth_code_file = "relay_auth_code.secret"
"""


class CommandFailed(Exception):
    """A command of the relay ended with an error; the message has its words."""


@dataclass(frozen=True, slots=True)
class CounterLines:
    """What the relay's settings say of one counter."""

    system: str
    section: str
    """further lines of [counter]"""
    further: str = ""
    """sections below it"""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """secret files besides the operator's password, by name"""


def ctp_settings(cast: Cast, front: str, binding: str = "openctp-ctp") -> CounterLines:
    """Of a counter with CTP's interface."""
    section = CTP_COUNTER.format(binding=binding, front=front, relay_app_id=cast.relay_app_id)
    code = demo_accounts.AUTH_CODES[cast.relay_app_id]
    return CounterLines("ctp", section, secrets={"relay_auth_code.secret": code})


@dataclass(frozen=True, slots=True)
class RelaySite:
    """Where one relay lives."""

    folder: Path
    cast: Cast
    tls: TlsFiles
    terminal_auth_code: str = field(repr=False)

    def furnish(self, counter: CounterLines) -> None:
        """Write the settings and the secret files; FileExistsError where the folder is in use."""
        self.folder.mkdir(mode=0o700)
        settings = SETTINGS.format(
            mode=self.cast.mode,
            certificate=os.path.relpath(self.tls.certificate, self.folder),
            key=os.path.relpath(self.tls.key, self.folder),
            system=counter.system,
            broker_id=demo_accounts.BROKER_ID,
            counter=counter.section,
            operator_id=demo_accounts.OPERATOR_ID,
            further=counter.further,
        )
        secrets = {
            "operator.secret": demo_accounts.password_of(demo_accounts.OPERATOR_ID),
            "investor.secret": demo_accounts.password_of(self.cast.investor_id),
            "terminal_auth_code.secret": self.terminal_auth_code,
            **counter.secrets,
        }
        for name, content in {"relay.toml": settings, **secrets}.items():
            create_private(self.folder / name, content.encode() + b"\n")

    async def run(self, *arguments: str, seconds: float = 30.0) -> str:
        """What `ctp-relay ARGUMENTS` writes on its standard output; raises CommandFailed, TimeoutError."""
        process = await asyncio.create_subprocess_exec(
            relay_program(),
            *arguments,
            cwd=self.folder,
            env=clean_environment(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(seconds):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            words = (errors or output).decode("utf-8", "replace").strip()[-_LAST_WORDS:]
            raise CommandFailed(f"ctp-relay {' '.join(arguments[:2])} ended with {process.returncode}: {words}")
        return output.decode("utf-8")

    async def run_json(self, *arguments: str) -> Any:
        """The same, where the command writes one JSON document."""
        return json.loads(await self.run(*arguments))


def relay_program() -> str:
    """The installed `ctp-relay`; CommandFailed says how to get it."""
    beside = Path(sysconfig.get_path("scripts"), "ctp-relay")
    found = str(beside) if beside.is_file() else shutil.which("ctp-relay")
    if found is None:
        raise CommandFailed("ctp-relay is not installed here: run `make set-up`, or pip install this project")
    return found


def clean_environment(base: Mapping[str, str]) -> dict[str, str]:
    """`base` without what would change the demonstration's relay or counter, asyncio's debug mode for one."""
    return {name: value for name, value in base.items() if not name.startswith(_OURS) and name not in _DEBUGGING}
