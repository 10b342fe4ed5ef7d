"""`ctp-relay console`: the process. It opens the databases, and serves until a signal; SIGHUP reads the certificate again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
import uvicorn
from sqlalchemy import Engine

from relay.admin.accounts import AccountActions
from relay.admin.changes import Changes
from relay.admin.history import HistoryReads
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.person import person_of_console
from relay.admin.terminals import TerminalActions
from relay.console.application import make_application, make_templates, menu_for
from relay.console.connection import MOST_CONNECTIONS, BoundedConnection
from relay.console.live import Live
from relay.console.parts import ConsoleActions, ConsoleParts, Work
from relay.console.passwords import Passwords
from relay.console.relays import counters_of, relays_of
from relay.console.sign_ins import SignIns
from relay.console.tries import SignInTries
from relay.console.words import load_sentences
from relay.database.database import open_database, prepare
from relay.directory.accounts import ConsoleAccounts
from relay.event_loop import run_loop
from relay.ledger.kept_seals import SealFolder
from relay.logs import logs
from relay.process_privacy import make_private
from relay.settings.file import (
    SettingsInvalid,
    directory_url,
    ledger_url,
    seals_dir,
    secrets_key_file,
    signing_key_file,
)
from relay.settings.secret_files import check_private
from relay.settings.settings import Settings
from relay.settings.values import split_address
from relay.stop_signals import stop_asked

_log = structlog.get_logger(__name__)
_FAREWELL_SECONDS = 3
_HANDSHAKE_SECONDS = 10.0


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises what `settings.file`, `secret_files` and `database` raise, and SystemExit with a line in the log where the port or
    the certificate cannot be used.
    """
    make_private(core_dumps=settings.relay.core_dumps)
    files = certificate_files(settings)
    with logs.configure(level=settings.log.level, form=settings.log.format, language=settings.log.language):
        logs.catch_what_python_prints()
        for name in ("uvicorn", "uvicorn.error", "httpx", "asyncio"):  # what they say, the console says itself
            logging.getLogger(name).setLevel(logging.WARNING)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is listened to: its default would end the process
        try:
            run_loop(serve(settings, files))
        except (OSError, ssl.SSLError) as error:
            _log.critical("console_cannot_run", why=str(error))
            raise SystemExit(1) from None


def certificate_files(settings: Settings) -> tuple[Path, Path] | None:
    """The certificate's and the key's file; None where the console serves without TLS. Raises SettingsInvalid,
    SecretFileRefused.
    """
    console, listen = settings.console, settings.listen
    if console.tls_certificate is not None and console.tls_key is not None:
        files = console.tls_certificate, console.tls_key
    elif console.plaintext_on_loopback:
        return None
    elif listen.tls_certificate is not None and listen.tls_key is not None:
        files = listen.tls_certificate, listen.tls_key
    else:
        problem = "console.tls_certificate: is required; without TLS set console.plaintext_on_loopback = true"
        raise SettingsInvalid("settings", [problem])
    check_private(files[1])
    return files


async def serve(
    settings: Settings, files: tuple[Path, Path] | None, ready: Callable[[int], None] = lambda _: None
) -> None:
    """Serve until a signal; `ready` gets the port."""
    ledger, directory = _open(settings)
    parts = make_parts(settings, ledger, directory)
    server = _Server(_config(settings, parts, files), parts.live.end_streams, ready)
    try:
        async with stop_asked(lambda: _read_again(server, files)) as stop:
            serving = asyncio.ensure_future(server.serve())
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            server.should_exit = True
            parts.live.end_streams()
            await serving
    finally:
        for engine in {id(engine): engine for engine in (ledger, directory)}.values():
            engine.dispose()
    _log.info("console_stopped")


def make_parts(settings: Settings, ledger: Engine, directory: Engine) -> ConsoleParts:
    """Everything that pages stand on, inside the loop."""
    console = settings.console
    changes = Changes(ledger, settings.relay.name, _now, settings.ledger.digest)
    key_file = secrets_key_file(settings)
    return ConsoleParts(
        settings=settings,
        clock=_now,
        words=load_sentences(),
        templates=make_templates(),
        work=Work(),
        accounts=ConsoleAccounts(directory, clock=_now),
        passwords=Passwords(),
        sign_ins=SignIns(time.monotonic, idle_seconds=console.idle_seconds, longest_seconds=console.longest_seconds),
        tries=SignInTries(time.monotonic),
        live=Live(
            relays_of(settings),
            poll_seconds=console.poll_seconds,
            most_streams=console.streams,
            clock=time.time,
            counters=counters_of,
        ),
        ledger=ledger,
        actions=ConsoleActions(
            process=person_of_console(),
            terminals=TerminalActions(directory, key_file, changes, _now),
            investors=InvestorActions(directory, changes, _now),
            accounts=AccountActions(directory, key_file, changes, _now),
            records=LedgerActions(
                ledger,
                signing_key_file(settings),
                changes,
                SealFolder(seals_dir(settings)),
                settings.ledger.trusted_keys,
            ),
            history=HistoryReads(ledger, changes, _now),
            changes=changes,
        ),
        menu_for=menu_for,
        token_key=secrets.token_bytes(32),
    )


class _Server(uvicorn.Server):
    """Signals are this process's own; what is streamed ends before connections are waited for."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None], ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's own
        """As uvicorn's, but that who does not finish a TLS handshake is not waited for. Raises OSError."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(1)
        config, state = self.config, self.server_state
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: BoundedConnection(config=config, server_state=state, app_state=self.lifespan.state),
                config.host,
                config.port,
                ssl=config.ssl,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if config.ssl is not None else None,
                backlog=config.backlog,
            )
        except OSError:
            await self.lifespan.shutdown()
            raise
        self.servers = [server]
        self.started = True
        port = server.sockets[0].getsockname()[1]
        _log.info("console_ready", port=port, tls=config.is_ssl)
        self._ready(port)


def _config(settings: Settings, parts: ConsoleParts, files: tuple[Path, Path] | None) -> uvicorn.Config:
    console = settings.console
    host, port = split_address(console.address)
    config = uvicorn.Config(
        make_application(parts),
        host=host,
        port=port,
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(console.trusted_proxies),
        forwarded_allow_ips=list(console.trusted_proxies),
        limit_concurrency=MOST_CONNECTIONS + 1,  # further connections are closed before
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_FAREWELL_SECONDS,
        ssl_certfile=files[0] if files is not None else None,
        ssl_keyfile=files[1] if files is not None else None,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def _read_again(server: uvicorn.Server, files: tuple[Path, Path] | None) -> None:
    """New connections get what the files hold now; files that cannot be used change nothing."""
    context = server.config.ssl
    if files is None or context is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        _log.error("console_certificate_not_read", why=str(error))
        return
    _log.info("console_certificate_read")


def _open(settings: Settings) -> tuple[Engine, Engine]:
    ledger = open_database(ledger_url(settings))
    prepare(ledger)
    if directory_url(settings) == ledger_url(settings):
        return ledger, ledger
    directory = open_database(directory_url(settings))
    prepare(directory)
    return ledger, directory


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
