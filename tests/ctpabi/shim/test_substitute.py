"""Reading what a library needs, and making a child process load another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctpabi.catalog import Interface
from ctpabi.elf import dynamic_names
from ctpabi.shim import substitute
from ctpabi.shim.build import Shim


def test_the_bindings_needed_library_is_read_from_its_elf() -> None:
    """The name carries the release's hash, so it is read and not known."""
    name = substitute.needed_library(substitute.binding_extension())

    assert name.startswith("libthosttraderapi_se-")
    assert name.endswith(".so")


@pytest.mark.parametrize("interface", Interface)
def test_the_shim_carries_the_name_the_binding_needs(shim: Shim, interface: Interface) -> None:
    """Same SONAME, so the loader takes the shim for the vendor's library."""
    library = shim.trader if interface is Interface.TRADER else shim.market_data
    needed = substitute.installed().library_name(interface)

    assert dynamic_names(library).soname == needed
    assert library.name == needed


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    """ValueError names the file."""
    (tmp_path / "text.so").write_text("not ELF")

    with pytest.raises(ValueError, match=r"text\.so is not a 64-bit little-endian ELF file"):
        dynamic_names(tmp_path / "text.so")


def test_a_missing_binding_is_named_with_its_command(tmp_path: Path) -> None:
    """BindingMissing says what to install."""
    with pytest.raises(substitute.BindingMissing, match="pip install openctp-ctp"):
        substitute.binding_extension(tmp_path)


def test_the_environment_keeps_what_was_preloaded(tmp_path: Path) -> None:
    """The libraries come first, what the caller preloaded after them, the rest is untouched."""
    libraries = [tmp_path / "x.so", tmp_path / "y.so"]
    changed = substitute.environment({"LD_PRELOAD": "their.so", "LANG": "C"}, libraries, "tcp://127.0.0.1:1")

    assert changed["LD_PRELOAD"] == f"{libraries[0]}:{libraries[1]}:their.so"
    assert changed["CTP_SIMCOUNTER_FRONT"] == "tcp://127.0.0.1:1"
    assert changed["LANG"] == "C"
    assert "CTP_SIMCOUNTER_FRONT" not in substitute.environment({}, libraries)
