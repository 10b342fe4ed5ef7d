"""One command, one session: collect, log in, do the work, log out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer

from terminal_client.cli.options import Options
from terminal_client.cli.output import Output, reporting
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected, collect
from terminal_client.secret import Secret
from terminal_client.session import Credentials, Deadlines

_MULTICAST = 1 << 40
Work = Callable[[RelayTerminal, Output], Awaitable[None]]


def collected_by(options: Options) -> Collected:
    """A fresh collection with the library the options name."""
    return collect(Path(options.library).expanduser() if options.library else None, edition=options.edition)


def in_session(options: Options, work: Work, *, live_only: bool = True) -> None:
    """Log in, do `work`, log out; what goes wrong becomes a message and an exit code.

    `live_only` leaves out the day's earlier notices.
    """
    with reporting():
        options.required("relay", "app_id", "broker", "investor")
        auth_code, password = options.auth_code(), options.password()
        asyncio.run(_session(options, auth_code, password, work, live_only=live_only))


async def _session(options: Options, auth_code: Secret, password: Secret, work: Work, *, live_only: bool) -> None:
    async def credentials() -> Credentials:
        return Credentials(
            options.broker,
            options.investor,
            password,
            await asyncio.to_thread(collected_by, options),
            confirm_settlement=options.confirm_settlement,
            mac_address=mac_address(),
            live_only=live_only,
        )

    output = Output(as_json=options.as_json)
    async with RelayTerminal(
        options.relay,
        app_id=options.app_id,
        auth_code=auth_code.reveal(),
        tls=options.tls(),
        credentials=credentials,
        deadlines=Deadlines(answer_seconds=options.timeout, login_seconds=max(options.timeout, 30.0)),
    ) as terminal:
        await terminal.login_with(await credentials())
        await work(terminal, output)


def options_of(context: typer.Context) -> Options:
    """The options the program was started with."""
    options = context.obj
    if not isinstance(options, Options):
        raise TypeError("started without options")
    return options


def mac_address() -> str:
    """This machine's hardware address as 00:11:22:33:44:55 for orders' MacAddress; empty where none is known."""
    node = uuid.getnode()
    if node & _MULTICAST:  # uuid made one up
        return ""
    digits = f"{node:012x}"
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
