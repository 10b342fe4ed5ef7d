"""TMDB, the database of terminal information: every report is written with its outer parts encrypted.

The inner information (the collector's bytes) arrives encrypted for the monitoring center and is stored unchanged. The
outer information, of the relay (captured address, login time) and of the terminal (as the relay supplied it), is
encrypted here before it touches the disk. RSA alone carries at most 190 bytes, so each part gets a fresh AES-256-GCM
key, and RSA-OAEP (SHA-256) carries that key: wrapped key, 12 bytes nonce, ciphertext.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simcounter.events import LoginRecord

_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
_NONCE = 12
_TABLE = """
create table if not exists terminal_report (
    id integer primary key,
    kind text not null,
    trading_day text not null,
    broker_id text not null,
    user_id text not null,
    front_id integer not null,
    session_id integer not null,
    app_id text not null,
    terminal_app_id text not null,
    inner_info blob not null,
    inner_sha256 text not null,
    local_outer blob not null,
    remote_outer blob not null
)
"""
_COLUMNS = (
    "kind", "trading_day", "broker_id", "user_id", "front_id", "session_id", "app_id",
    "terminal_app_id", "inner_info", "inner_sha256", "local_outer", "remote_outer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One row; `local_outer` and `remote_outer` are ciphertext."""

    id: int
    kind: str
    trading_day: str
    broker_id: str
    user_id: str
    front_id: int
    session_id: int
    app_id: str
    terminal_app_id: str
    inner_info: bytes
    inner_sha256: str
    local_outer: bytes
    remote_outer: bytes


class MonitoringKey:
    """The monitoring center's key: the public half encrypts, the private half, if at hand, reads."""

    def __init__(self, public: rsa.RSAPublicKey, private: rsa.RSAPrivateKey | None = None) -> None:
        self._public = public
        self._private = private

    @classmethod
    def generate(cls) -> MonitoringKey:
        """A test key pair; takes a tenth of a second."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(private.public_key(), private)

    @classmethod
    def load(cls, path: Path) -> MonitoringKey:
        """A PEM file with the public key, or with the private one, unencrypted."""
        data = path.read_bytes()
        if b"PRIVATE KEY" in data:
            private = serialization.load_pem_private_key(data, password=None)
            if isinstance(private, rsa.RSAPrivateKey):
                return cls(private.public_key(), private)
        else:
            public = serialization.load_pem_public_key(data)
            if isinstance(public, rsa.RSAPublicKey):
                return cls(public)
        raise ValueError(f"{path.name} holds no RSA key")

    def save_private(self, path: Path) -> None:
        """Writes the test key, mode 0600, so that the day's report can be read later."""
        if self._private is None:
            raise ValueError("only the public key is known")
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(pem)

    def encrypt(self, content: dict[str, Any]) -> bytes:
        key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
        text = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
        return self._public.encrypt(key, _OAEP) + nonce + AESGCM(key).encrypt(nonce, text, None)

    def decrypt(self, envelope: bytes) -> dict[str, Any] | None:
        """The content; None without the private key. ValueError when it was encrypted for another one."""
        if self._private is None:
            return None
        size = self._private.key_size // 8
        key = self._private.decrypt(envelope[:size], _OAEP)
        nonce, text = envelope[size : size + _NONCE], envelope[size + _NONCE :]
        content: dict[str, Any] = json.loads(AESGCM(key).decrypt(nonce, text, None))
        return content


class Tmdb:
    """The table of terminal reports, in a SQLite file or in memory."""

    def __init__(self, database: str, key: MonitoringKey) -> None:
        self._key = key
        self._connection = sqlite3.connect(database)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute(_TABLE)
        self._connection.commit()

    def store(self, report: LoginRecord) -> None:
        local = {"ip": report.local_ip, "login_time": report.local_login_time}
        remote = {
            "ip": report.terminal_ip,
            "port": report.terminal_port,
            "login_time": report.terminal_login_time,
            "app_id": report.terminal_app_id,
            "remark": report.remark,
        }
        row = (
            report.kind, report.trading_day, report.broker_id, report.user_id, report.front_id, report.session_id,
            report.app_id, report.terminal_app_id, report.inner_info, hashlib.sha256(report.inner_info).hexdigest(),
            self._key.encrypt(local), self._key.encrypt(remote),
        )  # fmt: skip
        marks = ", ".join("?" for _ in _COLUMNS)
        with self._connection:
            self._connection.execute(f"insert into terminal_report ({', '.join(_COLUMNS)}) values ({marks})", row)  # noqa: S608 — names of ours

    def reports(self, *, trading_day: str = "", user_id: str = "") -> list[StoredReport]:
        """Rows in the order they came; empty arguments select all."""
        query = f"select id, {', '.join(_COLUMNS)} from terminal_report"  # noqa: S608 — names of ours
        query += " where (? = '' or trading_day = ?) and (? = '' or user_id = ?) order by id"
        found = self._connection.execute(query, (trading_day, trading_day, user_id, user_id))
        return [StoredReport(*row) for row in found]

    def close(self) -> None:
        self._connection.close()
