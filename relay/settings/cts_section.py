"""The settings of `[counter.cts]`: where a 根网 CTS counter is, and what of it only the firm knows.

What the public client of CTS does not say (OPEN in the manual's page on CTS) is a setting here, with the value that is taken
where a firm knows no better.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from relay.settings.section import Section
from relay.settings.values import Address, Seconds, split_list

_EXCHANGES = ("SHFE", "DCE", "CZCE", "CFFEX", "INE", "GFEX", "SSE", "SZSE")


def _letter(value: str) -> str:
    letter, mark, name = (part.strip() for part in value.partition("="))
    if not mark or not 0 < len(letter) <= 8 or name not in _EXCHANGES:
        raise ValueError(f"must be CODE=EXCHANGE, with one of {', '.join(_EXCHANGES)}")
    return f"{letter}={name}"


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    for place in (0, 2):
        parts = [value.partition("=")[place] for value in values]
        if len(set(parts)) < len(parts):
            raise ValueError("names a code or an exchange twice")
    return values


ExchangeLetter = Annotated[str, AfterValidator(_letter)]


class CtsSettings(Section):
    """A 根网 CTS counter."""

    address: Address = Field(
        description="HOST:PORT of the counter; passwords can be read on the line to it, so it must be one that strangers"
        " cannot listen to",
        examples=["198.51.100.10:9880"],
    )
    exchanges: Annotated[
        tuple[ExchangeLetter, ...], BeforeValidator(split_list), AfterValidator(_once), Field(min_length=1)
    ] = Field(
        default=("S=SHFE", "D=DCE", "Z=CZCE", "F=CFFEX"),
        description="the counter's codes of exchanges; orders at others are refused. INE's and GFEX's are not known: ask the"
        " counter's vendor",
    )
    connect_seconds: Seconds = Field(default=30.0, description="seconds a connection may take")
    answer_seconds: Seconds = Field(default=30.0, description="seconds an answer may take")
    reconnect_seconds: Seconds = Field(default=10.0, description="seconds between a break and the next try to connect")
    resume: bool = Field(
        default=True, description="after a break ask for the session that broke; where it is refused, for a new one"
    )
    idle_seconds: Seconds = Field(
        default=60.0, description="seconds of silence after which the counter is asked something small"
    )
    api_type: str = Field(
        default="PyAPI", min_length=1, max_length=32, description="APIType that the relay connects as"
    )
    api_version: str = Field(default="1.0", max_length=32, description="APIVersion that the relay connects as")
    terminal_info: str = Field(
        default="",
        max_length=1000,
        description="TerminalInfo of the relay's own machine: one line of the vendor's collector",
    )
    currency: str = Field(default="00", min_length=1, max_length=4, description="currencyId of orders and funds")
    max_rows: Annotated[int, Field(ge=1, le=500)] = Field(
        default=100,
        description="rows of one page of a query; a page comes in one line, which ends the session beyond 1 MiB",
    )
    number_field: Literal["batchNum", "none"] = Field(
        default="batchNum",
        description="field of an order that carries the relay's number and comes back in queries; none: after a restart the"
        " relay knows its orders by clientId alone, where queries show that",
    )
    trade_return_types: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=("2",), description="values of returnType in a push (17002) that make it a trade"
    )
    check_order_seconds: Annotated[float, Field(ge=0)] = Field(
        default=1.0,
        description="seconds after which an order is asked for that was accepted or whose cancel was, since the counter"
        " pushes trades alone; 0: never",
    )
    wrong_password_codes: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="errorCodes of an account's login that mean a wrong password; default: every refusal counts as one, so that"
        " no account is locked by tries",
        examples=[["E1000003"]],
    )
