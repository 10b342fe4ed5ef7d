"""Writes the C++ that makes the shim fit one version of the binding: structs, vtables, forwarding and dispatch.

Everything comes from the catalog; the hand-written C++ in `shim/` is the same for every version and both interfaces.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from ctpabi.catalog import Callback, Catalog, Field, Interface, Kind, Method, Shape, Struct

_Member = TypeVar("_Member", Method, Callback)

_RSP_INFO = "RspInfo"
_SCALARS = {Kind.CHAR: "char", Kind.INT: "int", Kind.SHORT: "short", Kind.DOUBLE: "double"}

_LIFECYCLE: dict[str, tuple[str, str, str]] = {
    "Release": ("void", "", "do_release();"),
    "Init": ("void", "", "do_init();"),
    "Join": ("int", "", "return do_join();"),
    "GetTradingDay": ("const char*", "", "return do_trading_day();"),
    "GetFrontInfo": ("void", "CThostFtdcFrontInfoField* info", "do_front_info(info);"),
    "RegisterFront": ("void", "char* address", "do_register_front(address);"),
    "RegisterNameServer": ("void", "char* address", "do_register_name_server(address);"),
    "RegisterFensUserInfo": ("void", "CThostFtdcFensUserInfoField*", ""),
    "RegisterSpi": ("void", "Spi* spi", "do_register_spi(spi);"),
    "SubscribePrivateTopic": ("void", "int resume_type", "do_private_topic(resume_type);"),
    "SubscribePublicTopic": ("void", "int resume_type", "do_public_topic(resume_type);"),
}
"""return type, parameters and forwarding of the methods that are not requests; an enum argument travels as an int"""

_CREATE = {
    # The second one is what bindings up to 6.7.10 call.
    Interface.TRADER: ("const char* flow_path, bool", "const char* flow_path"),
    # The last one is new with 6.7.11.
    Interface.MARKET_DATA: (
        "const char* flow_path, bool",
        "const char* flow_path, bool, bool",
        "const char* flow_path, bool, bool, bool",
    ),
}
"""parameters of the static function that makes an instance, in every version"""

_ARGUMENTS = {
    Shape.RESPONSE: "{record}, {rsp_info}, event.request_id, event.is_last",
    Shape.RESPONSE_ERROR: "{rsp_info}, event.request_id, event.is_last",
    Shape.ERROR_NOTICE: "{record}, {rsp_info}",
    Shape.NOTICE: "{record}",
}
_PARAMETERS = {
    Shape.RESPONSE: "{record}*, {rsp_info}*, int, bool",
    Shape.RESPONSE_ERROR: "{rsp_info}*, int, bool",
    Shape.ERROR_NOTICE: "{record}*, {rsp_info}*",
    Shape.NOTICE: "{record}*",
}


class UnknownMethod(ValueError):
    """The binding has a method this generator has never seen; the message names it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The file whose code may call the library, recognized by its content: any other was built for other slots."""

    name: str
    """for people: openctp-ctp 6.7.11.0"""
    size: int
    crc32: int

    @classmethod
    def of(cls, extension: Path, name: str) -> Self:
        content = extension.read_bytes()
        return cls(name, len(content), zlib.crc32(content))


ANY_CALLER = Caller("", 0, 0)
"""for a library on the way to a relay: it knows by the vendor's library beside it for which slots a program was compiled"""


def abi_hash(catalog: Catalog) -> str:
    """64 hex digits that differ whenever shim and counter would read each other's bytes differently."""
    methods = [(m.name, m.slot, m.shape, m.struct) for m in catalog.methods.values()]
    callbacks = [(c.name, c.slot, c.shape, c.struct) for c in catalog.callbacks.values()]
    structs = [
        (s.name, s.size, [(f.name, _c_declaration(f), f.offset) for f in s.fields]) for s in _used_structs(catalog)
    ]
    return hashlib.sha256(json.dumps([methods, callbacks, structs]).encode()).hexdigest()


def headers(catalog: Catalog, caller: Caller) -> dict[str, str]:
    """File name -> content of everything generated for `catalog`; ANY_CALLER makes the one for a relay. Raises UnknownMethod."""
    return {
        "abi.h": "\n".join(_abi(catalog, caller)) + "\n",
        "create.inc": "\n".join(_create(catalog)) + "\n",
        "forward.inc": "\n".join(_forward(catalog, m) for m in _by_slot(catalog.methods)) + "\n",
        "dispatch.inc": "\n".join(_dispatch(c) for c in _by_slot(catalog.callbacks)) + "\n",
    }


def _by_slot(members: dict[str, _Member]) -> list[_Member]:
    return sorted(members.values(), key=lambda member: member.slot)


def _used_structs(catalog: Catalog) -> list[Struct]:
    """The structs methods and callbacks pass; the others exist in the vendor's headers only."""
    passed = {m.struct for m in catalog.methods.values()} | {c.struct for c in catalog.callbacks.values()}
    return [catalog.structs[name] for name in sorted(passed - {""} | {_RSP_INFO})]


def _c_struct(name: str) -> str:
    return f"CThostFtdc{name}Field"


def _c_declaration(field: Field) -> str:
    scalar = _SCALARS.get(field.kind)
    return f"{scalar} {field.name}" if scalar else f"char {field.name}[{field.size}]"


def _abi(catalog: Catalog, caller: Caller) -> Iterator[str]:
    structs = _used_structs(catalog)
    yield "// GENERATED by ctpabi.shim.abi_headers for the installed binding. Not kept, not edited."
    yield "#pragma once\n#include <cstddef>\n#include <cstdint>\n"
    for struct in structs:
        yield from _struct(struct)
    yield from _classes(catalog)
    yield "\nnamespace shim {\n"
    yield f"using Api = {_class(catalog, 'Api')};"
    yield "using Spi = Api::Spi;"
    yield f'constexpr char kInterface[] = "{catalog.interface}";'
    yield f'constexpr char kCallerName[] = "{caller.name}";'
    yield f"constexpr uint64_t kCallerSize = {caller.size};"
    yield f"constexpr uint32_t kCallerCrc32 = {caller.crc32};"
    yield f'constexpr char kAbiHash[] = "{abi_hash(catalog)}";'
    yield f'constexpr char kVersion[] = "{catalog.version}";'
    yield from _versions(catalog, caller)
    yield f"constexpr size_t kLargestStruct = {max(struct.size for struct in structs)};"
    yield f"constexpr int kCallbackCount = {len(catalog.callbacks)};"
    yield from _tables(catalog)
    yield "\n}  // namespace shim"


def _versions(catalog: Catalog, caller: Caller) -> Iterator[str]:
    """What the library calls itself, and how it finds out for which CTP a program was compiled."""
    number, through_carrier = ".".join(catalog.version.split(".")[:3]), caller is ANY_CALLER
    mangled = f"_ZN{len(_class(catalog, 'Api'))}{_class(catalog, 'Api')}"
    yield f"constexpr bool kThroughCarrier = {str(through_carrier).lower()};"
    yield f'constexpr char kApiVersion[] = "v{number}_{"RELAY" if through_carrier else "SIMCOUNTER"}";'
    yield f'constexpr char kVendorVersion[] = "v{number}_";'
    yield f'constexpr char kMangledClass[] = "{mangled}";'
    yield f'constexpr char kVersionSymbol[] = "{mangled}13GetApiVersionEv";'
    for name in ("FrontConnected", "FrontDisconnected"):
        yield f"constexpr int k{name} = {catalog.callbacks[f'On{name}'].slot};"


def _struct(struct: Struct) -> Iterator[str]:
    name = _c_struct(struct.name)
    body = " ".join(f"{_c_declaration(field)};" for field in struct.fields)
    yield f"struct {name} {{ {body} }};"
    yield f'static_assert(sizeof({name}) == {struct.size}, "{struct.name}");'
    for field in struct.fields:
        yield f'static_assert(offsetof({name}, {field.name}) == {field.offset}, "{struct.name}.{field.name}");'


def _classes(catalog: Catalog) -> Iterator[str]:
    api, spi = _class(catalog, "Api"), _class(catalog, "Spi")
    yield f"\nclass {spi} {{\n public:"
    for callback in _by_slot(catalog.callbacks):
        yield f"  virtual void {callback.name}({_callback_parameters(callback)}) = 0;"
    yield f" protected:\n  ~{spi}() = default;\n}};"
    yield f'\nclass __attribute__((visibility("default"))) {api} {{\n public:'
    yield f"  using Spi = {spi};"
    for parameters in _CREATE[catalog.interface]:
        yield f"  static {api}* CreateFtdc{catalog.interface}Api({parameters});"
    yield "  static const char* GetApiVersion();"
    for method in _by_slot(catalog.methods):
        result, parameters, _ = _method(catalog, method)
        yield f"  virtual {result} {method.name}({parameters}) = 0;"
    yield f" protected:\n  ~{api}() = default;\n}};"


def _class(catalog: Catalog, kind: str) -> str:
    return f"CThostFtdc{catalog.interface}{kind}"


def _create(catalog: Catalog) -> Iterator[str]:
    api = _class(catalog, "Api")
    for parameters in _CREATE[catalog.interface]:
        yield f"{api}* {api}::CreateFtdc{catalog.interface}Api({parameters}) {{"
        yield "  return shim::create(flow_path, __builtin_return_address(0));\n}"
    yield f"const char* {api}::GetApiVersion() {{ return shim::kApiVersion; }}"


def _tables(catalog: Catalog) -> Iterator[str]:
    yield "struct MethodFacts { const char* name; bool is_query; };"
    yield "constexpr MethodFacts kMethods[] = {"
    for method in _by_slot(catalog.methods):
        # ReqQuery… is answered by the trading core and not limited.
        yield f'  {{"{method.name}", {str(method.name.startswith("ReqQry")).lower()}}},'
    yield "};"
    yield "struct CallbackFacts { const char* name; uint32_t struct_size; bool ends_query; };"
    yield "constexpr CallbackFacts kCallbacks[] = {"
    for callback in _by_slot(catalog.callbacks):
        size = f"sizeof({_c_struct(callback.struct)})" if callback.struct else "0"
        ends_query = callback.name.startswith("OnRspQry") or callback.shape is Shape.RESPONSE_ERROR
        yield f'  {{"{callback.name}", {size}, {str(ends_query).lower()}}},'
    yield "};"


def _method(catalog: Catalog, method: Method) -> tuple[str, str, str]:
    """Return type, parameters and body of the override."""
    record = f"{_c_struct(method.struct)}* record"
    if method.shape is Shape.REQUEST:
        body = f"return request({method.slot}, record, sizeof *record, request_id);"
        return "int", f"{record}, int request_id", body
    if method.shape is Shape.REPORT:
        return "int", record, f"return report({_report_method(catalog, method)}, record, sizeof *record);"
    if method.shape is Shape.SUBSCRIPTION:
        return "int", "char* names[], int count", f"return subscribe({method.slot}, names, count);"
    if method.name not in _LIFECYCLE:
        raise UnknownMethod(f"{catalog.distribution} {catalog.version}: no rule for {method.name}")
    return _LIFECYCLE[method.name]


def _report_method(catalog: Catalog, method: Method) -> str:
    struct = catalog.structs[method.struct]
    content = next(field.name for field in struct.fields if field.kind is Kind.BYTES)
    kind = "kRegister" if method.name.startswith("Register") else "kSubmit"
    name = _c_struct(struct.name)
    return (
        f'{{"{method.name}", {method.slot}, ReportKind::{kind}, '
        f"offsetof({name}, {content}Len), offsetof({name}, {content})}}"
    )


def _forward(catalog: Catalog, method: Method) -> str:
    result, parameters, body = _method(catalog, method)
    return f"{result} {method.name}({parameters}) override {{ {body} }}"


def _callback_parameters(callback: Callback) -> str:
    if callback.shape is Shape.CONNECTION:
        return "int" if _takes_reason(callback) else ""
    return _PARAMETERS[callback.shape].format(record=_c_struct(callback.struct), rsp_info=_c_struct(_RSP_INFO))


def _dispatch(callback: Callback) -> str:
    if callback.shape is Shape.CONNECTION:
        arguments = "event.reason" if _takes_reason(callback) else ""
    else:
        record = f"static_cast<{_c_struct(callback.struct)}*>(event.record)"
        rsp_info = f"static_cast<{_c_struct(_RSP_INFO)}*>(event.rsp_info)"
        arguments = _ARGUMENTS[callback.shape].format(record=record, rsp_info=rsp_info)
    return f"case {callback.slot}: spi->{callback.name}({arguments}); break;"


def _takes_reason(callback: Callback) -> bool:
    """OnFrontDisconnected(int) and OnHeartBeatWarning(int), unlike OnFrontConnected()."""
    return callback.name != "OnFrontConnected"
