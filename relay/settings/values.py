"""Forms of settings that pydantic does not know: addresses, networks, lists that may be written with commas."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field


def split_list(value: object) -> object:
    """`a, b` as well as `["a", "b"]`: environment variables have no lists."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _front(value: str) -> str:
    scheme, mark, rest = value.partition("://")
    host, colon, port = rest.rpartition(":")
    if scheme not in {"tcp", "tcp6", "ssl"} or not mark or not host or not colon or not port.isdigit():
        raise ValueError("must be tcp://HOST:PORT, tcp6://HOST:PORT or ssl://HOST:PORT")
    return value


def _network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:50051` or `[::1]:50051`; ValueError says what is wrong."""
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    # An empty host would be every address of the machine.
    if not colon or not bare or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, with an IPv6 host in brackets: [::1]:50051")
    return bare, int(port)


def _address(value: str) -> str:
    split_address(value)
    return value


def is_loopback(address: str) -> bool:
    """Whether only programs on this machine reach the address."""
    host, _ = split_address(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Front = Annotated[str, AfterValidator(_front)]
Network = Annotated[str, AfterValidator(_network)]
Address = Annotated[str, AfterValidator(_address)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
