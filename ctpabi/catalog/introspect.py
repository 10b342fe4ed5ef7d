"""Builds a catalog from the binding this process has imported, without any vendor header.

Names and order come from the binding's Python source, sizes and kinds from what its setters accept, and every
offset is then proved: each field is written through its setter and the whole struct compared with what was expected.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ctpabi import locale
from ctpabi.catalog import (
    Callback,
    Catalog,
    Distribution,
    Enum,
    EnumValue,
    Field,
    Interface,
    Kind,
    Method,
    Shape,
    Struct,
)
from ctpabi.catalog.data import from_json, to_json
from ctpabi.catalog.introspect_source import STRUCT_CLASS, SourceEnum, SourceMethod, SourceModule, SourceStruct
from ctpabi.catalog.naming import enum_value_name, snake_case
from ctpabi.catalog.special_fields import BINARY

_MODULES = {Interface.TRADER: "tdapi", Interface.MARKET_DATA: "mdapi"}
_ROOT = Path(__file__).parents[2]
_NAMES = ("char *[]", "int")
"""the parameters of a subscription"""
_SCALARS = {Kind.CHAR: 1, Kind.SHORT: 2, Kind.INT: 4, Kind.DOUBLE: 8}
_CHAR_ARRAY = re.compile(r"'char \[(\d+)\]'")
_MALLOC_GRANULARITY = 16
_TIMEOUT_SECONDS = 120


class LayoutMismatch(RuntimeError):
    """The binding's memory is not laid out as its source says; nothing may be generated from it."""


def introspect(interface: Interface = Interface.TRADER, distribution: Distribution = Distribution.CTP) -> Catalog:
    """The catalog of the installed binding; about two seconds. Raises LocaleMissing, LayoutMismatch.

    One process imports one distribution: the libraries of two have the same symbols.
    """
    locale.ensure()
    package = importlib.import_module(distribution.package)
    module: ModuleType = getattr(package, _MODULES[interface])
    source = SourceModule(Path(str(module.__file__)).read_text(encoding="utf-8"))
    methods = [_method(*item) for item in enumerate(source.methods(f"CThostFtdc{interface}Api"))]
    callbacks = [_callback(*item) for item in enumerate(source.methods(f"CThostFtdc{interface}Spi"))]
    passed = {"RspInfo", *(m.struct for m in methods), *(c.struct for c in callbacks)}
    prober = _Prober(module, source.enums())
    return Catalog(
        version=package.__version__,
        structs={
            struct.name: prober.struct(struct)
            for struct in source.structs()
            # Both modules have all structs; what belongs to both is in the trader's catalog.
            if interface is Interface.TRADER or struct.name in passed
        },
        methods={method.name: method for method in methods},
        callbacks={callback.name: callback for callback in callbacks},
        enums=prober.used_enums,
        interface=interface,
        distribution=distribution,
    )


def introspect_at(
    directory: Path,
    interface: Interface = Interface.TRADER,
    python: str = sys.executable,
    distribution: Distribution = Distribution.CTP,
) -> Catalog:
    """The catalog of the binding in `directory`, in a process of its own: one process, one version.

    `python` is an interpreter of 3.11 or later that can import that binding.
    """
    code = (
        "import sys; sys.path[:0] = sys.argv[3:]; from ctpabi.catalog import introspect; "
        "introspect.main(*sys.argv[1:3])"
    )
    command = [python, "-c", code, interface, distribution, str(directory), str(_ROOT)]
    result = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS)
    if result.returncode != 0:
        raise LayoutMismatch(result.stderr.decode(errors="replace").strip() or f"exit status {result.returncode}")
    return from_json(result.stdout.decode())


def main(interface: str = Interface.TRADER, distribution: str = Distribution.CTP) -> None:
    """Write the installed binding's catalog to standard output."""
    sys.stdout.buffer.write(to_json(introspect(Interface(interface), Distribution(distribution))).encode())


class _Prober:
    """Finds kinds and offsets by using the binding's own setters."""

    def __init__(self, module: ModuleType, enums: dict[str, SourceEnum]) -> None:
        self._module = module
        self._enums = enums
        self._scalar_kinds: dict[str, Kind] = {}
        self.used_enums: dict[str, Enum] = {}

    def struct(self, source: SourceStruct) -> Struct:
        instance = getattr(self._module, f"CThostFtdc{source.name}Field")()
        fields: list[Field] = []
        end = 0
        for item in source.fields:
            kind, size = self._kind(instance, source.name, item.name, item.type_name)
            alignment = _SCALARS.get(kind, 1)
            offset = -(-end // alignment) * alignment
            end = offset + size
            enum = self._enum(item.type_name) if kind is Kind.CHAR else ""
            length = BINARY.get((source.name, item.name), "")
            fields.append(
                Field(item.name, snake_case(item.name), kind, offset, size, item.type_name, enum, item.doc, length)
            )
        alignment = max((_SCALARS.get(f.kind, 1) for f in fields), default=1)
        struct = Struct(source.name, max(-(-end // alignment) * alignment, 1), tuple(fields), source.doc)
        prove(struct, instance)
        return struct

    def _kind(self, instance: Any, struct: str, name: str, type_name: str) -> tuple[Kind, int]:
        array = _CHAR_ARRAY.search(_refusal(instance, name, []))
        if array:
            return Kind.BYTES if (struct, name) in BINARY else Kind.TEXT, int(array[1])
        if type_name not in self._scalar_kinds:
            self._scalar_kinds[type_name] = _scalar_kind(instance, name)
        kind = self._scalar_kinds[type_name]
        return kind, _SCALARS[kind]

    def _enum(self, type_name: str) -> str:
        source = self._enums.get(type_name)
        if source is None:
            return ""
        if type_name not in self.used_enums:
            values = tuple(self._enum_value(type_name, *member) for member in source.members)
            self.used_enums[type_name] = Enum(type_name, values, source.doc)
        return type_name

    def _enum_value(self, enum: str, constant: str, doc: str) -> EnumValue:
        name = constant.removeprefix("THOST_FTDC_")
        return EnumValue(name, enum_value_name(enum, name), getattr(self._module, constant), doc)


def _refusal(instance: Any, name: str, value: object) -> str:
    """What the setter says to `value`; empty when it takes it."""
    try:
        setattr(instance, name, value)
    except (TypeError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""


def _scalar_kind(instance: Any, name: str) -> Kind:
    if not _refusal(instance, name, 1.5):
        return Kind.DOUBLE
    if not _refusal(instance, name, "a"):
        return Kind.CHAR
    if not _refusal(instance, name, 70_000):
        return Kind.INT
    return Kind.SHORT


_PROOFS: dict[Kind, tuple[object, bytes]] = {
    Kind.CHAR: ("Z", b"Z"),
    Kind.SHORT: (-12_345, (-12_345).to_bytes(2, "little", signed=True)),
    Kind.INT: (-1_234_567_890, (-1_234_567_890).to_bytes(4, "little", signed=True)),
    Kind.DOUBLE: (-1.5, b"\0\0\0\0\0\0\xf8\xbf"),
}


def prove(struct: Struct, instance: Any) -> None:
    """Write each field through its setter; the struct's memory must be exactly what the layout says, each time."""
    address = int(instance.this)
    libc = ctypes.CDLL(None)
    libc.malloc_usable_size.argtypes = [ctypes.c_void_p]
    libc.malloc_usable_size.restype = ctypes.c_size_t
    room = libc.malloc_usable_size(address)
    if not struct.size <= room < struct.size + 2 * _MALLOC_GRANULARITY:
        raise LayoutMismatch(f"{struct.name}: computed {struct.size} bytes, the binding allocates {room}")
    expected = bytearray(struct.size)
    ctypes.memset(address, 0, struct.size)
    for field in struct.fields:
        value, raw = _PROOFS.get(field.kind) or ("Q" * (field.size - 1), b"Q" * (field.size - 1))
        setattr(instance, field.name, value)
        expected[field.offset : field.offset + len(raw)] = raw
        if ctypes.string_at(address, struct.size) != expected:
            raise LayoutMismatch(f"{struct.name}.{field.name} is not {field.size} bytes at offset {field.offset}")


def _struct_name(parameters: tuple[str, ...]) -> str:
    match = STRUCT_CLASS.fullmatch(parameters[0]) if parameters else None
    return match[1] if match else ""


def _method(slot: int, source: SourceMethod) -> Method:
    struct = _struct_name(source.parameters)
    shape, proto_name = Shape.LIFECYCLE, ""
    if struct and source.parameters[1:] == ("int",):
        shape, proto_name = Shape.REQUEST, snake_case(source.name.removeprefix("Req"))
    elif source.name.endswith("UserSystemInfo"):
        shape = Shape.REPORT
    elif source.parameters == _NAMES:
        shape = Shape.SUBSCRIPTION
    return Method(source.name, slot, shape, struct, proto_name, source.doc)


def _callback(slot: int, source: SourceMethod) -> Callback:
    shapes = {
        ("struct", "info", "int", "bool"): Shape.RESPONSE,
        ("info", "int", "bool"): Shape.RESPONSE_ERROR,
        ("struct", "info"): Shape.ERROR_NOTICE,
        ("struct",): Shape.NOTICE,
        (): Shape.CONNECTION,
        ("int",): Shape.CONNECTION,
    }
    shape = shapes[tuple(map(_parameter_word, source.parameters))]
    struct = "" if shape is Shape.RESPONSE_ERROR else _struct_name(source.parameters)
    proto_name = "" if shape is Shape.CONNECTION else snake_case(source.name.removeprefix("On"))
    return Callback(source.name, slot, shape, struct, proto_name, source.doc)


def _parameter_word(type_name: str) -> str:
    if type_name == "CThostFtdcRspInfoField":
        return "info"
    return "struct" if STRUCT_CLASS.fullmatch(type_name) else type_name


if __name__ == "__main__":
    main()
