"""Reading what a library needs, and making a child process load another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcounter import substitute


def test_the_bindings_needed_library_is_read_from_its_elf() -> None:
    """The name carries the release's hash, so it is read and not known."""
    name = substitute.needed_trader_library(substitute.binding_extension())

    assert name.startswith("libthosttraderapi_se-")
    assert name.endswith(".so")


def test_the_shim_carries_the_name_the_binding_needs(shim: Path) -> None:
    """Same SONAME, so the loader takes the shim for the vendor's library."""
    needed = substitute.needed_trader_library(substitute.binding_extension())

    assert substitute.dynamic_names(shim).soname == needed
    assert shim.name == needed


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    """ValueError names the file."""
    (tmp_path / "text.so").write_text("not ELF")

    with pytest.raises(ValueError, match=r"text\.so is not a 64-bit little-endian ELF file"):
        substitute.dynamic_names(tmp_path / "text.so")


def test_a_missing_binding_is_named_with_its_command(tmp_path: Path) -> None:
    """BindingMissing says what to install."""
    with pytest.raises(substitute.BindingMissing, match="pip install openctp-ctp"):
        substitute.binding_extension(tmp_path)


def test_the_environment_keeps_what_was_preloaded(tmp_path: Path) -> None:
    """The library comes first, what the caller preloaded after it, the rest is untouched."""
    changed = substitute.environment({"LD_PRELOAD": "their.so", "LANG": "C"}, tmp_path / "x.so", "tcp://127.0.0.1:1")

    assert changed["LD_PRELOAD"] == f"{tmp_path / 'x.so'}:their.so"
    assert changed["CTP_SIMCOUNTER_FRONT"] == "tcp://127.0.0.1:1"
    assert changed["LANG"] == "C"
    assert "CTP_SIMCOUNTER_FRONT" not in substitute.environment({}, tmp_path / "x.so")
