"""A program in Java that calls the vendor's C++ interface by JNA trades through a relay: `ctp-terminal exec`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.catalog.data import load_catalog
from simcounter import demo_accounts
from tests.e2e.conftest import mode, shared_site, shim, site, tls
from tests.e2e.site import AUTH_CODE, BROKER, INVESTORS, TERMINAL, Site
from tests.integrations.languages.test_terminals import DEADLINE_SECONDS, WANTED
from tests.integrations.languages.toolchains import needs
from tests.test_house import ROOT

__all__ = ["mode", "shared_site", "shim", "site", "tls"]

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not os.environ.get(WANTED), reason="compiles for minutes; to run it: make languages-test"),
    needs("javac", "java", "g++", packages="default-jdk-headless libjna-java g++"),
]
SOURCE = Path(__file__).with_name("programs") / "JnaTrader.java"
JNA = "/usr/share/java/jna.jar"
STRUCTS = ("ReqAuthenticate", "ReqUserLogin", "SettlementInfoConfirm", "InputOrder", "Order")


def places() -> str:
    """Where methods stand in the vtables, and fields in the structs."""
    catalog = load_catalog()
    lines = [f"api.{method.name} = {method.slot}" for method in catalog.methods.values()]
    lines += [f"spi.{callback.name} = {callback.slot}" for callback in catalog.callbacks.values()]
    lines.append(f"spi = {len(catalog.callbacks)}")
    for name in STRUCTS:
        struct = catalog.structs[name]
        lines += [f"{name} = {struct.size}", *(f"{name}.{field.name} = {field.offset}" for field in struct.fields)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program, and its file of places."""
    if not Path(JNA).exists():
        pytest.skip("needs JNA; to run it: apt-get install libjna-java && make languages-test")
    place = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-cp", JNA, "-d", place, SOURCE], check=True, timeout=DEADLINE_SECONDS)
    (place / "places.properties").write_text(places(), encoding="ascii")
    return place


async def test_a_java_program_trades(site: Site, classes: Path, tmp_path: Path) -> None:
    """It opens the library itself; login, a fill with its words in Chinese, and release."""
    settings = f'relay = "127.0.0.1:{site.relay.port}"\nca_file = "{site.tls.authority}"\n'
    (tmp_path / "terminal.toml").write_text(settings, encoding="utf-8")
    user = INVESTORS[-1]
    library = str(binding.vendor_library())
    program = ["java", "-cp", f"{JNA}:{classes}", "JnaTrader", library, str(classes / "places.properties")]
    account = [BROKER, user, demo_accounts.password_of(user), TERMINAL, AUTH_CODE]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"}
    environment.pop("PYTHONASYNCIODEBUG", None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "terminal_client.cli.app", "--config", "terminal.toml", "exec", "--"),
        *(*program, *account),
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    lines = output.decode().splitlines()
    assert (process.returncode, errors.decode()) == (0, ""), lines
    assert lines[:5] == [
        "version v6.7.11_RELAY",
        "connected",
        "OnRspAuthenticate 1 0",
        "OnRspUserLogin 2 0",
        "OnRspSettlementInfoConfirm 3 0",
    ]
    assert [line for line in lines if line.startswith("order 1 ")][-1] == "order 1 0 全部成交"
    assert lines[-1] == "done"
