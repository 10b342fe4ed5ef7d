"""The locale is found, or built, or its absence is named together with the command that helps."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ctpabi import locale

PROGRAM = "import os; from ctpabi import locale; locale.ensure(); print(os.environ.get('LOCPATH', ''))"


def run(environment: dict[str, str], program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    """A fresh process: the C library reads LOCPATH as it starts looking for locales."""
    paths = {"PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment | paths, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which no zh_CN.GB18030 can be found yet."""
    empty = tmp_path / "empty"
    empty.mkdir()
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCPATH": str(empty)}


@pytest.mark.slow
def test_a_missing_locale_is_built_and_loads(bare: dict[str, str]) -> None:
    """Two processes that start at once both build or find the locale, and the binding imports; nothing is left over."""
    results: list[subprocess.CompletedProcess[str]] = []
    program = PROGRAM + "; import openctp_ctp"
    threads = [threading.Thread(target=lambda: results.append(run(bare, program))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    directory = Path(bare["XDG_CACHE_HOME"], "ctp-relay", "locale")

    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    assert [result.stdout.strip() for result in results] == [str(directory)] * 2
    assert [path.name for path in directory.iterdir()] == [locale.NAME]


THREADS = """
from concurrent.futures import ThreadPoolExecutor, wait
from ctpabi import locale
build, others = locale._build, []
def build_while_another_asks(directory):
    if not others:
        others.append(pool.submit(locale.ensure))
        wait(others, timeout=1.0)
    build(directory)
locale._build = build_while_another_asks
with ThreadPoolExecutor(1) as pool:
    locale.ensure()
others[0].result()
"""


@pytest.mark.long
def test_threads_that_need_it_at_once_all_have_it(bare: dict[str, str]) -> None:
    """As where both libraries of the simulated counter are built for the first time on a machine."""
    result = run(bare, THREADS)

    assert result.returncode == 0, result.stderr


def test_no_localedef_names_the_command(bare: dict[str, str], tmp_path: Path) -> None:
    """Where it cannot be built, the error says what to install."""
    result = run(bare | {"PATH": str(tmp_path)})

    assert result.returncode == 1
    assert result.stderr.strip().endswith(f"missing and so is localedef to build it: {locale.INSTALL_COMMAND}")


def test_a_broken_localedef_names_the_command(bare: dict[str, str], tmp_path: Path) -> None:
    """localedef without the GB18030 charmap builds nothing; its own words and the command are in the error."""
    broken = tmp_path / "localedef"
    broken.write_text("#!/bin/sh\necho 'character map file not found' >&2\nexit 4\n")
    broken.chmod(0o755)

    result = run(bare | {"PATH": f"{tmp_path}:/usr/bin:/bin"})

    assert result.returncode == 1
    assert "(character map file not found): apt-get install -y locales" in result.stderr
