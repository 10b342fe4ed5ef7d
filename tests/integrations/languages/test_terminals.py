"""Each example terminal, compiled by what Debian has, trades through a real relay in front of the simulated counter."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import pytest_asyncio

from ctpabi.api import binding
from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.conftest import StartRelay, shim, start_site, tls
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, WILL_REST, Site
from tests.integrations.languages.toolchains import INTEGRATIONS, make, needs
from tests.test_house import ROOT

__all__ = ["shim", "start_site", "tls"]

WANTED = "CTP_RELAY_LANGUAGES_TEST"
DEADLINE_SECONDS = 180.0
EXAMPLES = INTEGRATIONS / "examples"
BUILDS = ROOT / ".cache/languages"
"""kept, because C++ takes a minute"""
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not os.environ.get(WANTED), reason="compiles for minutes; to run it: make languages-test"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def settings(start_site: StartRelay, tmp_path: Path) -> dict[str, str]:
    """The environment of an example: a relay of its own, and the collector program."""
    site: Site = await start_site(Mode.MANY_TO_MANY)
    collect = await asyncio.to_thread(make, INTEGRATIONS / "ctp_collect", tmp_path / "collect")
    investor = INVESTORS[0]
    return {
        "CTP_TERMINAL_RELAY": f"127.0.0.1:{site.relay.port}",
        "CTP_TERMINAL_CA_FILE": str(site.tls.authority),
        "CTP_TERMINAL_APP_ID": TERMINAL,
        "CTP_TERMINAL_AUTH_CODE": AUTH_CODE,
        "CTP_TERMINAL_BROKER": BROKER,
        "CTP_TERMINAL_INVESTOR": investor,
        "CTP_TERMINAL_PASSWORD": demo_accounts.password_of(investor),
        "CTP_TERMINAL_LIBRARY": str(binding.vendor_library()),
        "CTP_COLLECT": str(collect / "ctp-collect"),
        "CTP_EXAMPLE_PRICE": str(WILL_REST),
    }


async def say(settings: dict[str, str], *command: str | Path) -> list[str]:
    """What the program printed, line by line; it ended well, and had nothing to complain of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **settings},
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{output.decode()}\n{errors.decode()}"
    return output.decode().splitlines()


def traded(lines: list[str]) -> None:
    """The whole conversation happened, in order, and the session is the same after the break."""
    words = [line.split() for line in lines]
    kinds = [word[0] for word in words if word[0] != "order"]
    assert kinds == ["collected", "logged_in", "account", "breaking", "logged_in", "goodbye"], lines
    logins = [word for word in words if word[0] == "logged_in"]
    assert [login[4] for login in logins] == ["resumed=0", "resumed=1"]
    assert logins[0][1:4] == logins[1][1:4]
    assert float(next(word[1] for word in words if word[0] == "account")) > 0
    orders = [word for word in words if word[0] == "order"]
    assert len({order[1] for order in orders}) == 1
    assert "NOTRADEQUEUEING" in plain(" ".join(order[2] for order in orders))
    assert plain(orders[-1][2]).endswith("CANCELED")
    assert plain(words[-1][1]).endswith("LOGGEDOUT")


def plain(name: str) -> str:
    """A value's name without what languages put around it."""
    return name.replace("_", "").upper()


@needs("node", "npm", packages="nodejs npm")
async def test_node(settings: dict[str, str], tmp_path: Path) -> None:
    """What `npm ci` installs runs as it is."""
    for name in ("package.json", "package-lock.json", "terminal.js"):
        (tmp_path / name).write_bytes((EXAMPLES / "node" / name).read_bytes())
    await say({}, "npm", "ci", "--silent", "--ignore-scripts", "--prefix", str(tmp_path))
    protos = {"CTP_RELAY_PROTOS": str(INTEGRATIONS / "protos")}

    lines = await say(settings | protos, "node", tmp_path / "terminal.js")

    traded(lines)


@needs(
    "g++",
    "make",
    "protoc",
    "grpc_cpp_plugin",
    "pkg-config",
    packages="g++ make pkg-config protobuf-compiler protobuf-compiler-grpc libgrpc++-dev libssl-dev",
)
async def test_cpp(settings: dict[str, str]) -> None:
    """With the proof in C beside it."""
    program = await asyncio.to_thread(make, EXAMPLES / "cpp", BUILDS / "cpp") / "terminal"

    traded(await say(settings, program))


@needs(
    "go",
    "make",
    "protoc",
    "protoc-gen-go",
    "protoc-gen-go-grpc",
    packages="golang-go golang-google-grpc-dev golang-github-golang-protobuf-1-5-dev protobuf-compiler protoc-gen-go protoc-gen-go-grpc",
)
async def test_go(settings: dict[str, str]) -> None:
    """With Debian's own packages of Go, and no module proxy."""
    program = await asyncio.to_thread(make, EXAMPLES / "go", BUILDS / "go") / "terminal"

    traded(await say(settings, program))


@needs(
    "javac",
    "make",
    "protoc",
    "grpc_java_plugin",
    packages="default-jdk-headless make protobuf-compiler libprotobuf-java libgrpc-java libnetty-java libnetty-tcnative-java protobuf-compiler-grpc-java-plugin",
)
async def test_java(settings: dict[str, str]) -> None:
    """With Debian's own jars, and no Maven."""
    build = await asyncio.to_thread(make, EXAMPLES / "java", BUILDS / "java")
    flags = (f"-Djava.library.path={build}/native", "-cp", f"{build}/classes:/usr/share/java/*")

    traded(await say(settings, "java", *flags, "Terminal"))


@needs("dotnet", packages="install the .NET 8 SDK (Debian has none), then: make languages-test")
async def test_csharp(settings: dict[str, str], tmp_path: Path) -> None:
    """The SDK fetches the packages that the project names."""
    for name in ("Terminal.csproj", "Terminal.cs"):
        (tmp_path / name).write_bytes((EXAMPLES / "csharp" / name).read_bytes())
    await say({}, "dotnet", "build", "-o", str(tmp_path / "out"), f"-p:Protos={INTEGRATIONS / 'protos'}", str(tmp_path))

    traded(await say(settings, "dotnet", tmp_path / "out/Terminal.dll"))
