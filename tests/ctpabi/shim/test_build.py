"""Building the shim: once, whole, and with words that help when it cannot be done."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ctpabi.catalog import Catalog, Interface, introspect
from ctpabi.catalog.data import load_catalog
from ctpabi.shim import build as builder
from ctpabi.shim import substitute
from ctpabi.shim.abi_headers import ANY_CALLER, Caller, abi_hash, headers
from ctpabi.shim.build import Shim
from ctpabi.shim.substitute import Target
from tests.ctpabi.other_bindings import binding_of
from tests.ctpabi.shim.conftest import Program
from tests.simcounter.scripted_counter import ScriptedCounter

SHIM_SOURCES = Path(builder.__file__).with_name("library")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ctp-relay" / "simcounter"


@pytest.fixture
def quick_compiler(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Takes the place of everything slow; lists what it was asked to make."""
    made: list[Path] = []

    def build_into(place: Path, _target: Target) -> None:
        made.append(place)
        place.mkdir()

    monkeypatch.setattr(builder, "_build_into", build_into)
    return made


def test_a_second_build_finds_the_first(shim: Shim) -> None:
    """The same sources and the same binding give the same file, without compiling."""
    assert builder.build() == shim


def test_a_missing_compiler_is_named_with_its_command(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CompilerMissing says what to run, and nothing half-made stays behind."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(builder.CompilerMissing, match=r"apt-get install -y g\+\+"):
        builder.build()
    assert [path.suffix for path in empty_cache.iterdir()] == [".lock"]


def test_two_builders_at_once_build_once(empty_cache: Path, quick_compiler: list[Path]) -> None:
    """One builds, the others wait and use it."""
    with ThreadPoolExecutor(4) as pool:
        shims = set(pool.map(lambda _: builder.build(), range(4)))

    assert len(shims) == 1
    assert quick_compiler == [next(iter(shims)).trader.parent]


@pytest.mark.usefixtures("empty_cache", "quick_compiler")
def test_a_changed_source_is_a_new_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key covers the shim's sources and the generators."""
    before = builder.build()
    (tmp_path / "shim").mkdir()
    for source in SHIM_SOURCES.iterdir():
        (tmp_path / "shim" / source.name).write_bytes(source.read_bytes() + b"\n")
    monkeypatch.setattr(builder, "_SHIM", tmp_path / "shim")

    assert builder.build() != before


def test_a_compile_error_keeps_the_compilers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BuildFailed carries what g++ said."""
    (tmp_path / "probe.cpp").write_text("this is not C++\n")
    monkeypatch.setattr(builder, "_SHIM", tmp_path)

    with pytest.raises(builder.BuildFailed, match="this is not C"):
        builder.compile_probe("g++", "x.so", tmp_path / "x.so")


@pytest.mark.parametrize(
    ("interface", "caller"),
    [(Interface.TRADER, ANY_CALLER), (Interface.MARKET_DATA, Caller("a binding", 1, 2))],
)
def test_the_shim_compiles_without_warnings(tmp_path: Path, interface: Interface, caller: Caller) -> None:
    """Strict warnings are for this test, not for a user whose compiler knows new ones."""
    for name, content in headers(load_catalog(interface), caller).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    sources = [str(source) for source in sorted(SHIM_SOURCES.glob("*.cpp"))]
    command = ["g++", "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
    result = subprocess.run(
        [*command, f"-iquote{tmp_path}", f"-iquote{SHIM_SOURCES}", *sources],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stderr == ""


def test_the_module_is_a_command(shim: Shim) -> None:
    """`python -m ctpabi.shim.build` prints the library's path."""
    root = Path(builder.__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-m", "ctpabi.shim.build"], cwd=root, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == str(shim.trader.parent)


def test_a_binding_that_does_not_fit_is_never_built_for(
    empty_cache: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the probe found is what the build says; no library appears."""
    order, action = catalog.methods["ReqOrderInsert"], catalog.methods["ReqOrderAction"]
    swapped = {"ReqOrderInsert": dataclasses.replace(order, slot=action.slot)}
    wrong = dataclasses.replace(catalog, methods={**catalog.methods, **swapped})
    introspect_at = introspect.introspect_at

    def read_wrongly(site: Path, interface: Interface, *more: Any) -> Catalog:
        return wrong if interface is Interface.TRADER else introspect_at(site, interface, *more)

    monkeypatch.setattr(introspect, "introspect_at", read_wrongly)

    with pytest.raises(
        builder.BuildFailed, match=f"ReqOrderInsert should be slot {action.slot}.*, is slot {order.slot}"
    ):
        builder.build()
    assert [path.suffix for path in empty_cache.iterdir()] == [".lock"]


@pytest.mark.long
@pytest.mark.parametrize("version", ["6.7.7.1", "6.6.9.9"])
def test_an_older_binding_gets_a_shim_of_its_own(version: str) -> None:
    """Other methods, other slots, other structs, another SONAME: introspected, generated, probed, and it talks."""
    directory = binding_of(version)
    catalog = introspect.introspect_at(directory)
    login = bytes(catalog.structs["RspUserLogin"].size)
    with ScriptedCounter(catalog) as counter:
        program = Program(
            builder.build(substitute.installed(directory)),
            counter.front,
            """
            api, spy = connect()
            say(api.ReqUserLogin(tdapi.CThostFtdcReqUserLoginField(), 5), api.GetApiVersion())
            say(*spy.wait("OnRspUserLogin")[2:])
            """,
            PYTHONPATH=str(directory),
        )
        connection = counter.accept()
        hello = connection.greet()
        connection.receive_call("ReqUserLogin")
        connection.event("OnRspUserLogin", login, None, 5)
        ended = program.end()

    assert hello["abi_hash"] == abi_hash(catalog)
    assert ended.findings == [[0, f"v{version[:5]}_SIMCOUNTER"], [5, True]]
