"""What a file in the library's place must be. What runs the vendor's code, or another's, does so in a process of its own."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ctpabi.api import binding, chosen_library
from ctpabi.api.binding import LoadedLibrary
from ctpabi.api.chosen_library import LibraryFault, LibraryUnfit
from ctpabi.api.library_rehearsal import _is
from ctpabi.catalog import Catalog, Distribution, Interface, Method, Shape
from ctpabi.shim.build import CompilerMissing, build, find_compiler
from ctpabi.shim.substitute import BindingMissing

CTP, TRADER = Distribution.CTP, Interface.TRADER


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the package's own library under another name, with what no LD_PRELOAD could carry."""
    copy = tmp_path / "broker's own: 6.7.11.so"
    copy.write_bytes(binding.vendor_library().read_bytes())
    return copy


def unfit(file: Path) -> LibraryUnfit:
    with pytest.raises(LibraryUnfit) as found:
        chosen_library.examine(file, CTP, TRADER)
    return found.value


def rehearsed_unfit(file: Path) -> LibraryUnfit:
    with pytest.raises(LibraryUnfit) as found:
        chosen_library.rehearse(CTP, {TRADER: file})
    assert found.value.file == file
    return found.value


def test_a_copy_of_the_packages_library_passes(file: Path) -> None:
    assert chosen_library.examine(file, CTP, TRADER) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_is_no_library_is_not_loaded(tmp_path: Path, file: Path) -> None:
    """Each is found by reading: missing, a folder, a text, cut off, another machine's, another name's."""
    assert unfit(tmp_path / "none.so").fault is LibraryFault.MISSING
    assert unfit(tmp_path).fault is LibraryFault.NO_FILE

    image = file.read_bytes()
    file.write_text("not ELF\n")
    assert unfit(file).fault is LibraryFault.NO_LIBRARY
    file.write_bytes(image[:4096])
    assert unfit(file).fault is LibraryFault.NO_LIBRARY

    other_machine = bytearray(image)
    struct.pack_into("<H", other_machine, 18, 183)
    file.write_bytes(other_machine)
    assert unfit(file).facts["machine"] == 183

    found = unfit(binding.vendor_library(CTP, Interface.MARKET_DATA))
    assert found.fault is LibraryFault.OTHER_NAME
    assert found.facts["wanted"] == binding.vendor_library().name
    assert str(found.facts["soname"]).startswith("libthostmduserapi_se-")


def test_a_library_of_another_version_is_refused(file: Path) -> None:
    """Structs grow between versions, and no slot says so."""
    file.write_bytes(file.read_bytes().replace(b"v6.7.11_", b"v6.7.13_"))

    found = rehearsed_unfit(file)
    assert found.fault is LibraryFault.OTHER_VERSION
    assert "v6.7.13" in str(found.facts["version"])


def test_a_library_without_the_bindings_functions_is_refused(tmp_path: Path) -> None:
    """TTS's, with the name that openctp-ctp asks for: its function that makes an instance has other arguments."""
    tts = binding.vendor_library(Distribution.TTS)
    disguised = tmp_path / "tts.so"
    disguised.write_bytes(tts.read_bytes().replace(tts.name.encode(), binding.vendor_library().name.encode()))

    found = rehearsed_unfit(disguised)
    assert found.fault is LibraryFault.UNLOADABLE
    assert "undefined symbol" in str(found.facts["why"])


def test_what_was_preloaded_is_there_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The linker keeps to the first; a relay that would call another file than its ledger says does not start."""
    try:
        shim = build()
    except (CompilerMissing, BindingMissing) as missing:
        pytest.skip(str(missing))
    monkeypatch.setenv("LD_PRELOAD", str(shim.trader))

    found = rehearsed_unfit(file)
    assert found.fault is LibraryFault.NOT_TAKEN
    assert found.facts["taken"] == str(shim.trader.resolve())


def test_a_file_that_is_changed_while_it_is_loaded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger says is what was examined."""
    loaded = LoadedLibrary(str(file), "v6.7.11_1", "00")
    monkeypatch.setattr(chosen_library, "loaded_library", lambda *_: loaded)

    with pytest.raises(LibraryUnfit) as found:
        chosen_library.require_taken(CTP, {TRADER: file}, {TRADER: "11"})
    assert found.value.fault is LibraryFault.CHANGED
    chosen_library.require_taken(CTP, {TRADER: file}, {TRADER: "00"})


# A library of one's own, which is compiled ------------------------------------------------------------------------


def compiled(source: str, library: Path) -> Path:
    """Under the name that the binding asks for."""
    try:
        compiler = find_compiler()
    except CompilerMissing as missing:
        pytest.skip(str(missing))
    library.with_suffix(".cpp").write_text(source)
    name = f"-Wl,-soname,{binding.vendor_library().name}"
    command = [compiler, "-shared", "-fPIC", "-O0", name, "-o", str(library), str(library.with_suffix(".cpp"))]
    subprocess.run(command, check=True, timeout=120)
    return library


def library_with(methods: list[Method]) -> str:
    """A trader library that does nothing, with these methods in this order."""
    structs = "\n".join(f"struct CThostFtdc{name}Field;" for name in sorted({one.struct for one in methods} - {""}))
    arguments = {Shape.REQUEST: "CThostFtdc{}Field*, int", Shape.REPORT: "CThostFtdc{}Field*"}
    lines = (
        f"virtual int {one.name}({arguments.get(one.shape, '').format(one.struct)}) {{ return 0; }}" for one in methods
    )
    return f"""{structs}
struct CThostFtdcTraderApi {{
  static const char* GetApiVersion();
  static CThostFtdcTraderApi* CreateFtdcTraderApi(const char*, bool);
}};
struct CFtdcTraderApiImpl : CThostFtdcTraderApi {{ {" ".join(lines)} }};
const char* CThostFtdcTraderApi::GetApiVersion() {{ return "v6.7.11_TEST"; }}
CThostFtdcTraderApi* CThostFtdcTraderApi::CreateFtdcTraderApi(const char*, bool) {{
  return reinterpret_cast<CThostFtdcTraderApi*>(new CFtdcTraderApiImpl);
}}
"""


def test_a_library_with_other_slots_is_refused(tmp_path: Path, catalog: Catalog) -> None:
    """Of the same version and with every name; one method more in the middle moves those behind it."""
    methods = sorted(catalog.methods.values(), key=lambda method: method.slot)
    added = replace(methods[40], name="ReqNewInThisBuild")

    found = rehearsed_unfit(compiled(library_with([*methods[:40], added, *methods[40:]]), tmp_path / "more.so"))

    assert found.fault is LibraryFault.OTHER_SLOTS
    assert (found.facts["slot"], found.facts["method"]) == ("40", methods[40].name)
    assert found.facts["wrong"] == str(len(methods) - 40)


def test_a_library_that_ends_its_process_ends_none_of_ours(tmp_path: Path) -> None:
    source = "__attribute__((constructor)) static void begin() { __builtin_trap(); }"

    assert rehearsed_unfit(compiled(source, tmp_path / "trap.so")).fault is LibraryFault.CRASHED


def test_a_slot_is_its_methods_by_name_and_struct(catalog: Catalog) -> None:
    """A method of a longer name, or with another struct, is another one."""
    method = catalog.methods["ReqUserLogin"]

    assert _is(method, "_ZN18CFtdcTraderApiImpl12ReqUserLoginEP27CThostFtdcReqUserLoginFieldi")
    assert not _is(method, "_ZN18CFtdcTraderApiImpl13ReqUserLogoutEP25CThostFtdcUserLogoutFieldi")
    assert not _is(method, "_ZN18CFtdcTraderApiImpl12ReqUserLoginEP31CThostFtdcReqUserLoginSM13Fieldi")
