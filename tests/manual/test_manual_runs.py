"""The manual's own commands, in its order, in a fresh directory, against the simulated counter: its pages for trying out.

Both languages have the same commands (test_pages.py), so one is enough. What a reader has and the page does not make stands in
`environment`: the programs on the path, free ports in place of the usual ones. What needs a machine of its own, two relays behind
HAProxy say, is carried out by `make manual-test` (test_manual_on_a_machine.py).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.manual import FOLDER, CodeBlock, code_blocks

PAGES = ("install", "first-start")
PORTS = ("17001", "17002", "50051", "9108")
BINARIES = Path(sys.executable).parent
SECONDS = 280
TRIES = 400
"""how often a command that must succeed at some time is given, 0.3 s apart"""
SAID = "=== block "


@pytest.fixture
def ports() -> Mapping[str, str]:
    """A free port for each that the pages name."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    try:
        return {port: str(probe.getsockname()[1]) for port, probe in zip(PORTS, probes, strict=True)}
    finally:
        for probe in probes:
            probe.close()


@pytest.fixture
def environment(ports: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"},  # as it is shipped
        "PATH": os.pathsep.join([str(BINARIES), os.environ["PATH"], "/usr/sbin"]),
        "CTP_SIMCOUNTER_CONTROL": f"127.0.0.1:{ports['17002']}",
    }


def shown_blocks() -> Iterator[tuple[str, CodeBlock, str]]:
    """Every block that is carried out, and what the page says that it prints."""
    for page in PAGES:
        blocks = code_blocks((FOLDER / f"zh/{page}.md").read_text(encoding="utf-8"))
        for block, after in zip(blocks, [*blocks[1:], CodeBlock("", "", "")], strict=True):
            if block.mark in {"run", "run wait"}:
                yield page, block, after.text if after.kind == "text" else ""


def elsewhere(text: str, ports: Mapping[str, str]) -> str:
    """The same with this run's ports; the simulated counter takes its own from its options."""
    text = text.replace("ctp-simcounter run", "ctp-simcounter run --port 17001 --control-port 17002")
    return re.sub(r"\b(" + "|".join(PORTS) + r")\b", lambda found: ports[found[1]], text)


def script(blocks: list[tuple[str, CodeBlock, str]]) -> str:
    lines = ["set -euo pipefail"]
    for number, (_, block, _) in enumerate(blocks):
        lines.append(f"echo '{SAID}{number}'")
        if block.mark == "run wait":
            asked = " && ".join(block.text.splitlines())
            lines += [f"for _ in $(seq {TRIES}); do {{ {asked}; }} && break; sleep 0.3; done 2>/dev/null", asked]
        else:
            lines.append(block.text)
    return "\n".join(lines)


def logs_of(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.log")))


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
def test_what_the_manual_says_works_in_its_order(
    environment: dict[str, str], ports: Mapping[str, str], tmp_path: Path
) -> None:
    """Install and first start; and the commands print what the pages show."""
    blocks = list(shown_blocks())
    text = elsewhere(script(blocks), ports)
    output = tmp_path / "output"
    with output.open("w", encoding="utf-8") as file:
        shell = subprocess.Popen(
            ["/bin/bash", "-c", text], cwd=tmp_path, env=environment, stdout=file, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        status: int = shell.wait(SECONDS)
    except subprocess.TimeoutExpired:
        status = -1
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
    said = output.read_text(encoding="utf-8")
    logs = logs_of(tmp_path / "ctp-relay-trial")

    assert status == 0, said[-3000:] + logs[-3000:]
    parts = re.split(rf"^{SAID}(\d+)$", said, flags=re.MULTILINE)
    printed = {int(number): part for number, part in zip(parts[1::2], parts[2::2], strict=True)}
    for number, (page, block, wanted) in enumerate(blocks):
        found = printed[number] + (logs if ".log" in block.text else "")
        for line in elsewhere(wanted, ports).splitlines():
            assert line.strip() in found, f"{page}: {block.text} prints\n{found}"
