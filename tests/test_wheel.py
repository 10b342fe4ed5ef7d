"""The distributions, built and tried: what is packed, what an index shows, what is needed, and that each command starts."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from ctpabi.api import binding
from tests.terminal_client.scripted_relay import AUTH_CODE, ServedRelay
from tests.test_house import ROOT, tracked

SERVER, TERMINAL, OPENCTP, VNPY = "ctp_relay", "ctp_relay_terminal", "ctp_relay_openctp", "vnpy_relay"
PACKED = {
    SERVER: {"relay", "simcounter"},
    TERMINAL: {"ctpabi", "ctprelay", "terminal_client"},
    OPENCTP: {"ctp_relay_openctp"},
    VNPY: {"vnpy_relay"},
}
BESIDE = {SERVER: (TERMINAL,), TERMINAL: (), OPENCTP: (TERMINAL,)}
"""what a distribution of ours needs of ours"""
LYING_IN = re.compile(r"proto/|integrations/(?:openctp_dropin|vnpy_gateway)/(?=ctp_relay_openctp/|vnpy_relay/)")
"""folders of the repository that are not part of a module's name"""
ONLY_TO_BUILD = {f"terminal_client/{name}" for name in ("hatch_build.py", "pyproject.toml", "PACKAGE.md")}
LICENSES = ("LICENSE", "NOTICE")
COMMANDS = {SERVER: {"ctp-relay", "ctp-simcounter"}, TERMINAL: {"ctp-terminal"}, OPENCTP: set(), VNPY: set()}

LOG_IN = """
import asyncio, sys
from pathlib import Path
from terminal_client import RelayTerminal, Tls, collect

async def main(address, authority, auth_code, collector):
    tls = Tls(ca_file=Path(authority))
    async with RelayTerminal(address, app_id="vendor_1.0", auth_code=auth_code, tls=tls) as terminal:
        info = await terminal.login("9999", "100001", "password", collect(Path(collector)))
        print(info.trading_day)

asyncio.run(main(*sys.argv[1:]))
print(*sorted({name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheels and source archives are, built from the tracked files and what an earlier build left behind."""
    folder = tmp_path_factory.mktemp("wheels")
    tree = folder / "tree"
    for path in tracked():
        target = tree / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for ghost in ("build/lib/relay/ghost.py", "terminal_client/__pycache__/ghost.pyc"):
        (tree / ghost).parent.mkdir(parents=True)
        (tree / ghost).touch()
    build(folder)
    return folder


def build(folder: Path, into: str = "") -> None:
    environment = {**os.environ, "CTP_RELAY_VENV": sys.prefix, "SOURCE_DATE_EPOCH": "1750000000"}
    command = [folder / "tree/scripts/wheels", folder / into]
    subprocess.run(command, env=environment, capture_output=True, check=True)


@pytest.fixture(scope="module")
def wheels(built: Path) -> dict[str, Path]:
    """The wheels by name."""
    return {path.name.split("-")[0]: path for path in built.glob("*.whl")}


@pytest.fixture(scope="module")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Runs programs where a distribution is installed, with nothing beside it but what it declares."""

    @cache
    def environment(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        venv.create(folder, with_pip=False, symlinks=True)
        own = [wheels[one] for one in (name, *BESIDE[name])]
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--no-index", "--no-compile", "--disable-pip-version-check", *map(str, own)], check=True)
        return folder

    @cache
    def with_extras(name: str, *extras: str) -> Run:
        folder, dependencies = environment(name), tmp_path_factory.mktemp("dependencies")
        (site,) = folder.glob("lib/python3*/site-packages")
        for distribution in declared(site, Requirement(f"{name}[{','.join(extras)}]")):
            link(distribution, dependencies)

        def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
            command = [str(folder / "bin" / program), *arguments]
            paths = {"PYTHONPATH": str(dependencies)}
            return subprocess.run(command, env=clean | paths, cwd=folder, capture_output=True, text=True, check=False)

        return run

    return with_extras


def link(distribution: metadata.Distribution, folder: Path) -> None:
    """Make importable from `folder` what is installed for this test run."""
    for top in {file.parts[0] for file in distribution.files or ()} - {".."}:
        if not (folder / top).exists():
            (folder / top).symlink_to(str(distribution.locate_file(top)))


def declared(site: Path, wanted: Requirement) -> Iterator[metadata.Distribution]:
    """What `wanted`, installed in `site`, needs beside what is there: directly or not, with the extras asked for."""
    seen, waiting = set(), [wanted]
    while waiting:
        asked = waiting.pop()
        if str(asked) in seen:
            continue
        seen.add(str(asked))
        found = next(iter(metadata.distributions(name=asked.name, path=[str(site)])), None)
        distribution = found or metadata.distribution(asked.name)
        if found is None:
            yield distribution
        lines = [Requirement(line) for line in distribution.requires or ()]
        waiting += [line for line in lines if any(applies(line, extra) for extra in asked.extras or {""})]


def applies(line: Requirement, extra: str) -> bool:
    return line.marker is None or line.marker.evaluate({"extra": extra})


def packed(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("name", PACKED)
def test_a_wheel_holds_its_packages_and_nothing_else(wheels: dict[str, Path], name: str) -> None:
    """Every tracked file of them and the license; nothing that lay around, nothing that only builds."""
    names = packed(wheels[name])
    files = {path.relative_to(ROOT).as_posix() for path in tracked()} - ONLY_TO_BUILD
    wanted = {LYING_IN.sub("", file, count=1) for file in files}

    assert {n for n in names if ".dist-info/" not in n} == {w for w in wanted if w.split("/")[0] in PACKED[name]}
    assert {n.split("/")[-1] for n in names if "/licenses/" in n} == set(LICENSES)
    assert {f"{package}/py.typed" for package in PACKED[name]} <= names


@pytest.mark.parametrize("name", PACKED)
def test_a_source_archive_holds_what_the_wheel_is_made_from(wheels: dict[str, Path], built: Path, name: str) -> None:
    """Nothing of tests, tools or the vendor; the wheel was built from it, by `scripts/wheels`."""
    (archive,) = built.glob(f"{name}-*.tar.gz")
    with tarfile.open(archive) as opened:
        files = {one.split("/", 1)[1] for one in opened.getnames()}
    wheel = {one for one in packed(wheels[name]) if ".dist-info/" not in one}

    for_the_build = {"PKG-INFO", "pyproject.toml", "hatch_build.py", "PACKAGE.md", ".gitignore", *LICENSES}
    assert wheel <= files
    assert files - wheel <= for_the_build


@pytest.mark.parametrize("name", PACKED)
def test_an_index_shows_a_page_that_is_whole(wheels: dict[str, Path], name: str) -> None:
    """What an upload is checked for; Chinese first; no link that leads nowhere outside the repository; the Pythons it is tried on."""
    with zipfile.ZipFile(wheels[name]) as archive:
        (place,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        shown = Metadata.from_email(archive.read(place), validate=True)
    page, classifiers = shown.description or "", set(shown.classifiers or ())

    assert shown.description_content_type == "text/markdown"
    assert 0 < page.index("。") < page.index("\n## English\n")
    assert not re.findall(r"\]\((?!https?://)", page)
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= classifiers
    assert {f"Natural Language :: {one}" for one in ("Chinese (Simplified)", "English")} <= classifiers
    assert any(one.startswith("Operating System :: ") for one in classifiers)
    assert {"Typing :: Typed", "Topic :: Office/Business :: Financial :: Investment"} <= classifiers
    assert shown.license_expression == "Apache-2.0"
    assert {"CTP", "中继", "看穿式监管"} <= set(shown.keywords or ())


@pytest.mark.parametrize("name", PACKED)
def test_a_distribution_brings_its_commands(wheels: dict[str, Path], name: str) -> None:
    """And no others."""
    (distribution,) = metadata.distributions(path=[str(wheels[name])])

    assert {one.name for one in distribution.entry_points} == COMMANDS[name]


def test_two_builds_are_the_same_bytes(built: Path) -> None:
    """Whenever the files were laid there: what was handed out can be built again and compared."""
    for path in (built / "tree").rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    build(built, "again")

    first = {path.name: path.read_bytes() for path in built.iterdir() if path.is_file()}
    assert len(first) == 2 * len(PACKED)
    assert {path.name: path.read_bytes() for path in (built / "again").iterdir()} == first


def test_the_licence_beside_a_distribution_is_the_repositorys() -> None:
    """A distribution in a folder of its own can only pack what lies there."""
    for folder in ("integrations/openctp_dropin", "integrations/vnpy_gateway"):
        for name in LICENSES:
            assert (ROOT / folder / name).read_bytes() == (ROOT / name).read_bytes()


def test_programs_for_openctp_find_the_package_that_stands_in_its_place(installed: Callable[..., Run]) -> None:
    """One line starts a program with it, with what the distribution declares: neither binding nor server is needed."""
    code = "from openctp_ctp import mdapi, tdapi; import openctp_ctp; print(openctp_ctp.__version__, tdapi.THOST_FTDC_D_Buy)"
    outcome = installed(OPENCTP)("python", "-m", "ctp_relay_openctp", "-c", code)

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split()[1] == "0"


def test_no_file_is_owned_twice(wheels: dict[str, Path]) -> None:
    """Installed side by side, in either order, neither overwrites or removes a file of the other."""
    assert packed(wheels[SERVER]) & packed(wheels[TERMINAL]) == set()
    assert packed(wheels[OPENCTP]) & (packed(wheels[SERVER]) | packed(wheels[TERMINAL])) == set()
    assert packed(wheels[VNPY]) & set().union(*(packed(wheels[name]) for name in (SERVER, TERMINAL, OPENCTP))) == set()


def test_all_have_one_version_and_ask_for_it(wheels: dict[str, Path]) -> None:
    """A server is never run on messages of another version."""
    (server,) = metadata.distributions(path=[str(wheels[SERVER])])
    (terminal,) = metadata.distributions(path=[str(wheels[TERMINAL])])

    assert server.version == terminal.version
    assert f"ctp-relay-terminal[cli,ctp]=={server.version}" in (server.requires or ())
    for name in (OPENCTP, VNPY):
        (other,) = metadata.distributions(path=[str(wheels[name])])
        assert other.version == server.version
        assert f"ctp-relay-terminal=={server.version}" in (other.requires or ())


def test_from_a_checkout_the_server_takes_the_terminal_beside_it(tmp_path: Path) -> None:
    """`pip install .` needs no index for the other half."""
    environment = {name: value for name, value in os.environ.items() if name != "CTP_RELAY_TERMINAL_PIN"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    (server,) = metadata.distributions(path=[str(path) for path in tmp_path.iterdir()])

    assert f"ctp-relay-terminal[cli,ctp] @ {(ROOT / 'terminal_client').as_uri()}" in (server.requires or ())


async def test_the_terminal_logs_in_with_what_it_declares(installed: Callable[..., Run], tmp_path: Path) -> None:
    """Without extras, with a collector of the vendor's own; neither the server nor the binding is there."""
    run = installed(TERMINAL)
    async with ServedRelay(tmp_path) as relay:
        arguments = (relay.address, str(relay.authority), AUTH_CODE, str(binding.vendor_library()))
        outcome = await asyncio.to_thread(run, "python", "-c", LOG_IN, *arguments)

    assert outcome.returncode == 0, outcome.stderr
    day, modules = outcome.stdout.splitlines()
    assert day == "20261123"
    assert not set(modules.split()) & {"relay", "simcounter", "openctp_ctp", "sqlalchemy", "pydantic", "typer", "rich"}


def test_the_command_without_its_extra_says_how_to_have_it(installed: Callable[..., Run]) -> None:
    """A vendor who installed the library alone reads the one line that is missing."""
    outcome = installed(TERMINAL)("ctp-terminal", "--help")

    assert outcome.returncode == 1
    assert outcome.stderr.strip().endswith("is not installed: pip install 'ctp-relay-terminal[cli]'")
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("name", "extras", "command"),
    [
        (TERMINAL, ("cli",), "ctp-terminal"),
        (SERVER, (), "ctp-terminal"),
        (SERVER, (), "ctp-relay"),
        (SERVER, (), "ctp-simcounter"),
    ],
)
def test_each_command_starts(installed: Callable[..., Run], name: str, extras: tuple[str, ...], command: str) -> None:
    """With what its distribution declares; the server brings the terminal's command along."""
    outcome = installed(name, *extras)(command, "--help")

    assert outcome.returncode == 0, outcome.stderr
    assert f"Usage: {command}" in outcome.stdout


@pytest.mark.parametrize("extras", [(), ("console",)], ids=["alone", "with the console"])
def test_the_server_is_complete(
    installed: Callable[..., Run], wheels: dict[str, Path], extras: tuple[str, ...]
) -> None:
    """All of its modules are importable, it knows its version, and what is for development only is absent."""
    run = installed(SERVER, *extras)
    modules = {path.removesuffix(".py").replace("/", ".") for path in packed(wheels[SERVER]) if path.endswith(".py")}
    named = sorted(m.removesuffix(".__init__") for m in modules if "migrations" not in m and "__main__" not in m)
    if not extras:
        named = [name for name in named if not name.startswith("relay.console.")]
    imports = run("python", "-c", f"import importlib\nfor name in {named}: importlib.import_module(name)")

    assert imports.returncode == 0, imports.stderr
    assert run("ctp-relay", "--version").stdout.strip() == metadata.version("ctp-relay")
    find = "import importlib.util, sys; print([name for name in sys.argv[1:] if importlib.util.find_spec(name)])"
    development = ("benchmarks", "codegen", "demo", "scripts", "tests", "pytest", "hatch_build")
    assert run("python", "-c", find, "relay", *development).stdout.strip() == "['relay']"
