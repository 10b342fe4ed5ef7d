"""Names are read from the file as the linker reads them, and a file that is no library is said to be none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ctpabi import elf
from ctpabi.api import binding
from ctpabi.catalog import Distribution, Interface


@pytest.mark.parametrize("interface", Interface)
def test_the_vendors_library_has_the_name_that_the_binding_asks_for(interface: Interface) -> None:
    """The wheel's own pair fits."""
    library = binding.vendor_library(Distribution.CTP, interface)
    caller = binding.extension(Distribution.CTP, interface)

    assert elf.dynamic_names(library).soname == library.name
    assert library.name in elf.dynamic_names(caller).needed


def test_a_library_without_sections_has_its_names() -> None:
    """A stripped one has program headers only, and the linker needs no more."""
    image = bytearray(binding.vendor_library().read_bytes())
    struct.pack_into("<Q", image, 40, 0)  # where the sections are
    struct.pack_into("<HHH", image, 58, 0, 0, 0)

    assert elf.names_in(bytes(image)).soname == binding.vendor_library().name


def test_the_machine_is_that_of_the_running_program() -> None:
    assert elf.machine_of(binding.vendor_library().read_bytes()) == elf.own_machine()


@pytest.mark.parametrize("image", [b"", b"#!/bin/sh\n" * 20, b"\x7fELF\x01\x01" + b"\0" * 100])
def test_a_file_that_is_no_64_bit_elf(image: bytes) -> None:
    with pytest.raises(elf.NotALibrary, match="is not a 64-bit little-endian ELF file"):
        elf.names_in(image)


def test_a_damaged_one(tmp_path: Path) -> None:
    """Cut off before its names; the message has the file's."""
    (tmp_path / "half.so").write_bytes(binding.vendor_library().read_bytes()[:4096])

    with pytest.raises(elf.NotALibrary, match=r"half\.so is a damaged ELF file"):
        elf.dynamic_names(tmp_path / "half.so")
