"""The settings of `[counter.ufx]`: where a 恒生 UFX counter is, and what of it only the firm knows.

What Hundsun's public documents do not say (OPEN in the manual's page on UFX) is a setting here, with the value that is taken
where a firm knows no better.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Address, Seconds, split_list

_EXCHANGES = ("SHFE", "DCE", "CZCE", "CFFEX", "INE", "GFEX", "SSE", "SZSE")


def _market(value: str) -> str:
    number, mark, name = (part.strip() for part in value.partition("="))
    if not mark or not 0 < len(number) <= 8 or name not in _EXCHANGES:
        raise ValueError(f"must be MARKET_NO=EXCHANGE, with one of {', '.join(_EXCHANGES)}")
    return f"{number}={name}"


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    for place in (0, 2):
        parts = [value.partition("=")[place] for value in values]
        if len(set(parts)) < len(parts):
            raise ValueError("names a market number or an exchange twice")
    return values


def _ipv4(value: str) -> str:
    ipaddress.IPv4Address(value)
    return value


def _clock(value: str) -> str:
    if value:
        dt.datetime.strptime(value, "%H:%M")  # noqa: DTZ007 - a time of day
    return value


Market = Annotated[str, AfterValidator(_market)]


class UfxSettings(Section):
    """A 恒生 UFX counter."""

    servers: Annotated[tuple[Address, ...], BeforeValidator(split_list), Field(min_length=1)] = Field(
        description="HOST:PORT of the counter, several where there are several; they are tried in turn",
        examples=[["198.51.100.20:9003", "198.51.100.21:9003"]],
    )
    library: Path = Field(
        description="the firm's own libt2sdk.so; what it needs (libsmf_api.so, libinfocertsdk.so) lies beside it",
        examples=["/opt/hundsun/libt2sdk.so"],
    )
    license_file: Path | None = Field(
        default=None, description="the firm's licence file for T2SDK; Hundsun gives it for one program"
    )
    safe_level: Literal["none", "pwd", "ssl"] = Field(
        default="none",
        description="the library's safe level, as Hundsun says; pwd and ssl were never tried with a server",
    )
    safe_client_id: str = Field(default="", max_length=255, description="the library's client_id; needed by pwd")
    safe_password_file: Path | None = Field(
        default=None,
        description="file with the library's comm_pwd (needed by pwd), or with ssl the password of safe_certificate",
    )
    safe_certificate: Path | None = Field(
        default=None,
        description="file with the relay's certificate and key for the library, as Hundsun gives it; needed by ssl",
    )
    safe_authority: Path | None = Field(
        default=None,
        description="with ssl: certificate of the authority that the counter's certificate is checked against; default:"
        " the library checks none",
    )
    relay_ip_address: Annotated[str, AfterValidator(_ipv4)] = Field(
        default="127.0.0.1", description="IPv4 address that the operator's own login in many_to_one states"
    )
    authorization_id: str = Field(
        default="", max_length=64, description="authorization_id of every login, where the counter wants one"
    )
    op_station: str = Field(default="", max_length=255, description="op_station of every login; default: none")
    markets: Annotated[tuple[Market, ...], BeforeValidator(split_list), AfterValidator(_once), Field(min_length=1)] = (
        Field(
            default=("3=SHFE", "4=CZCE", "7=CFFEX", "9=DCE"),
            description="the counter's market numbers; orders at others are refused. INE's and GFEX's are not known: ask Hundsun",
        )
    )
    limit_price_type: str = Field(
        default="0", min_length=1, max_length=8, description="price_type of a futures order with a limit"
    )
    close_today: str = Field(
        default="",
        max_length=8,
        description="futures_direction that closes today's position; default: CloseToday and CloseYesterday are refused, and"
        " Close leaves the choice to the counter",
    )
    ctp_text: Literal["base64", "none"] = Field(
        default="base64",
        description="how the binary information of CTP's collector becomes the text terminal_no; none: its row is left out",
    )
    dead_token_codes: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="ErrorCodes that mean a dead token; default: a heartbeat that is refused says so",
        examples=[["1901"]],
    )
    wrong_password_codes: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="ErrorCodes of a login that mean a wrong password; default: every refusal counts as one, so that no operator"
        " is locked by tries",
        examples=[["3"]],
    )
    keep_alive_seconds: Annotated[float, Field(gt=0, le=240)] = Field(
        default=60.0,
        description="seconds of silence after which a token is used, so that it does not die after five minutes",
    )
    sweep_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=60.0,
        description="seconds in which the day of every account is read again, because the library does not say when its session"
        " with the message center was lost and pushes with it; 0: never",
    )
    night_from: Annotated[str, AfterValidator(_clock)] = Field(
        default="20:00",
        description='time in China from which it is the trading day of the next weekday; "": a day ends at midnight. Holidays'
        " are not known",
    )
    day_from_orders: bool = Field(
        default=True,
        description="entrust_date in the rows of the day's orders is the trading day, and wins over night_from and the"
        " calendar; false where it is the date in the calendar",
    )
    connect_seconds: Seconds = Field(default=10.0, description="seconds a connection may take")
    answer_seconds: Seconds = Field(default=10.0, description="seconds an answer may take")
    reconnect_seconds: Seconds = Field(default=5.0, description="seconds between a break and the next try to connect")
    heartbeat_seconds: Annotated[int, Field(ge=5)] = Field(
        default=5, description="seconds between two heartbeats of the connection"
    )

    @model_validator(mode="after")
    def _is_safe_enough(self) -> Self:
        needed: dict[str, dict[str, object]] = {
            "pwd": {"safe_client_id": self.safe_client_id, "safe_password_file": self.safe_password_file},
            "ssl": {"safe_certificate": self.safe_certificate},
        }
        missing = [name for name, value in needed.get(self.safe_level, {}).items() if not value]
        if missing:
            raise ValueError(f"safe_level {self.safe_level} needs {' and '.join(missing)}")
        return self
