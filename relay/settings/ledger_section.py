"""The section `[ledger]`: where the permanent record is, what it is made with, and what goes into it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from relay.settings.section import Section
from relay.settings.values import Count, PublicKey, Seconds


class LedgerSettings(Section):
    """The permanent, hash-chained record."""

    url: SecretStr | None = Field(
        default=None,
        description="database URL; default: SQLite in state_dir",
        examples=["postgresql+psycopg://ctp_relay@db.example.net/ctp_relay"],
    )
    queue_entries: Count = Field(
        default=4096, description="entries that may wait for the database; more refuses logins"
    )
    commit_timeout_seconds: Seconds = Field(default=5.0, description="seconds an entry may take until it is committed")
    stranger_refusals_per_minute: Count = Field(
        default=1,
        description="refusals of terminals that have not proved their auth code which get an entry of their own, for each"
        " address (of IPv6, its /64); all further ones of the minute are counted in one entry; each of several relay.workers counts its own",
    )
    proved_refusals_per_minute: Count = Field(
        default=60,
        description="the same for terminals that have proved it and are refused before their admission is in the ledger",
    )
    signing_key_file: Path | None = Field(
        default=None,
        description="Ed25519 key (PEM) that signs exported files; default: state_dir/ledger_signing.key, made once",
    )
    digest: Literal["sha256", "sm3"] = Field(
        default="sha256",
        description="hash function of new entries, trees and seals; sm3 is China's GB/T 32905. Chains that change it stay"
        " verifiable",
    )
    trusted_keys: tuple[PublicKey, ...] = Field(
        default=(),
        description="public keys (64 hexadecimal digits) of other relays that seal days of this database; this relay's own is"
        " trusted anyway",
    )
    orders: bool = Field(
        default=True,
        description="keep who sent which order, cancel or change from which terminal, in a chain of its own (NAME/orders)",
    )
    order_queue_entries: Count = Field(
        default=100_000,
        description="order entries that may wait for the database; more are left out, and their number becomes an entry",
    )
    line_format: str = Field(
        default="{flag}@{app_id}@{public_ip}@{port}@{logged_in_at}@{system_info}",
        description="the line of `ledger export --format line`, one for each terminal that logged in",
    )
