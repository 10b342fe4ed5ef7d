"""Programs in C++ that know the vendor's interface alone trade through a relay: `ctp-terminal exec`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ctpabi.api import binding
from ctpabi.cache import only_builder
from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.abi_headers import ANY_CALLER, headers
from ctpabi.shim.for_relay import libraries_for_relay
from simcounter import demo_accounts
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    DEADLINE_SECONDS,
    INVESTORS,
    TERMINAL,
    Site,
    many_to_many_only,
    many_to_one_only,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
SOURCE = Path(__file__).with_name("programs") / "abi_trader.cpp"
ROOT = Path(__file__).parents[2]
USER = INVESTORS[-1]
BROKERS_FRONT = "tcp://203.0.113.7:41205"


def vendor_header(interface: Interface = Interface.TRADER) -> str:
    """What a program includes, made from the catalog; unlike the vendor's, it is not kept."""
    text = headers(load_catalog(interface), ANY_CALLER)["abi.h"]
    lines = [
        line.replace(" = 0;", " {}") if line.startswith("  virtual void On") else line for line in text.splitlines()
    ]
    return "\n".join(lines)


@pytest.fixture(scope="session")
def trader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled once for all the processes of this run."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "abi-trader"
    with only_builder(place):
        if not place.is_dir():
            scratch = tmp_path_factory.mktemp("abi-trader")
            compile_trader(scratch)
            scratch.rename(place)
    libraries_for_relay()
    return place / "trader"


def compile_trader(place: Path) -> None:
    """Linked with the vendor's library, as programs are."""
    (place / "trader_api.h").write_text(vendor_header(), encoding="utf-8")
    vendor = binding.vendor_library()
    command = ["g++", "-std=c++17", "-O0", f"-I{place}", str(SOURCE), "-o", str(place / "trader")]
    subprocess.run([*command, str(vendor), f"-Wl,-rpath,{vendor.parent}", "-lpthread", "-ldl"], check=True, timeout=120)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program left behind."""

    status: int
    output: str
    errors: str

    def heard(self, event: str) -> list[dict[str, Any]]:
        """Every line of this kind."""
        return [line for line in lines_of(self.output) if line["event"] == event]


class Running:
    """`ctp-terminal exec` with one of the programs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said: list[bytes] = []

    async def until(self, event: str) -> None:
        """Read until the program says this."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for line in self._process.stdout:
                self._said.append(line)
                if f'"{event}"'.encode() in line:
                    return
        raise AssertionError(f"it ended before {event}: {self._said}")

    def kill_the_carrier(self) -> None:
        """The process that carries the program's calls, which has no time for a farewell."""
        self._process.kill()

    async def end(self) -> Ended:
        try:
            async with asyncio.timeout(2 * DEADLINE_SECONDS):
                output, errors = await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            output, errors = await self._process.communicate()
        said = (b"".join(self._said) + output).decode("gb18030")
        return Ended(self._process.returncode or 0, said, errors.decode(errors="replace"))


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


async def start(site: Site, folder: Path, trader: Path, library: str, what: str) -> Running:
    """Its front is a broker's; who logs in stands in a file of its own, as such programs have it."""
    account = [BROKER, USER, demo_accounts.password_of(USER), TERMINAL, AUTH_CODE]
    (folder / "account").write_text("\n".join(account), encoding="utf-8")
    config = folder / "terminal.toml"
    config.write_text(f'relay = "127.0.0.1:{site.relay.port}"\nca_file = "{site.tls.authority}"\n', encoding="utf-8")
    words = [str(trader), library, BROKERS_FRONT, str(folder / "account"), what]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"}
    environment.pop("PYTHONASYNCIODEBUG", None)  # it makes asyncio speak of slow steps
    return Running(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "terminal_client.cli.app", "--config", str(config), "exec", "--", *words),
            cwd=folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )


def assert_it_traded(ended: Ended) -> None:
    """Login, queries, a fill, a cancel, a refused order; a second instance in the process got the day's notices first.

    Other tests may have traded for this user before, and the day has their trades too.
    """
    assert {line["version"] for line in (*ended.heard("linked"), *ended.heard("opened"))} == {"v6.7.11_RELAY"}
    assert {(line["day"], line["early"]) for line in ended.heard("made")} == {("19800100", -1)}
    assert [line["said"] == line["day"] for line in ended.heard("login")] == [True, True]
    assert ended.heard("two queries") == [{"event": "two queries", "first": 0, "second": -2}]
    assert ended.heard("instrument") == [{"event": "instrument", "id": 11, "name": "rb2701"}]
    assert [line["id"] for line in ended.heard("account")] == [12]
    assert ended.heard("refused order") == [{"event": "refused order", "id": 103, "ref": "3", "error": 15}]
    first, second = ended.output.split('"second instance"')
    once, again = lines_of(first.rpartition("\n")[0]), lines_of(second.partition("\n")[2])
    mine = [(line["ref"], line["status"]) for line in once if line.get("mine")]
    assert mine == [("1", "a"), ("1", "0"), ("2", "a"), ("2", "3"), ("2", "5")]
    assert _of(again, "trade") == _of(once, "trade")
    assert _of(again, "trade")[-1]["ref"] == "1"
    filled = [line for line in _of(again, "order") if (line["ref"], line["status"]) == ("1", "0")]
    assert again.index(filled[-1]) < again.index(_of(again, "trade")[-1])


def _of(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


@many_to_one_only
async def test_a_program_that_opens_the_library_itself_trades(site: Site, trader: Path, tmp_path: Path) -> None:
    """It asks for the functions by name, and gets those on the way to the relay."""
    running = await start(site, tmp_path, trader, str(binding.vendor_library()), "trade")
    ended = await running.end()

    assert (ended.status, ended.errors) == (0, "")
    assert_it_traded(ended)
    assert [line["older"] for line in ended.heard("opened")] == [0, 0]
    assert ended.heard("done") == [{"event": "done", "joined": 0}]


@many_to_many_only
async def test_a_linked_program_trades_and_goes_on_when_the_carrier_is_killed(
    site: Site, trader: Path, tmp_path: Path
) -> None:
    """A refused login has CTP's own number. Without a carrier it hears OnFrontDisconnected, its calls return, and it ends."""
    running = await start(site, tmp_path, trader, "-", "trade alone")
    await running.until("waits")
    running.kill_the_carrier()
    ended = await running.end()

    assert_it_traded(ended)
    assert ended.heard("refused") == [{"event": "refused", "what": "login", "error": 3}]
    assert ended.errors.count("\n") == ended.errors.count("登录被拒绝 the login was refused") == 1
    breaks = ended.heard("disconnected")
    assert [line["reason"] for line in breaks] == [4097]
    assert ended.heard("alone") == [{"event": "alone", "code": -1, "order": -1}]
    assert ended.heard("done") == [{"event": "done", "joined": 0}]
    assert site.reports_of(USER)
