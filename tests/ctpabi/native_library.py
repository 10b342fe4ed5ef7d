"""The native library, compiled once and kept; tests that need it are skipped where it cannot be had."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import pytest

from ctpabi.catalog import Catalog
from ctpabi.native import NativeUnavailable, build
from ctpabi.native.events import NativeEvents


def native_events(catalog: Catalog) -> NativeEvents:
    """The native road of this catalog's events."""
    return NativeEvents(native_module(), catalog)


def native_module() -> ModuleType:
    """The compiled module."""
    try:
        return _loaded()
    except NativeUnavailable as missing:
        pytest.skip(f"{missing}; then: make test TESTS=tests/ctpabi/native")


@cache
def _loaded() -> ModuleType:
    return build.load(build.compile_here())
