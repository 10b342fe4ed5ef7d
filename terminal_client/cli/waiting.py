"""Waiting for the notice that ends a command, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

import typer

from ctprelay.ctp.v1 import events_pb2
from terminal_client.cli.output import ExitStatus, Output
from terminal_client.subscriptions import Subscription


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
