"""Which road events take: the native one where its library is, or Python's. Both give the same; only how fast differs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from ctpabi.api.binding import Binding, BindingMismatch
from ctpabi.native import NativeUnavailable, build
from ctpabi.native.events import NativeEvents


class Wanted(StrEnum):
    """What the settings ask for."""

    AUTO = "auto"
    """the native one where its library is there already"""
    ON = "on"
    """the native one; its library is compiled where it is missing"""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Road:
    """What was chosen."""

    is_native: bool
    why: str
    """which file it is, or why there is none"""


def choose(wanted: Wanted, binding: Binding) -> tuple[Binding, Road]:
    """The binding with its road. Raises BindingMismatch where the native one is asked for and cannot be had."""
    if wanted is Wanted.OFF:
        return binding, Road(is_native=False, why="switched off")
    try:
        file = build.compile_here() if wanted is Wanted.ON else build.compiled_file()
        if file is None:
            return binding, Road(is_native=False, why="the native library is not compiled")
        return replace(binding, native=_native(file, binding)), Road(is_native=True, why=file.name)
    except NativeUnavailable as error:
        if wanted is Wanted.ON:
            raise BindingMismatch(f"counter.native is on: {error}") from None
        return binding, Road(is_native=False, why=str(error))


def _native(file: Path, binding: Binding) -> NativeEvents:
    native = NativeEvents(build.load(file), binding.catalog)
    native.require_slots_of(binding.tdapi.CThostFtdcTraderSpi)
    return native
