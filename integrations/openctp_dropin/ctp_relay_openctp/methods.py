"""The classes of API and Spi, made from the catalog: no method is written by hand that the catalog knows.

An API object has a `Behind`, which does what its methods say; which one is decided by the fronts, at Init.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctp_relay_openctp.structs import SwigPyObject, memory_of, own_flag, proxy_repr
from ctpabi.catalog import Catalog, Method, Shape

_PARAMETERS = {
    Shape.RESPONSE: 4,
    Shape.RESPONSE_ERROR: 3,
    Shape.ERROR_NOTICE: 2,
    Shape.NOTICE: 1,
}
"""of a callback, without self"""
_INT = range(-(2**31), 2**31)


def spi_class(catalog: Catalog, module: str) -> type[Any]:
    """CThostFtdcTraderSpi or CThostFtdcMdSpi: every callback, doing nothing."""
    name = f"CThostFtdc{catalog.interface}Spi"

    def __init__(self: Any) -> None:  # noqa: N807 — becomes the class's
        self.__dict__["this"] = SwigPyObject(name, bytearray(8))

    members: dict[str, Any] = {
        "__module__": module,
        "__init__": __init__,
        "__repr__": proxy_repr,
        "thisown": own_flag(),
    }
    for callback in catalog.callbacks.values():
        count = _PARAMETERS.get(callback.shape, 0 if callback.name == "OnFrontConnected" else 1)
        members[callback.name] = _nothing(f"{name}_{callback.name}", count, callback.doc)
    return type(name, (), members)


def _nothing(name: str, count: int, doc: str) -> Callable[..., None]:
    def callback(_self: Any, *arguments: object) -> None:
        if len(arguments) != count:
            raise TypeError(f"{name} expected {count + 1} arguments, got {len(arguments) + 1}")

    callback.__name__ = callback.__qualname__ = name
    callback.__doc__ = doc
    return callback


def api_class(catalog: Catalog, module: str, by_hand: dict[str, Any]) -> type[Any]:
    """CThostFtdcTraderApi or CThostFtdcMdApi. `by_hand` are the methods of its life (Init, Release …) and its makers."""
    name = f"CThostFtdc{catalog.interface}Api"

    def __init__(_self: Any, *_arguments: object, **_named: object) -> None:  # noqa: N807 — becomes the class's
        raise AttributeError("No constructor defined - class is abstract")

    members: dict[str, Any] = {
        "__module__": module,
        "__init__": __init__,
        "__repr__": proxy_repr,
        "thisown": own_flag(),
    }
    for method in catalog.methods.values():
        made = _METHODS[method.shape](f"{name}_{method.name}", method) if method.shape in _METHODS else None
        if made is not None:
            made.__name__ = method.name
            made.__qualname__ = f"{name}.{method.name}"
            made.__doc__ = method.doc
            members[method.name] = made
    return type(name, (), {**members, **by_hand})


def whole_number(value: object, method: str, argument: int, c_type: str = "int") -> int:
    """An int argument. TypeError, OverflowError."""
    complaint = f"in method '{method}', argument {argument} of type '{c_type}'"
    if not isinstance(value, int):
        raise TypeError(complaint)
    if value not in _INT:
        raise OverflowError(complaint)
    return int(value)


def expect(method: str, arguments: tuple[object, ...], count: int) -> None:
    """TypeError unless there are so many arguments beside self."""
    if len(arguments) != count:
        raise TypeError(f"{method} expected {count + 1} arguments, got {len(arguments) + 1}")


def _request(name: str, method: Method) -> Callable[..., int]:
    def request(self: Any, *arguments: object) -> int:
        expect(name, arguments, 2)
        memory = memory_of(arguments[0], method.struct, name)
        code: int = self.behind.call(method, memory, whole_number(arguments[1], name, 3))
        return code

    return request


def _report(name: str, method: Method) -> Callable[..., int]:
    def report(self: Any, *arguments: object) -> int:
        expect(name, arguments, 1)
        code: int = self.behind.report(method, memory_of(arguments[0], method.struct, name))
        return code

    return report


def _subscription(name: str, method: Method) -> Callable[..., int]:
    def subscription(self: Any, *arguments: object) -> int:
        expect(name, arguments, 2)
        names, count = arguments
        if not isinstance(names, list):
            raise TypeError(f"in method '{name}', argument 2 of type 'char *[]'")
        whole_number(count, name, 3)  # and it is often wrong, so the list decides
        return int(self.behind.subscribe(method.name, [_instrument(one, name) for one in names]))

    return subscription


def _instrument(value: object, method: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise TypeError(f"in method '{method}', argument 2 of type 'char *[]'")
    return value


_METHODS: dict[Shape, Callable[[str, Method], Callable[..., int]]] = {
    Shape.REQUEST: _request,
    Shape.REPORT: _report,
    Shape.SUBSCRIPTION: _subscription,
}
