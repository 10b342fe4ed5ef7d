"""The vendor's library is loaded from where it lies, proved, or refused in words that name the setting."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.counter.ufx.t2.beside import loader_file
from relay.counter.ufx.t2.library import LibraryRefused, T2Library, load_t2
from relay.counter.ufx.t2.packs import library_pack, write_pack
from relay.counter.ufx.t2.vtable import Held, NoObject
from tests.t2sdk import library_path


def test_the_library_says_what_it_is(library: T2Library) -> None:
    """Its version and the SHA-256 of its file."""
    assert library.version == "1.0.0.187"
    assert len(library.sha256) == 64


def test_its_packer_writes_what_we_write(library: T2Library) -> None:
    """Byte for byte: several tables, several rows, GBK, 1024 characters."""
    tables = [[{"a": "1", "b": "恒生电子"}, {"a": "x" * 1024, "b": ""}], [{"terminal_no": "QUJD"}]]

    assert library_pack(library.exports, tables) == write_pack(tables)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the setting."""
    with pytest.raises(LibraryRefused, match=r"counter\.ufx\.library: .*libt2sdk\.so: no such file"):
        load_t2(tmp_path / "libt2sdk.so")


def test_what_is_no_library_is_named(tmp_path: Path) -> None:
    """In the linker's words."""
    (tmp_path / "libt2sdk.so").write_text("text")

    with pytest.raises(LibraryRefused, match=r"counter\.ufx\.library: .*libt2sdk\.so"):
        load_t2(tmp_path / "libt2sdk.so")


def test_another_library_is_refused() -> None:
    """One without the functions is no T2SDK, or too old."""
    with pytest.raises(LibraryRefused, match=r"counter\.ufx\.library: .* has no NewConfig: .* too old"):
        load_t2(library_path().with_name("libsmf_api.so"))


def test_a_library_is_found_after_another_of_its_folder() -> None:
    """In a process of its own, where neither is loaded yet."""
    names = [str(library_path().with_name(name)) for name in ("libsmf_api.so", "libt2sdk.so")]
    program = (
        "from pathlib import Path; from relay.counter.ufx.t2.beside import load_beside\n"
        f"for name in {names!r}: load_beside(Path(name))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_library_without_its_companions_is_refused(tmp_path: Path) -> None:
    """What it needs must lie beside it; the message names what is missing."""
    alone = tmp_path / "libt2sdk.so"
    shutil.copy(library_path(), alone)
    program = (
        f"from pathlib import Path; from relay.counter.ufx.t2.library import load_t2; load_t2(Path({str(alone)!r}))"
    )

    # In a process of its own: here the companions are loaded already, by their names.
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 1
    assert "LibraryRefused: counter.ufx.library: lib" in ran.stderr


def test_a_library_that_packs_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose slots are others would."""
    path = library_path()
    monkeypatch.setattr("relay.counter.ufx.t2.library.library_pack", lambda _exports, _tables: b"other bytes")

    with pytest.raises(LibraryRefused, match=r"counter\.ufx\.library: .*too old"):
        load_t2(path)


def test_the_loader_is_an_elf_file_that_names_folder_and_library() -> None:
    """Only for machines the vendor has a library for."""
    made = loader_file("/opt/hundsun", "libt2sdk.so", "x86_64")

    assert made.startswith(b"\x7fELF\x02\x01")
    assert b"\0/opt/hundsun\0libt2sdk.so\0" in made
    with pytest.raises(OSError, match="riscv64"):
        loader_file("/opt", "libt2sdk.so", "riscv64")


def test_an_object_is_let_go_once(library: T2Library) -> None:
    """And cannot be called after; where the library gives none, that is said."""
    message = Held(library.exports.new_message(), "message")
    message.release()
    message.release()

    with pytest.raises(NoObject):
        _ = message.pointer
    with pytest.raises(NoObject, match="packer"):
        Held(None, "packer")
