"""From which source tree a relay and its terminals run: this one as it stands, or another revision's.

Another revision is laid out in .cache and measured by this tree's benchmark: its folder `benchmarks` is a link to this one. Its Python
packages are those installed here, which is said where its requirements differ. Counter, direct terminal and floor are always this tree's:
they are what is measured with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from demo.relay_run import RelayRun
from demo.relay_site import CommandFailed, clean_environment, relay_program

ROOT = Path(__file__).parents[1]
_COMMAND_SECONDS = 120
_COMPILE_SECONDS = 1_800
_PACKAGES = ("requirements/relay.txt", "constraints.txt")


@dataclass(frozen=True, slots=True)
class Tree:
    """`variables` make Python import from it."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """For a process of this tree."""
        return {**clean_environment(os.environ), **self.variables}

    def compile(self) -> None:
        """The order path of a tree that has `relay.compiled` is measured as machine code. Raises CommandFailed."""
        root = Path(self.variables["PYTHONPATH"].partition(os.pathsep)[0]) if self.variables else ROOT
        if not (root / "relay" / "compiled").is_dir():
            return
        done = subprocess.run(
            [sys.executable, "-m", "relay.compiled.build"],
            cwd=root,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(f"{self.name}: the order path could not be compiled: {done.stderr[-2000:]}")

    def run_command(self, folder: Path, *arguments: str) -> str:
        """What this tree's `ctp-relay ARGUMENTS` writes; CommandFailed."""
        done = subprocess.run(
            [relay_program(), *arguments],
            cwd=folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(
                f"{self.name}: ctp-relay {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done.stdout

    def relay(self, folder: Path, environment: dict[str, str]) -> RelayRun:
        return RelayRun(folder, {**environment, **self.variables})


HERE = Tree("this tree")


def tree_of(revision: str) -> Tree:
    """The tree of a commit, branch or tag, laid out once; ValueError where there is none."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    place = ROOT / ".cache" / "bench" / commit[:12]
    if not place.is_dir():
        _lay_out(commit, place)
    for name in _PACKAGES:
        theirs = place / name
        if not theirs.is_file() or theirs.read_bytes() != (ROOT / name).read_bytes():
            print(f"{revision} names other packages in {name}; those of this tree are used", file=sys.stderr)
    variables = {"PYTHONPATH": f"{place}{os.pathsep}{place / 'proto'}"}
    return Tree(f"{revision} ({commit[:9]})", variables)


def _lay_out(commit: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        archive, tree = Path(folder) / "tree.tar", Path(folder) / "tree"
        archive.write_bytes(_git("archive", "--format=tar", commit))
        with tarfile.open(archive) as packed:
            packed.extractall(tree, filter="data")
        shutil.rmtree(tree / "benchmarks", ignore_errors=True)
        (tree / "benchmarks").symlink_to(ROOT / "benchmarks")
        tree.rename(place)


def _git(*arguments: str) -> bytes:
    done = subprocess.run(
        [shutil.which("git") or "git", "-C", str(ROOT), *arguments],
        capture_output=True,
        check=False,
        timeout=_COMMAND_SECONDS,
    )
    if done.returncode:
        raise ValueError(f"git {' '.join(arguments)}: {done.stderr.decode().strip() or 'there is no such revision'}")
    return done.stdout
