"""The Dockerfile's own commands in a clean Debian, where no Docker engine can build it: both stages, then the program as its user.

`make deploy-test` runs it: it installs packages from Debian's and Python's indexes.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.clean_root import ROOT, CleanRoot, why_not

pytestmark = pytest.mark.skipif(
    not os.environ.get("CTP_RELAY_DEPLOY_TEST"), reason="takes minutes; to run it: make deploy-test"
)

Instruction = tuple[str, str]
_OF_THIS_MACHINE = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt", "etc/pip.conf")
"""how this machine reaches the indexes"""
SETTINGS = """\
[listen]
address = "127.0.0.1:50051"
plaintext_on_loopback = true
[counter]
fronts = ["tcp://127.0.0.1:1"]
broker_id = "9999"
relay_app_id = "firm_relay_1.0"
relay_auth_code_file = "/etc/ctp-relay/code"
[relay]
state_dir = "/var/lib/ctp-relay/state"
"""


def instructions() -> list[Instruction]:
    """The Dockerfile's, each in one line."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@dataclass(slots=True)
class Stage:
    """One stage while it is built."""

    root: CleanRoot
    variables: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    said: dict[str, str] = field(default_factory=dict)
    """ENTRYPOINT, CMD and the like, as they stand"""

    def shell(self, command: str, *, user: str = "") -> subprocess.CompletedProcess[str]:
        given = [f"{name}={value}" for name, value in self.variables.items()]
        as_user = ["runuser", "-u", user, "--"] if user else []
        script = f"cd {shlex.quote(self.folder)} && {command}"
        return self.root.run(*as_user, "env", *given, "sh", "-ec", script, check=False)

    def take(self, word: str, rest: str, others: dict[str, Stage]) -> None:
        match word:
            case "RUN":
                done = self.shell(rest)
                assert done.returncode == 0, done.stdout[-3000:]
            case "COPY":
                self._copy(shlex.split(rest), others)
            case "ENV":
                pairs = dict(pair.split("=", 1) for pair in shlex.split(rest))
                self.variables |= {name: value.replace("$PATH", _PATH) for name, value in pairs.items()}
            case "WORKDIR":
                self.folder = rest
                self._place(rest).mkdir(parents=True, exist_ok=True)
            case "USER":
                self.user = rest
            case _:
                self.said[word] = rest

    def _copy(self, words: list[str], others: dict[str, Stage]) -> None:
        source = others[words.pop(0).partition("=")[2]].root.path if words[0].startswith("--from=") else ROOT
        *names, to = words
        for name in names:
            found, place = source / name.lstrip("/"), self._place(to)
            if found.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True, ignore=ignored)
            else:
                shutil.copy2(found, place / found.name)

    def _place(self, path: str) -> Path:
        return self.root.path / (Path(self.folder) / path).as_posix().lstrip("/")


_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage `relay`, built from the stage `packages`."""
    if reason := why_not():
        pytest.skip(reason)
    directory, stages, name = tmp_path_factory.mktemp("image"), dict[str, Stage](), ""
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            if base != "${PYTHON_IMAGE}":
                break
            stages[name] = stage = Stage(CleanRoot(directory / name), {"PATH": _PATH})
            for file in _OF_THIS_MACHINE:
                if Path("/", file).exists():
                    shutil.copy2(Path("/", file), stage.root.path / file)
            (stage.root.path / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        elif stages:
            stages[name].take(word, rest, stages)
    yield stages["relay"]
    shutil.rmtree(directory, ignore_errors=True)


def test_the_image_serves_as_its_user(image: Stage) -> None:
    """Without root, without a compiler; its health check is red before it serves and green while it does."""
    place = image.root.path / "etc/ctp-relay"
    image.root.file("/etc/ctp-relay/relay.toml", SETTINGS)
    image.root.file("/etc/ctp-relay/code", "RELAYAUTH0000001", 0o600)
    for file in place.iterdir():
        shutil.chown(file, 10001)
    command = shlex.join([*json.loads(image.said["ENTRYPOINT"]), *json.loads(image.said["CMD"])])
    health = shlex.join(json.loads(image.said["HEALTHCHECK"].partition(" CMD ")[2]))
    said = image.shell(
        f"{health} && exit 9; {command} >/tmp/log & relay=$!; n=0; until {health} 2>/dev/null;"
        " do n=$((n+1)); [ $n -lt 200 ] || { cat /tmp/log; exit 8; }; sleep 0.3; done; kill $relay; wait $relay; cat /tmp/log",
        user=image.user,
    )

    assert image.user == "ctp-relay"
    assert said.returncode == 0, said.stdout
    assert "relay_ready" in said.stdout
    assert image.shell("command -v gcc || command -v cc || command -v g++").stdout == ""
    assert image.shell("touch /opt/ctp-relay/x || touch /usr/bin/x", user=image.user).returncode != 0
    assert image.shell("stat -c '%U %a' /var/lib/ctp-relay/state").stdout.strip() == "ctp-relay 700"
