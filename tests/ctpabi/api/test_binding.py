"""The binding loads only in the version the catalog is of, and with its locale."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from ctpabi.api import binding
from ctpabi.catalog import Catalog, Distribution


def test_the_installed_binding_loads(catalog: Catalog) -> None:
    """What is loaded is the trader API of the catalog's version."""
    loaded = binding.load()

    assert loaded.version == catalog.version
    assert loaded.catalog is catalog
    assert loaded.tdapi.CThostFtdcTraderApi.GetApiVersion()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layouts and slots differ between versions without any error at run time, so loading stops before it."""
    monkeypatch.setattr("importlib.metadata.version", lambda _: "6.7.13.0")

    with pytest.raises(
        binding.BindingMismatch, match=r"6\.7\.13\.0 is installed, the catalog is of .*python -m codegen"
    ):
        binding.load()


def test_no_binding_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a binding is missing, the error says what to install."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    for distribution, named in ((Distribution.CTP, "'openctp-ctp'"), (Distribution.TTS, r"'ctp-relay\[tts\]'")):
        with pytest.raises(binding.BindingMismatch, match=f"{distribution} is not installed: pip install {named}"):
            binding.load(distribution)
        with pytest.raises(binding.BindingMismatch, match="is not installed"):
            binding.vendor_library(distribution)


def test_the_vendor_library_is_the_one_in_the_wheel() -> None:
    """Found by name beside the package, without importing it."""
    library = binding.vendor_library()

    assert library.is_file()
    assert library.name.startswith("libthosttraderapi_se-")


def test_two_vendor_libraries_are_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unpacked second version beside the first is not guessed about."""
    (tmp_path / "openctp_ctp").mkdir()
    (tmp_path / "openctp_ctp" / "__init__.py").touch()
    (tmp_path / "openctp_ctp.libs").mkdir()
    for name in ("libthosttraderapi_se-1.so", "libthosttraderapi_se-2.so"):
        (tmp_path / "openctp_ctp.libs" / name).touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: _Spec(str(tmp_path / "openctp_ctp" / "__init__.py")))

    with pytest.raises(binding.BindingMismatch, match="2 files libthosttraderapi_se"):
        binding.vendor_library()


class _Spec:
    def __init__(self, origin: str) -> None:
        self.origin = origin
