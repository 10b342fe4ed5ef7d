"""The example terminals: how each is built outside the source tree, and the command that runs it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctpabi.api import binding
from tests.integrations.languages.toolchains import INTEGRATIONS, make, needs
from tests.test_house import ROOT

EXAMPLES = INTEGRATIONS / "examples"
PROTOS = INTEGRATIONS / "protos"
BUILDS = ROOT / ".cache/languages"
"""kept, because C++ takes a minute"""
PRICE = "3400"
"""below the best bid of the simulated market: an order to buy rests"""
Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class ExampleTerminal:
    """One language; `build` returns the command."""

    build: Callable[[], Command]
    programs: tuple[str, ...]
    packages: str
    """of Debian 12, with everything that `programs` come from"""


def node() -> Command:
    """What `npm ci` installs runs as it is."""
    build = copied("node", "package.json", "package-lock.json", "terminal.js")
    subprocess.run(
        ["npm", "ci", "--silent", "--ignore-scripts"], cwd=build, check=True, timeout=300, stdin=subprocess.DEVNULL
    )
    return ["node", build / "terminal.js"]


def cpp() -> Command:
    """With the proof in C beside it."""
    return [make(EXAMPLES / "cpp", BUILDS / "cpp") / "terminal"]


def go() -> Command:
    """With Debian's own packages of Go, and no module proxy."""
    return [make(EXAMPLES / "go", BUILDS / "go") / "terminal"]


def java() -> Command:
    """With Debian's own jars, and no Maven."""
    build = make(EXAMPLES / "java", BUILDS / "java")
    return ["java", f"-Djava.library.path={build}/native", "-cp", f"{build}/classes:/usr/share/java/*", "Terminal"]


def csharp() -> Command:
    """The SDK fetches the packages that the project names."""
    build = copied("csharp", "Terminal.csproj", "Terminal.cs")
    subprocess.run(["dotnet", "build", "-o", "out", f"-p:Protos={PROTOS}"], cwd=build, check=True, timeout=600)
    return ["dotnet", build / "out/Terminal.dll"]


def copied(name: str, *files: str) -> Path:
    build = BUILDS / name
    build.mkdir(parents=True, exist_ok=True)
    for file in files:
        (build / file).write_bytes((EXAMPLES / name / file).read_bytes())
    return build


TERMINALS = {
    "node": ExampleTerminal(node, ("node", "npm"), "nodejs npm"),
    "cpp": ExampleTerminal(
        cpp,
        ("g++", "make", "protoc", "grpc_cpp_plugin", "pkg-config"),
        "g++ make pkg-config protobuf-compiler protobuf-compiler-grpc libgrpc++-dev libssl-dev",
    ),
    "go": ExampleTerminal(
        go,
        ("go", "make", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"),
        "golang-go golang-google-grpc-dev golang-github-golang-protobuf-1-5-dev protobuf-compiler protoc-gen-go protoc-gen-go-grpc",
    ),
    "java": ExampleTerminal(
        java,
        ("javac", "make", "protoc", "grpc_java_plugin"),
        "default-jdk-headless make protobuf-compiler libprotobuf-java libgrpc-java libnetty-java libnetty-tcnative-java protobuf-compiler-grpc-java-plugin",
    ),
    "csharp": ExampleTerminal(
        csharp, ("dotnet",), "install the .NET 8 SDK (Debian has none), then: make languages-test"
    ),
}

each_language = pytest.mark.parametrize(
    "language",
    [pytest.param(name, marks=needs(*each.programs, packages=each.packages)) for name, each in TERMINALS.items()],
)


@pytest.fixture(scope="session")
def built() -> Callable[[str], Command]:
    """`built(language)`: the command of an example, which is built once."""
    commands: dict[str, Command] = {}

    def build(language: str) -> Command:
        if language not in commands:
            commands[language] = TERMINALS[language].build()
        return commands[language]

    return build


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of every example that are the same everywhere: the collector, and where the protos are."""
    collect = make(INTEGRATIONS / "ctp_collect", tmp_path_factory.mktemp("collect")) / "ctp-collect"
    return {
        "CTP_COLLECT": str(collect),
        "CTP_TERMINAL_LIBRARY": str(binding.vendor_library()),
        "CTP_RELAY_PROTOS": str(PROTOS),
        "CTP_EXAMPLE_PRICE": PRICE,
    }


async def start(command: Command, settings: dict[str, str], stdin: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **settings},
    )
