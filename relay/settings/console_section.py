"""The settings of the web console, which is a process of its own: `ctp-relay console`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Address, Count, Network, Seconds, is_loopback, split_list


class ConsoleSettings(Section):
    """The web console (`ctp-relay console`)."""

    address: Address = Field(default="127.0.0.1:8443", description="HOST:PORT of the web console")
    tls_certificate: Path | None = Field(
        default=None,
        description="PEM certificate chain of the console; default: listen.tls_certificate",
    )
    tls_key: Path | None = Field(
        default=None,
        description="PEM private key of console.tls_certificate; default: listen.tls_key",
    )
    plaintext_on_loopback: bool = Field(
        default=False,
        description="serve without TLS; allowed only on a loopback address: for a proxy on this machine that has TLS, or for"
        " trying out",
    )
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="networks of proxies whose x-forwarded-for and x-forwarded-proto are believed; from all others they are ignored",
    )
    relays: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="the relays it shows and steers, each NAME=WHERE: WHERE is unix:/PATH of a control socket, or HOST:PORT of"
        " another machine's admin.address. Default: the relay of these settings, by its control socket",
        examples=[["a=unix:/var/lib/ctp-relay-a/control.sock", "b=relay-b.example.net:50052"]],
    )
    relay_authority: Path | None = Field(
        default=None,
        description="PEM of the authority whose certificates relays on HOST:PORT must show",
    )
    relay_certificate: Path | None = Field(
        default=None,
        description="PEM certificate the console shows to relays on HOST:PORT; its name stands in their admin.consoles",
    )
    relay_key: Path | None = Field(
        default=None,
        description="PEM private key of console.relay_certificate",
    )
    poll_seconds: Seconds = Field(
        default=2.0, description="seconds between two questions for a relay's status; one for all browsers together"
    )
    streams: Count = Field(default=64, description="most browsers' pages that are kept up to date at a time")
    idle_seconds: Seconds = Field(
        default=1800.0, description="seconds after which a person who does nothing is signed out"
    )
    longest_seconds: Seconds = Field(
        default=43200.0, description="seconds after which a person signs in again, whatever they do"
    )
    second_factor: bool = Field(
        default=False,
        description="true: operators and admins must set up a second factor (TOTP) before they can do anything",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("console.tls_certificate and console.tls_key: set both or neither")
        if self.plaintext_on_loopback and not is_loopback(self.address):
            raise ValueError("console.plaintext_on_loopback: only on a loopback console.address")
        self._check_relays()
        return self

    def _check_relays(self) -> None:
        places = [relay_place(text) for text in self.relays]
        if len({name for name, _ in places}) != len(places):
            raise ValueError("console.relays: two have the same name")
        files = (self.relay_authority, self.relay_certificate, self.relay_key)
        if any(not where.startswith("unix:") for _, where in places) and None in files:
            raise ValueError(
                "console.relays: HOST:PORT needs console.relay_authority, console.relay_certificate and console.relay_key"
            )


def relay_place(text: str) -> tuple[str, str]:
    """Name and place of a line of `console.relays`; raises ValueError."""
    name, equals, where = text.partition("=")
    name, where = name.strip(), where.strip()
    fits = name.isascii() and 1 <= len(name) <= 32 and name.replace("-", "").replace("_", "").isalnum()
    if not equals or not fits or not (where.startswith("unix:/") or where.rpartition(":")[2].isdigit()):
        raise ValueError("console.relays: each must be NAME=unix:/PATH or NAME=HOST:PORT")
    return name, where
