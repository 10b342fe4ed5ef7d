"""A process of its own that asks the vendor's library whether its collector made some system info.

Only CTP's own library can tell, whatever binding the relay trades through (CTP fact 85), so it is loaded here without anything preloaded in its place, in a process
that holds no secrets and no connection: an API instance without a front. To genuine bytes such an instance
answers "not permitted" (-3), to others -1, -6 or -7, and it leaves the unwrapped first block in the struct.
CTP facts 34 and 37. By chance it takes one in sixty damaged blocks for genuine; the caller must check the header's time as well.

Spoken on one socket, a JSON object a line: {"id", "system_info"} is answered by {"id", "code", "header"}, bytes
in Base64. Questions that come together are answered together, in order. The first line is {"ready": version}, or
{"unfit": why}. The process ends with the socket.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ctpabi.api.binding import BindingMismatch, load, vendor_library
from ctpabi.api.trader import RESTART, TraderApi
from ctpabi.catalog import Catalog
from ctpabi.codec import layout
from ctpabi.locale import LocaleMissing
from relay.process_privacy import make_private

STRUCT = "UserSystemInfo"
_WRONG_LENGTH = -1
_MAKING_SECONDS = 30.0
_READ_BYTES = 1 << 16
WRAPPED_BLOCK = 16
"""bytes of the collector's own wrapping, which the call replaces by the unwrapped header"""

Judge = Callable[[bytes], tuple[int, bytes]]


class Unfit(Exception):
    """This process cannot judge; the message says why."""


def main() -> None:
    """Judge what comes through the inherited socket until it closes."""
    parser = argparse.ArgumentParser(prog="python -m relay.admission.genuineness", description=__doc__)
    parser.add_argument("--descriptor", type=int, required=True, help="the inherited socket")
    parser.add_argument("--edition", choices=["production", "evaluation"], required=True)
    parser.add_argument(
        "--core-dumps", action="store_true", help="the system may write this process's memory to a file"
    )
    arguments = parser.parse_args()
    make_private(core_dumps=arguments.core_dumps)
    _silence_vendor()
    with (
        socket.socket(fileno=arguments.descriptor) as peer,
        tempfile.TemporaryDirectory(prefix="genuineness-") as flow,
    ):
        try:
            judge, version = _make_judge(Path(flow), production=arguments.edition == "production")
        except (Unfit, BindingMismatch, LocaleMissing) as error:
            _say(peer, {"unfit": str(error)})
            return
        _say(peer, {"ready": version})
        for lines in _read(peer):
            _say(peer, *(_answer(judge, line) for line in lines))
    # The vendor's threads are still running; leaving without its destructors is the way that never hangs.
    os._exit(0)


def _read(peer: socket.socket) -> Iterator[list[bytes]]:
    """What came, as whole lines, until the peer closes."""
    rest = b""
    while data := peer.recv(_READ_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield lines


def _answer(judge: Judge, line: bytes) -> dict[str, object]:
    request = json.loads(line)
    code, header = judge(base64.b64decode(request["system_info"]))
    return {"id": request["id"], "code": code, "header": base64.b64encode(header).decode("ascii")}


def _say(peer: socket.socket, *messages: dict[str, object]) -> None:
    peer.sendall(b"".join(json.dumps(message).encode("ascii") + b"\n" for message in messages))


def _silence_vendor() -> None:
    """The library prints a line for every judgement to standard output, which is the parent's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _make_judge(flow: Path, *, production: bool) -> tuple[Judge, str]:
    binding = load()
    api = TraderApi(binding, flow, lambda _: None, production=production)
    api.connect([], RESTART)
    if not api.made.wait(_MAKING_SECONDS):
        raise Unfit("the library made no instance")
    # A substituted library would let anything pass, or nothing.
    if (made_by := api.library()) != vendor_library().resolve():
        raise Unfit(f"the API is not the vendor's but that of {made_by}")
    return _judge_with(binding.catalog, api), api.version()


def _judge_with(catalog: Catalog, api: TraderApi) -> Judge:
    method, struct = catalog.methods[f"Register{STRUCT}"], catalog.structs[STRUCT]
    held = struct.field("ClientSystemInfo")

    def judge(system_info: bytes) -> tuple[int, bytes]:
        if len(system_info) > held.size:
            return _WRONG_LENGTH, b""  # the vendor's own answer to too few; it would read on beyond too many
        data = layout.pack(struct, {"ClientSystemInfoLen": len(system_info), "ClientSystemInfo": system_info})
        code, after = api.unwrap_report(method, data)
        return code, after[held.offset : held.offset + WRAPPED_BLOCK]

    return judge


if __name__ == "__main__":
    main()
