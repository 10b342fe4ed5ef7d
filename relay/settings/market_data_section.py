"""The settings of `[market_data]`: whether terminals get market data through the relay, from where, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from relay.settings.section import Section
from relay.settings.values import Address, Count, Front, split_list


class MarketDataSettings(Section):
    """Market data for terminals, from one connection of the relay's."""

    enabled: bool = Field(default=False, description="true: terminals that are logged in may subscribe market data")
    fronts: Annotated[tuple[Front, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="addresses of the fronts for market data; needed where enabled",
        examples=[["tcp://198.51.100.10:41213"]],
    )
    library: Path | None = Field(
        default=None,
        description="file of the vendor's market data library to use in the place of the one in the package of"
        " `counter.binding`, as `counter.library` is of trading; default: the package's own",
    )
    address: Address | None = Field(
        default=None,
        description="HOST:PORT of a port of its own for market data, so that a network can tell ticks from orders; default:"
        " the ports of the terminal service",
        examples=["0.0.0.0:50052"],
    )
    public_port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="the port that terminals are to use where a proxy or a firewall has `address` elsewhere",
    )
    max_instruments_per_terminal: Count = Field(
        default=2000, description="instruments that one terminal may have subscribed at a time"
    )
    max_instruments: Count = Field(
        default=20000, description="different instruments that all terminals together may have subscribed at a time"
    )
    ticks_waiting: Count = Field(
        default=1000,
        description="ticks that may wait for one terminal; one that is slower than that gets the newest of each instrument",
    )
    required: bool = Field(
        default=False,
        description="true: a relay without market data is not ready (`/readyz`), so that new terminals go to another one",
    )

    @model_validator(mode="after")
    def _consistent(self) -> MarketDataSettings:
        if self.enabled and not self.fronts:
            raise ValueError("fronts: is required where enabled is true")
        return self
