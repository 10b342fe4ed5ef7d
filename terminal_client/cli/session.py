"""One command, one session: collect, log in, do the work, wait for the notice that ends it, log out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from pathlib import Path

import typer

from ctprelay.ctp.v1 import events_pb2
from terminal_client.cli.exit_status import ExitStatus
from terminal_client.cli.options import Options
from terminal_client.cli.output import Output, reporting
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected, collect
from terminal_client.secret import Secret
from terminal_client.session import Credentials, Deadlines, State, Status
from terminal_client.subscriptions import Subscription

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
    others = options.other_collectors()

    async def credentials() -> Credentials:
        return Credentials(
            options.broker,
            options.investor,
            password,
            await asyncio.to_thread(collected_by, options),
            confirm_settlement=options.confirm_settlement,
            mac_address=mac_address(),
            live_only=live_only,
            collectors=others,
            proof_only=options.proof_only,
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
        waiting = asyncio.get_running_loop().create_task(
            _tell_waiting(terminal.statuses(), output), name="tell-waiting"
        )
        try:
            await terminal.login_with(await credentials())
            waiting.cancel()  # and not awaited here: the work subscribes before the first notice is given out
            await work(terminal, output)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def _tell_waiting(statuses: Subscription[Status], output: Output) -> None:
    """Where the login stands among those that wait for their turn."""
    async for status in statuses:
        if status.state == State.LOGGING_IN:
            output.warning(status.reason)


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


class NoticeRole(Enum):
    """How a notice matters to a command."""

    NONE = auto()
    SHOWN = auto()
    LAST = auto()


async def until(
    notices: Subscription[events_pb2.Event],
    output: Output,
    step_of: Callable[[events_pb2.Event], NoticeRole],
    seconds: float,
) -> None:
    """Show the notices that matter until the last came; exit code 1 for an error, or when it did not come in time."""
    try:
        async with asyncio.timeout(seconds):
            async for notice in notices:
                step = step_of(notice)
                if step is not NoticeRole.NONE:
                    output.event(notice)
                if step is NoticeRole.LAST:
                    if error_id_of(notice):
                        raise typer.Exit(ExitStatus.CALL_FAILED)
                    return
    except TimeoutError:
        output.warning("没有回报, 请查询 No notice came in time: query what became of it")
        raise typer.Exit(ExitStatus.CALL_FAILED) from None


def error_id_of(notice: events_pb2.Event) -> int:
    """Whether it tells of a failure. The bank's notices carry their ErrorID inside the struct (CTP fact 77)."""
    inside: int = getattr(getattr(notice, notice.WhichOneof("body") or "", None), "error_id", 0)
    return notice.rsp_info.error_id or inside
