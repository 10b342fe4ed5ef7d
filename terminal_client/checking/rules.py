"""Judges one message of a terminal by itself; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.proof import auth_info
from terminal_client.secret import Secret

SHORTEST, LONGEST = 264, 273
VERSION_BYTES = 64
Fault = tuple[str, str]
"""a rule, and how it was broken; empty where it was kept"""


@dataclass(frozen=True, slots=True)
class Given:
    """What the terminal's user was given to type into it."""

    app_id: str
    auth_code: Secret
    broker_id: str
    investor_id: str
    password: Secret


def printable(version: str) -> str:
    """As much of it as a relay would take."""
    return "".join(letter for letter in version if letter.isprintable())[:VERSION_BYTES]


def judge_hello(hello: pb.Hello, given: Given) -> Iterator[Fault]:
    if hello.protocol != 1:
        yield "hello", f"协议是 {hello.protocol} the protocol is {hello.protocol}"
    elif hello.app_id != given.app_id:
        yield "hello", "AppID 不是给定的 another app id than the given one"
    elif not hello.client_version.isprintable() or len(hello.client_version.encode()) > VERSION_BYTES:
        yield "hello", f"client_version 不可显示或超过 {VERSION_BYTES} 字节 it is not printable, or too long"
    else:
        yield "hello", ""


def judge_proof(answer: bytes, challenge: bytes, given: Given) -> Iterator[Fault]:
    if answer == auth_info(given.auth_code.reveal(), challenge):
        yield "proof", ""
    elif len(answer) != len(challenge):
        yield "proof", f"应为 128 字节，收到 {len(answer)} it has {len(answer)} bytes, not 128: no padding"
    else:
        yield (
            "proof",
            "AES-128-CBC，密钥为授权码的 16 个字符，IV 为零 AES-128-CBC, the key is the 16 characters, the IV is zero",
        )


def judge_login(login: pb.Login, given: Given) -> Iterator[Fault]:
    named = login.broker_id == given.broker_id and login.investor_id == given.investor_id
    right = named and login.password == given.password.reveal()
    yield "identity", "" if right else "与给定的不同 other than given"
    yield from _judge_system_info(login)
    plain = login.collector_version.isprintable() and 0 < len(login.collector_version.encode()) <= 2 * VERSION_BYTES
    yield (
        "collector",
        "" if plain else "collector_version 为空、不可显示或超过 128 字节 it is empty, not printable or too long",
    )


def _judge_system_info(login: pb.Login) -> Iterator[Fault]:
    size, said = len(login.system_info), login.system_info_length
    if SHORTEST <= size <= LONGEST:
        yield "system_info", ""
    elif size < SHORTEST <= said <= LONGEST:
        yield "system_info", f"只有 {size} 字节：在 NUL 处截断 only {size} bytes: cut at a NUL, as C strings are"
        return  # the length that it says is right, and is no second fault
    elif size == 344:
        yield "system_info", "发送了整个缓冲区 the whole buffer was sent, not what was written to it"
    else:
        yield "system_info", f"{size} 字节 it has {size} bytes; base64 or hex is not decoded by the relay"
    yield (
        "system_info_length",
        "" if said == size else f"长度 {said}，实际 {size} 字节 it says {said}, and has {size} bytes",
    )


def judge_call(call: pb.Call, given: Given, unanswered: set[int]) -> Iterator[Fault]:
    """`unanswered` are the ids of calls that have not had their last answer."""
    name = call.request.WhichOneof("body")
    if call.request_id <= 0:
        yield "request_id", f"编号 {call.request_id} the id is {call.request_id}"
    elif call.request_id in unanswered:
        yield "request_id", f"编号 {call.request_id} 还没有答复 it is still unanswered"
    else:
        yield "request_id", ""
    if name is None:
        yield "request", "没有内容，或是未知的请求 it has no body, or one that is not known"
        return
    yield "request", ""
    yield from _judge_identity(getattr(call.request, name), given)
    if name == "order_insert":
        yield from _judge_order(call.request.order_insert)


def _judge_identity(body: object, given: Given) -> Iterator[Fault]:
    broker, investor = getattr(body, "broker_id", ""), getattr(body, "investor_id", "")
    if broker not in {"", given.broker_id} or investor not in {"", given.investor_id}:
        yield "request_identity", f"{broker}/{investor}：请留空，由中继填写 leave them empty, the relay writes them"
    else:
        yield "request_identity", ""


def _judge_order(order: ctp.InputOrder) -> Iterator[Fault]:
    if order.order_price_type == enums.ORDER_PRICE_TYPE_LIMIT_PRICE:
        yield (
            "order_price",
            "" if order.HasField("limit_price") else "没有 limit_price，会按 0 报出 absent: it goes out as 0",
        )
    flags = (order.comb_offset_flag, order.comb_hedge_flag)
    whole = all(flag and set(flag) <= set("0123456789") for flag in flags)
    yield "order_flags", "" if whole else f"{flags}：字符串，例如 0 和 1 strings such as 0 and 1"
