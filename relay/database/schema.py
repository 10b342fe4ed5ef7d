"""The tables: the ledger, its heads, seals and archives, terminals, investors, console accounts, system info seen before,
what relay processes share.

Times are ISO 8601 texts, so that every database keeps and compares them alike.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

LEDGER = Table(
    "ledger",
    METADATA,
    Column("chain", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("session", String(64), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("trading_day", String(8), nullable=False, server_default=""),
    Column("digest", String(8), nullable=False, server_default=""),
    Index("ledger_at", "at"),
    Index("ledger_session", "session"),
)

LEDGER_ORDER = Table(
    "ledger_order",
    METADATA,
    Column("chain", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("session", String(64), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("trading_day", String(8), nullable=False),
    Column("digest", String(8), nullable=False),
    Index("ledger_order_session", "session"),
)
"""chains named `<relay>/orders`: as `ledger`, and as much of it in an hour as there in a week"""

LEDGER_SEAL = Table(
    "ledger_seal",
    METADATA,
    Column("kind", String(8), primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("manifest", Text, nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

LEDGER_ARCHIVE = Table(
    "ledger_archive",
    METADATA,
    Column("chain", String(64), primary_key=True),
    Column("month", String(8), primary_key=True),
    Column("before_sequence", BigInteger, nullable=False),
    Column("before_hash", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""entries up to `sequence` stand in a sealed archive; the ledger's triggers let them be removed here"""

LEDGER_HEAD = Table(
    "ledger_head",
    METADATA,
    Column("chain", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

TERMINAL = Table(
    "terminal",
    METADATA,
    Column("app_id", String(32), primary_key=True),
    Column("auth_code", LargeBinary, nullable=False),
    Column("modes", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("rotated_at", String(40), nullable=False),
    Column("kinds", String(64), nullable=False, server_default="ordinary"),
    Column("previous_auth_code", LargeBinary),
    Column("previous_until", String(40), nullable=False, server_default=""),
    Column("certificates", Text, nullable=False, server_default=""),
)

INVESTOR = Table(
    "investor",
    METADATA,
    Column("broker_id", String(10), primary_key=True),
    Column("investor_id", String(12), primary_key=True),
    Column("password_hash", String(255), nullable=False),
    Column("account_ids", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("password_changed_at", String(40), nullable=False),
)

INVESTOR_SALT = Table(
    "investor_salt",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
)
"""one row: the firm's, made with the table"""

CONSOLE_ACCOUNT = Table(
    "console_account",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("factor_key", LargeBinary),
    Column("factor_step", BigInteger, nullable=False),
    Column("recovery_hashes", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("theme", String(8), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("password_changed_at", String(40), nullable=False),
    Column("signed_in_at", String(40), nullable=False),
)

SYSTEM_INFO_SEEN = Table(
    "system_info_seen",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("seen_at", String(40), nullable=False),
    Column("session", String(64), nullable=False),
    Index("system_info_seen_at", "seen_at"),
)

RELAY_NUMBER = Table(
    "relay_number",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

KNOWN_PLACE = Table(
    "known_place",
    METADATA,
    Column("broker_id", String(10), primary_key=True),
    Column("investor_id", String(12), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("seen_at", String(40), nullable=False),
)

MACHINE = Table(
    "machine",
    METADATA,
    Column("broker_id", String(10), primary_key=True),
    Column("investor_id", String(12), primary_key=True),
    Column("app_id", String(32), primary_key=True),
    Column("place", String(64), primary_key=True),
    Column("collector_code", BigInteger, primary_key=True, autoincrement=False),
    Column("missing_digit", String(4), primary_key=True),
    Column("length", Integer, primary_key=True, autoincrement=False),
    Column("collector_version", String(128), primary_key=True),
    Column("seen_at", String(40), nullable=False),
    Index("machine_seen_at", "seen_at"),
)

ORDER_REFERENCE = Table(
    "order_reference",
    METADATA,
    Column("broker_id", String(10), primary_key=True),
    Column("trading_day", String(8), primary_key=True),
    Column("space", String(32), primary_key=True),
    Column("lane_front", Integer, primary_key=True, autoincrement=False),
    Column("lane_session", Integer, primary_key=True, autoincrement=False),
    Column("lane_number", BigInteger, primary_key=True, autoincrement=False),
    Column("investor_id", String(12), nullable=False),
    Column("counter_front", Integer, nullable=False),
    Column("counter_session", Integer, nullable=False),
    Column("counter_ref", BigInteger, nullable=False),
    Column("request_mark", Integer, nullable=False),
    Column("lane_ref", String(16), nullable=False),
    Column("lane_request_id", Integer, nullable=False),
    Index("order_reference_investor", "broker_id", "trading_day", "investor_id"),
)

ORDER_KEY = Table(
    "order_key",
    METADATA,
    Column("broker_id", String(10), primary_key=True),
    Column("trading_day", String(8), primary_key=True),
    Column("investor_id", String(12), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("relay_number", Integer, nullable=False),
    Column("lane_front", Integer, nullable=False),
    Column("lane_session", Integer, nullable=False),
    Column("order_ref", String(16), nullable=False),
)
