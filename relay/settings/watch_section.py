"""The settings of what operations hear: metrics, the looks at the machine, alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from relay.settings.section import Section
from relay.settings.values import Address, Seconds, split_list


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


class AlarmSettings(Section):
    """Alarms that reach a person: any number of ways. What is a secret stands in a file of its own; try it with `ctp-relay alarm test`."""

    wecom_url_file: Path | None = Field(
        default=None, description="file with the webhook URL of a WeCom robot (企业微信群机器人); the URL is a secret"
    )
    dingtalk_url_file: Path | None = Field(
        default=None, description="file with the webhook URL of a DingTalk robot (钉钉群机器人); the URL is a secret"
    )
    dingtalk_secret_file: Path | None = Field(
        default=None, description="file with the robot's signing secret (加签, SEC…); default: not signed"
    )
    webhook_url_file: Path | None = Field(default=None, description="file with a URL that takes the alarm as JSON")
    smtp_address: Address | None = Field(default=None, description="HOST:PORT of a mail server, mail.firm.cn:465 say")
    smtp_security: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="how the mail server is spoken to"
    )
    smtp_user: str = Field(default="", description="who logs in at the mail server; default: no login")
    smtp_password_file: Path | None = Field(default=None, description="file with that user's password")
    email_from: str = Field(default="", description="sender; default: the first of email_to")
    email_to: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(), description="who gets the e-mail"
    )
    command: tuple[str, ...] = Field(
        default=(),
        description="program and arguments that are run for each message, with the facts on standard input as JSON",
    )
    gravity: Literal["critical", "warning"] = Field(default="warning", description="least gravity that is sent")
    group_seconds: Seconds = Field(
        default=10.0, description="what happens within this time is one message; grows to 120 in a storm"
    )
