"""The settings of what operations hear: metrics, the looks at the machine, alarms."""

from __future__ import annotations

from pydantic import Field

from relay.settings.section import Section
from relay.settings.values import Address, Seconds


class Metrics(Section):
    """Prometheus metrics and health over HTTP."""

    address: Address | None = Field(
        default=None,
        description="HOST:PORT of /metrics, /healthz and /readyz; default: off",
        examples=["127.0.0.1:9100"],
    )


class WatchSettings(Section):
    """What the relay looks after by itself, also while no terminal logs in."""

    period_seconds: Seconds = Field(
        default=5.0, description="between two looks at disk, database, order map, certificate, clock and descriptors"
    )
    disk_low_megabytes: int = Field(
        default=1024, ge=0, description="free MiB for state_dir below which the fault disk_low begins"
    )
    disk_full_megabytes: int = Field(
        default=32, ge=0, description="the same for disk_full: no terminal should be sent here any more"
    )
    certificate_days: float = Field(
        default=30.0, ge=0, description="days before its end that the certificate counts as certificate_expiring"
    )
    clock_offset_seconds: float = Field(
        default=5.0,
        ge=0,
        description="how far this machine's clock may be from the times in the counter's login answers; 0: any; it cannot be"
        " known to less than 1",
    )
    front_probe_seconds: Seconds = Field(
        default=5.0,
        description="many_to_many: how often, at most every 5 s, a front is tried by a plain connection while no terminal is"
        " logged in",
    )
