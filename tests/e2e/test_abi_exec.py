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
from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.abi_headers import ANY_CALLER, headers
from ctpabi.shim.for_relay import libraries_for_relay
from relay.counter.port import Mode
from simcounter import demo_accounts
from tests.e2e.conftest import StartRelay
from tests.e2e.site import AUTH_CODE, BROKER, DEADLINE_SECONDS, INVESTORS, TERMINAL, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
SOURCE = Path(__file__).with_name("programs") / "abi_trader.cpp"
ROOT = Path(__file__).parents[2]
BROKERS_FRONT = "tcp://203.0.113.7:41205"


@dataclass(frozen=True, slots=True)
class Programs:
    """The same source twice: linked with the vendor's library, and opening it by itself."""

    linked: Path
    by_name: Path


def vendor_header(interface: Interface = Interface.TRADER) -> str:
    """What a program includes, made from the catalog; unlike the vendor's, it is not kept."""
    text = headers(load_catalog(interface), ANY_CALLER)["abi.h"]
    lines = [
        line.replace(" = 0;", " {}") if line.startswith("  virtual void On") else line for line in text.splitlines()
    ]
    return "\n".join(lines)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    place = tmp_path_factory.mktemp("programs")
    (place / "trader_api.h").write_text(vendor_header(), encoding="utf-8")
    vendor = binding.vendor_library()
    found = Programs(place / "linked", place / "by_name")
    common = ["g++", "-std=c++17", "-O0", f"-I{place}", str(SOURCE), "-lpthread", "-ldl"]
    linking = [str(vendor), f"-Wl,-rpath,{vendor.parent}"]
    builds = [
        subprocess.Popen([*common, "-o", str(found.linked), *linking]),
        subprocess.Popen([*common, "-DBY_NAME", "-o", str(found.by_name)]),
    ]
    assert [build.wait() for build in builds] == [0, 0]
    libraries_for_relay()
    return found


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


async def start(
    site: Site, folder: Path, program: Path, user: str, what: str, *, password: str = "", more: tuple[str, ...] = ()
) -> Running:
    """Its front is a broker's; who logs in stands in a file of its own, as such programs have it."""
    account = [BROKER, user, password or demo_accounts.password_of(user), TERMINAL, AUTH_CODE]
    (folder / "account").write_text("\n".join(account), encoding="utf-8")
    config = folder / "terminal.toml"
    config.write_text(f'relay = "127.0.0.1:{site.relay.port}"\nca_file = "{site.tls.authority}"\n', encoding="utf-8")
    words = [str(program), str(binding.vendor_library()), BROKERS_FRONT, str(folder / "account"), what, *more]
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


@pytest.mark.parametrize("way", ["linked", "by_name"])
async def test_a_program_trades_and_hears_the_day_again(
    site: Site, programs: Programs, tmp_path: Path, way: str
) -> None:
    """Login, queries, a fill, a cancel, a refused order; a second instance in the process gets the day's notices first."""
    if (way == "by_name") is (site.mode is Mode.MANY_TO_MANY):
        pytest.skip("one way for each mode: the other differs in how the functions are found, not in what is said")
    running = await start(site, tmp_path, getattr(programs, way), INVESTORS[-1], "trade")
    ended = await running.end()

    assert (ended.status, ended.errors) == (0, "")
    assert {line["version"] for line in (*ended.heard("linked"), *ended.heard("opened"))} == {"v6.7.11_RELAY"}
    assert [line["older"] for line in ended.heard("opened")] in ([], [0, 0])
    assert [(line["day"], line["early"]) for line in ended.heard("made")] == [("19800100", -1)] * 2
    assert [line["said"] == line["day"] for line in ended.heard("login")] == [True, True]
    assert ended.heard("two queries") == [{"event": "two queries", "first": 0, "second": -2}]
    assert ended.heard("instrument") == [{"event": "instrument", "id": 11, "name": "rb2701"}]
    assert [line["id"] for line in ended.heard("account")] == [12]
    assert ended.heard("refused order") == [{"event": "refused order", "id": 103, "ref": "3", "error": 15}]
    assert ended.heard("done") == [{"event": "done", "joined": 0}]
    first, second = ended.output.split('"second instance"')
    mine = [(line["ref"], line["status"]) for line in lines_of(first.rpartition("\n")[0]) if line.get("mine")]
    assert mine == [("1", "a"), ("1", "0"), ("2", "a"), ("2", "3"), ("2", "5")]
    again = [line for line in lines_of(second.partition("\n")[2]) if line["event"] in {"order", "trade"}]
    assert [line["event"] for line in again[-6:]].count("trade") == 1
    assert site.reports_of(INVESTORS[-1])


async def test_a_refused_login_is_the_programs_to_hear(site: Site, programs: Programs, tmp_path: Path) -> None:
    """With CTP's own number, as from the counter."""
    if site.mode is Mode.MANY_TO_ONE:
        pytest.skip("the password is judged by the relay there, in other tests")
    running = await start(site, tmp_path, programs.linked, INVESTORS[-2], "refused", password="wrong")
    ended = await running.end()

    assert ended.status == 0
    assert ended.heard("refused") == [{"event": "refused", "what": "login", "error": 3}]


async def test_a_relay_that_comes_back_is_told_as_a_break(
    start_site: StartRelay, programs: Programs, tmp_path: Path, free_port: int
) -> None:
    """OnFrontDisconnected, and OnFrontConnected again, after which the program logs in by itself."""
    site = await start_site(Mode.MANY_TO_MANY, listen__address=f"127.0.0.1:{free_port}")
    running = await start(site, tmp_path, programs.linked, INVESTORS[0], "break")
    await running.until("login")
    await site.relay.stop()
    await site.relay.start()
    ended = await running.end()

    assert ended.status == 0, ended.output
    breaks = ended.heard("disconnected")
    assert [line["reason"] for line in breaks] == [4097]
    assert len(ended.heard("login")) == 2
