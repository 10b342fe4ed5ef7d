"""The settings of `[listen]`: where terminals connect, who may, and how many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Address, Count, Network, Seconds, split_list


class Listen(Section):
    """Where terminals connect."""

    address: Address = Field(default="127.0.0.1:50051", description="HOST:PORT of the terminal service")
    tls_certificate: Path | None = Field(
        default=None, description="PEM certificate chain of the terminal service", examples=["tls/relay.crt"]
    )
    tls_key: Path | None = Field(
        default=None, description="PEM private key of tls_certificate", examples=["tls/relay.key"]
    )
    client_certificates: Literal["off", "optional", "required"] = Field(
        default="off",
        description="certificates of terminals (mTLS). required: every terminal shows one that is registered with its app id;"
        " optional: those app ids with a registered one do, at address_with_certificates, and all others come in at address",
    )
    client_ca: Path | None = Field(
        default=None,
        description="PEM certificates of the authorities that issue terminals' certificates; read again when it changes",
    )
    address_with_certificates: Address | None = Field(
        default=None,
        description="HOST:PORT of the second address, where terminals show certificates; needed where client_certificates is optional",
    )
    names: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="names and addresses that terminals dial; `ctp-relay doctor` compares them with the certificate's",
        examples=[["relay.example.com"]],
    )
    plaintext_on_loopback: bool = Field(
        default=False, description="serve without TLS; allowed only on a loopback address, for trying out"
    )
    max_message_bytes: int = Field(
        default=65536, ge=4096, le=4 * 1024 * 1024, description="largest message a terminal may send, in bytes"
    )
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(split_list)] = Field(
        default=(), description="networks of proxies whose x-forwarded-for is believed; from all others it is ignored"
    )
    proxy_protocol_from: Annotated[tuple[Network, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="networks of proxies that pass bytes on and begin each connection with a PROXY protocol header, version 1 or 2",
    )
    health_checks_from: Annotated[tuple[Network, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="networks that are answered to grpc.health.v1 Check on the terminal port, beside this machine and the proxies",
    )
    max_connections_without_session: Count = Field(
        default=256,
        description="most connections on which no terminal has proved itself, from all addresses together; where all are"
        " taken, the address with most gives up its oldest. Each takes up to three descriptors",
    )
    max_connections_without_session_per_address: Count = Field(
        default=128,
        description="most connections from one address on which no terminal has proved itself; further ones are closed at once."
        " An IPv6 address counts as its /64 network",
    )
    connections_per_second: Seconds = Field(
        default=50.0,
        description="new connections a second from all addresses that no investor has logged in from before; those that are known"
        " have four times as many of their own. Further ones wait for their turn. Each uses up one of the machine's ephemeral ports"
        " for a minute, so more than 90 need more of those (net.ipv4.ip_local_port_range)",
    )
    connections_per_second_per_address: Seconds = Field(
        default=20.0, description="new connections a second from one address, after the first 64"
    )
    max_streams_without_session: Count = Field(
        default=256, description="most streams that are not logged in, from all addresses together"
    )
    max_streams_without_session_per_address: Count = Field(
        default=32,
        description="most streams from one address that are not logged in; further ones wait up to hello_timeout_seconds."
        " An IPv6 address counts as its /64 network",
    )
    hello_timeout_seconds: Seconds = Field(
        default=10.0, description="seconds from the challenge to the terminal's login"
    )

    @model_validator(mode="after")
    def _certificates_consistent(self) -> Listen:
        asked = self.client_certificates
        if asked != "off" and (self.client_ca is None or self.tls_certificate is None):
            raise ValueError("client_certificates needs listen.client_ca and listen.tls_certificate")
        if (asked == "optional") != (self.address_with_certificates is not None):
            raise ValueError(
                "address_with_certificates goes with listen.client_certificates = optional, and with no other"
            )
        return self
