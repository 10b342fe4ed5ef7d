"""The native library that a counter is called through, as a person wants to know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CounterLibrary:
    """Which file it is, and what it was called through."""

    binding: str
    """the package: openctp-ctp"""
    binding_version: str
    file: str
    version: str
    """what the library says of itself"""
    sha256: str
    """of the file's content; empty where it cannot be read any more"""
    has_native_road: bool = False
    """whether its events are taken by the native library, not by Python"""
