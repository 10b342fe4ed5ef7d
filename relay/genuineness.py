"""A process of its own that asks the vendor's library whether its collector made some system info.

Only the vendor's library can tell, so it is loaded here without anything preloaded in its place, in a process
that holds no secrets and no connection: an API instance without a front. To genuine bytes such an instance
answers "not permitted" (-3), to others -1, -6 or -7, and it leaves the unwrapped first block in the struct.
By chance it takes one in sixty damaged blocks for genuine; whoever asks must look at the header's time as well.

Spoken on one socket, a JSON object a line: {"id", "system_info"} is answered by {"id", "code", "header"}, bytes
in Base64. The first line is {"ready": version}, or {"unfit": why}. The process ends with the socket.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import json
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ctpabi.api.binding import Binding, BindingMismatch, load, struct_pointer, vendor_library
from ctpabi.codec import layout
from ctpabi.locale import LocaleMissing

STRUCT = "UserSystemInfo"
_WRONG_LENGTH = -1
WRAPPED_BLOCK = 16
"""bytes of the collector's own wrapping, which the call replaces by the unwrapped header"""

Judge = Callable[[bytes], tuple[int, bytes]]


class Unfit(Exception):
    """This process cannot judge; the message says why."""


def main() -> None:
    """Judge what comes through the inherited socket until it closes."""
    parser = argparse.ArgumentParser(prog="python -m relay.genuineness", description=__doc__)
    parser.add_argument("--descriptor", type=int, required=True, help="the inherited socket")
    parser.add_argument("--edition", choices=["production", "evaluation"], required=True)
    arguments = parser.parse_args()
    _silence_vendor()
    with (
        socket.socket(fileno=arguments.descriptor) as peer,
        peer.makefile("rwb", buffering=0) as lines,
        tempfile.TemporaryDirectory(prefix="genuineness-") as flow,
    ):
        try:
            judge, version = _make_judge(Path(flow), production=arguments.edition == "production")
        except (Unfit, BindingMismatch, LocaleMissing) as error:
            _say(lines, {"unfit": str(error)})
            return
        _say(lines, {"ready": version})
        for line in lines:
            request = json.loads(line)
            code, header = judge(base64.b64decode(request["system_info"]))
            _say(lines, {"id": request["id"], "code": code, "header": base64.b64encode(header).decode("ascii")})
    # The vendor's threads are still running; leaving without its destructors is the way that never hangs.
    os._exit(0)


def _say(lines: Any, message: dict[str, object]) -> None:
    lines.write(json.dumps(message).encode("ascii") + b"\n")


def _silence_vendor() -> None:
    """The library prints a line for every judgement to standard output, which is the parent's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _make_judge(flow: Path, *, production: bool) -> tuple[Judge, str]:
    binding = load()
    # Without its directory the vendor's library ends the process; the slash makes files in it, not beside it.
    api = binding.tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi(f"{flow}/", production)
    _require_vendor_library(api)
    api.Init()
    return _judge_with(binding, api), str(api.GetApiVersion())


def _judge_with(binding: Binding, api: Any) -> Judge:
    struct = binding.catalog.structs[STRUCT]
    room = struct.field("ClientSystemInfo").size
    new_struct = getattr(binding.tdapi, f"CThostFtdc{STRUCT}Field")

    def judge(system_info: bytes) -> tuple[int, bytes]:
        # The call rewrites the struct, so each judgement has a fresh one.
        held = new_struct()
        if len(system_info) > room:
            return _WRONG_LENGTH, b""  # the vendor's own answer to too few; it would read on beyond too many
        data = layout.pack(struct, {"ClientSystemInfoLen": len(system_info), "ClientSystemInfo": system_info})
        ctypes.memmove(struct_pointer(held), data, struct.size)
        code = int(api.RegisterUserSystemInfo(held))
        after = ctypes.string_at(struct_pointer(held) + struct.field("ClientSystemInfo").offset, WRAPPED_BLOCK)
        return code, after

    return judge


def _require_vendor_library(api: Any) -> None:
    """Raise Unfit unless the instance is the vendor's: a substituted library would let anything pass, or nothing.

    The address of the instance's virtual table tells which library made it, whatever names the libraries have.
    """
    table = ctypes.c_uint64.from_address(struct_pointer(api)).value
    made_by = _file_mapped_at(table)
    if made_by != vendor_library().resolve():
        raise Unfit(f"the API is not the vendor's but that of {made_by}")


def _file_mapped_at(address: int) -> Path | None:
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        first, _, last = line.split(maxsplit=1)[0].partition("-")
        if int(first, 16) <= address < int(last, 16):
            named = line.split(maxsplit=5)[5:]
            return Path(named[0]) if named else None
    return None


if __name__ == "__main__":
    main()
