"""The settings of `[counter.bridge]`: where the bridge is, how it is trusted, and what it logs in with.

A bridge is the process beside a counter's library that cannot run in the relay. What is said to it has passwords in it, so the
connection is loopback, a Unix socket or mutual TLS.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Seconds, is_loopback, split_address, split_list

_SOCKET = "unix:"


def _where(value: str) -> str:
    if value.startswith(_SOCKET):
        if not Path(value.removeprefix(_SOCKET)).is_absolute():
            raise ValueError("must be unix:/PATH, from the root")
        return value
    split_address(value)
    return value


def _pair(value: str) -> str:
    native, equals, code = value.partition("=")
    if not equals or len(native) != 1 or not code.isascii() or not code.isalpha():
        raise ValueError("must be CODE=EXCHANGE with the counter's one character: 1=SSE")
    return value


class BridgeSettings(Section):
    """The bridge to a counter whose library cannot run in the relay (金证 KSMM)."""

    address: Annotated[str, AfterValidator(_where)] = Field(
        description="HOST:PORT of the bridge, or unix:/PATH; another machine's needs the three files of TLS",
        examples=["127.0.0.1:50090"],
    )
    authority: Path | None = Field(
        default=None,
        description="PEM certificate of the authority whose certificate the bridge must show",
        examples=["bridge_ca.pem"],
    )
    certificate: Path | None = Field(
        default=None, description="PEM certificate that the relay shows the bridge", examples=["relay_at_bridge.pem"]
    )
    key: Path | None = Field(
        default=None, description="PEM private key of `certificate`", examples=["relay_at_bridge.key"]
    )
    operator_user: str = Field(
        min_length=1, max_length=31, description="the operator that the library logs in", examples=["8001"]
    )
    operator_password_file: Path = Field(
        description="file with the operator's password, readable by the relay only", examples=["bridge_operator.secret"]
    )
    middleware_user: str = Field(
        default="",
        max_length=19,
        description="user of the library's message bus (KCBP); default: the library reads all of it from a file beside it",
        examples=["KCXP00"],
    )
    middleware_password_file: Path | None = Field(
        default=None,
        description="file with that user's password; needed with `middleware_user`",
        examples=["bridge_middleware.secret"],
    )
    middleware_address: str = Field(
        default="", max_length=19, description="address of the message bus", examples=["198.51.100.20"]
    )
    middleware_server: str = Field(default="", max_length=19, description="the server's name there", examples=["KCBP1"])
    middleware_port: Annotated[int, Field(ge=1, le=65535)] = Field(default=21000, description="port of the message bus")
    request_queue: str = Field(default="", max_length=19, description="its queue of requests", examples=["req_market"])
    answer_queue: str = Field(default="", max_length=19, description="its queue of answers", examples=["ans_market"])
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="threads in which the library works on requests"
    )
    product: str = Field(default="", max_length=63, description="the product that the library's licence names")
    all_quotes: bool = Field(
        default=False, description="true: the library sends all quotes again and again, and not only those that changed"
    )
    log_prefix: str = Field(default="", max_length=63, description="how the names of the library's log files begin")
    log_to_file: bool = Field(default=False, description="true: the library writes ordinary messages to its files too")
    exchanges: Annotated[tuple[Annotated[str, AfterValidator(_pair)], ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="what the counter's codes of exchanges stand for, each CODE=EXCHANGE; one that is not here is registered"
        " as unmapped",
        examples=[["1=SSE"]],
    )
    silence_seconds: Seconds = Field(
        default=10.0,
        description="after how many seconds without a word the bridge counts as silent; it speaks every two",
    )

    @model_validator(mode="after")
    def _consistent(self) -> BridgeSettings:
        files = (self.authority, self.certificate, self.key)
        if any(files) and not all(files):
            raise ValueError("authority, certificate and key: set all three or none")
        if not any(files) and not self.address.startswith(_SOCKET) and not is_loopback(self.address):
            raise ValueError("authority: is required, with certificate and key, for an address that is not loopback")
        if bool(self.middleware_user) != (self.middleware_password_file is not None):
            raise ValueError("middleware_user and middleware_password_file: set both or neither")
        if self.middleware_user and not (self.middleware_address and self.middleware_server):
            raise ValueError("middleware_address and middleware_server: are required with middleware_user")
        return self
