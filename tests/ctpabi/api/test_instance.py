"""In which order the vendor's library is called, by an instance that is played: one step out of order ends a process."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ctpabi.api import instance as module
from ctpabi.api.binding import Binding
from ctpabi.api.trader import QUICK, RESTART, TraderApi
from tests.relay.counter.ctp.ctp_bodies import CATALOG, method, request

DEADLINE = 20.0


class Struct:
    """A binding's struct: memory at an address."""

    size = 0

    def __init__(self) -> None:
        self.memory = ctypes.create_string_buffer(self.size)
        self.this = ctypes.addressof(self.memory)


class PlayedLibrary:
    """The binding's module, with one instance that writes down what is called."""

    def __init__(self) -> None:
        self.called: list[tuple[Any, ...]] = []
        self.bodies: list[bytes] = []
        self.spi: Any = None
        self.before_init: Callable[[], None] = lambda: None
        self.CThostFtdcTraderSpi = type("CThostFtdcTraderSpi", (), {})
        self.CThostFtdcTraderApi = SimpleNamespace(CreateFtdcTraderApi=self._create)

    def __getattr__(self, name: str) -> type[Struct]:
        struct = CATALOG.structs[name.removeprefix("CThostFtdc").removesuffix("Field")]
        return type(name, (Struct,), {"size": struct.size})

    def _create(self, path: str, *edition: bool) -> Any:
        self.called.append(("Create", path, *edition))
        return _Instance(self)


class _Instance:
    def __init__(self, library: PlayedLibrary) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *given: self._call(name, *given)

    def _call(self, name: str, *given: Any) -> int:
        if name == "RegisterSpi":
            self._library.spi = given[0]
            given = ("spi" if given[0] is not None else None,)
        if name == "Init":
            self._library.before_init()
        if given and isinstance(given[0], Struct):
            self._library.bodies.append(given[0].memory.raw)
            given = given[1:]
        self._library.called.append((name, *given))
        return 0


@pytest.fixture
def library() -> PlayedLibrary:
    return PlayedLibrary()


@pytest.fixture
def api(library: PlayedLibrary, tmp_path: Path) -> TraderApi:
    binding = SimpleNamespace(tdapi=library, catalog=CATALOG)
    return TraderApi(cast("Binding", binding), tmp_path / "flow", lambda _: None, production=False)


def connected(api: TraderApi, private_topic: int = QUICK, fronts: tuple[str, ...] = ("tcp://a:1", "tcp://b:2")) -> None:
    api.connect(fronts, private_topic)
    assert api.made.wait(DEADLINE)


def test_everything_is_in_place_before_init(api: TraderApi, library: PlayedLibrary, tmp_path: Path) -> None:
    """Init begins to call back: the Spi, both topics and every front come first, in the edition that was asked for."""
    connected(api)

    assert library.called == [
        ("Create", f"{tmp_path / 'flow'}/", False),
        ("RegisterSpi", "spi"),
        ("SubscribePrivateTopic", QUICK),
        ("SubscribePublicTopic", RESTART),
        ("RegisterFront", "tcp://a:1"),
        ("RegisterFront", "tcp://b:2"),
        ("Init",),
    ]
    assert (tmp_path / "flow").is_dir()
    api.release()


def test_the_topics_are_the_vendors_numbers() -> None:
    """0 is the day again after every login, 2 from the login on; 1 would go on where a flow file stopped."""
    assert (RESTART, QUICK) == (0, 2)


def test_the_spi_is_taken_away_before_release(api: TraderApi, library: PlayedLibrary) -> None:
    """The library would call an object that Python has freed."""
    connected(api)
    del library.called[:]

    api.release()
    api.release()

    assert library.called == [("RegisterSpi", None), ("Release",)]
    assert library.spi is None


def test_a_callback_of_init_may_call_at_once(api: TraderApi, library: PlayedLibrary) -> None:
    """OnFrontConnected comes from Init's own thread, before Init has returned."""
    codes: list[int] = []
    library.before_init = lambda: codes.append(api.call(method("ReqQryTrade"), b"", 1))

    connected(api)

    assert codes == [0]
    api.release()


def test_without_an_instance_a_call_answers_as_without_a_connection(api: TraderApi, library: PlayedLibrary) -> None:
    """Before it is made, and after it was released: the codes of the vendor's, and nothing is called."""
    register = method("RegisterUserSystemInfo")
    before = (
        api.call(method("ReqQryTrade"), b"", 1),
        api.report(register, b"x"),
        api.front_info(),
        api.unwrap_report(register, b"x"),
    )
    connected(api)
    api.release()
    del library.called[:]
    after = (
        api.call(method("ReqQryTrade"), b"", 1),
        api.report(register, b"x"),
        api.front_info(),
        api.unwrap_report(register, b"x"),
    )

    assert before == after == (-1, -4, (0, 0), (-4, b"x"))
    assert library.called == []


def test_a_struct_gets_as_many_bytes_as_it_has(api: TraderApi, library: PlayedLibrary) -> None:
    """A shorter body leaves the rest empty, a longer one of another version is cut: nothing behind the struct is written."""
    connected(api)
    size = CATALOG.structs["InputOrder"].size
    whole = bytes(request("ReqOrderInsert", InstrumentID="rb2701"))

    for body in (whole, whole[:40], whole + b"beyond"):
        assert api.call(method("ReqOrderInsert"), body, 7) == 0

    assert library.bodies == [whole, whole[:40] + bytes(size - 40), whole]
    assert library.called[-1] == ("ReqOrderInsert", 7)
    api.release()


def test_an_instance_is_kept_from_its_start_to_its_release(api: TraderApi) -> None:
    """Who forgets it must not free its Spi; who released it must not keep it for ever."""
    was = api in module._open
    connected(api)
    during = api in module._open
    api.release()

    assert (was, during, api in module._open) == (False, True, False)


def test_what_is_left_at_the_end_is_released(api: TraderApi, library: PlayedLibrary) -> None:
    """The interpreter's end calls it."""
    connected(api)

    module._release_all()

    assert library.called[-1] == ("Release",)
    assert api not in module._open


def test_an_address_is_the_files_it_is_mapped_from() -> None:
    """The C library's own code is in its file; address 0 is in none."""
    libc = ctypes.CDLL(None)
    address = ctypes.cast(libc.malloc, ctypes.c_void_p).value or 0

    found = module.file_mapped_at(address)

    assert found is not None
    assert "libc" in found.name
    assert module.file_mapped_at(0) is None


def test_a_file_whose_name_is_no_text_hides_no_other(tmp_path: Path) -> None:
    """A machine with one such library in the process would not say which library makes its connections."""
    odd = tmp_path / os.fsdecode(b"\xff\xfe.so")
    odd.write_bytes(b"x" * mmap.PAGESIZE)
    libc = ctypes.CDLL(None)
    address = ctypes.cast(libc.malloc, ctypes.c_void_p).value or 0

    with odd.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        found = module.file_mapped_at(address)

    assert found is not None
    assert "libc" in found.name
