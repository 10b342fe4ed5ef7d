"""`ctp-relay sessions`: the terminals that are logged in at the running relay; ended where an operator wants it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import DEADLINE_SECONDS
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, asking
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, CommandRefused, reporting, say, show, values_of, write_json
from relay.cli.reader import Reader, reader_here, spoken
from relay.cli.running_relay import ask
from relay.settings.file import load

app = typer.Typer(
    no_args_is_help=True, help="Terminal sessions of the running relay these settings belong to.", epilog=EPILOG
)

_STATES = {"live": "在线", "recovering": "恢复中", "lingering": "断线保留", "ending": "结束中"}


@app.command("list", epilog="Example: ctp-relay sessions list 100001")
def list_(
    contains: Annotated[
        str, typer.Argument(help="Only those with this in session id, app id, investor or address.", show_default=False)
    ] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List the terminals that are logged in. That they were listed is a ledger entry, one a minute at most."""
    with reporting():
        request = pb.ListSessionsRequest(contains=contains)
        answer = ask(load(config), lambda relay: relay.ListSessions(request, timeout=DEADLINE_SECONDS))
        if as_json or not sys.stdout.isatty():
            write_json([_values(one) for one in answer.sessions])
        else:
            reader = reader_here()
            show("sessions", [_row(one, reader) for one in answer.sessions], as_json=False)


@app.command("show", epilog="Example: ctp-relay sessions show 5f3a9c0e1b22")
def show_(
    session: Annotated[str, typer.Argument(help="The session's id, as listed.", show_default=False)],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one session: its report, what the collector could not collect, its queues."""
    with reporting():
        request = pb.GetSessionRequest(session=session)
        found = ask(load(config), lambda relay: relay.GetSession(request, timeout=DEADLINE_SECONDS))
        values = _values(found)
        if as_json or not sys.stdout.isatty():
            write_json(values)
            return
        reader = reader_here()
        values["state"] = _STATES.get(str(values["state"]), str(values["state"])) if reader.chinese else values["state"]
        values["missing"] = reader("、", ", ").join(reader.words(item.name) for item in found.missing) or "–"
        values["report_meaning"] = reader.words(found.report_meaning)
        values["why"] = reader.half(found.why)
        show("session", [{"what": name, "value": value} for name, value in values.items()], as_json=False)


@app.command(epilog="Example: ctp-relay sessions kick 5f3a9c0e1b22 --reason 'customer asked, machine stolen'")
def kick(
    session: Annotated[str, typer.Argument(help="The session's id, as listed.", show_default=False)] = "",
    investor: Annotated[str, typer.Option(help="Every session of this investor instead.")] = "",
    app_id: Annotated[str, typer.Option(help="Every session of this terminal software instead.")] = "",
    tell_terminal: Annotated[
        bool, typer.Option("--tell-terminal", help="Let the terminal's user read the reason.")
    ] = False,
    reason: Reason = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """End sessions for good: their terminals read that an operator did it, and cannot resume.

    A login is not refused afterwards: disable the terminal or the investor for that.
    """
    with reporting():
        named = {"session": session, "investor_id": investor, "app_id": app_id}
        which = {name: value for name, value in named.items() if value}
        if len(which) != 1:
            raise CommandRefused(
                spoken("请指明一个会话，或用 --investor、--app-id", "name one session, or --investor, or --app-id")
            )
        request = pb.KickSessionRequest(**which, tell_terminal=tell_terminal, asking=asking(reason))
        answer = ask(load(config), lambda relay: relay.KickSession(request, timeout=DEADLINE_SECONDS))
        if as_json or not sys.stdout.isatty():
            write_json({"ended": list(answer.sessions)})
        else:
            ended = ", ".join(answer.sessions)
            say(spoken(f"已结束：{ended or '无'}", f"ended: {ended or 'none'}"))


def _values(session: pb.TerminalSession) -> dict[str, object]:
    return values_of(session) | {"state": _state(session)}


def _state(session: pb.TerminalSession) -> str:
    return pb.TerminalSession.State.Name(session.state).removeprefix("STATE_").lower()


def _row(session: pb.TerminalSession, reader: Reader) -> dict[str, object]:
    missing = reader("、", ", ").join(reader.words(item.name) for item in session.missing)
    state = _state(session)
    waiting = f"{session.calls_waiting} 个请求，{session.queued_bytes} 字节"
    return {
        "session": session.session,
        "app_id": session.app_id,
        "investor": session.investor_id,
        "address": f"{session.public_ip}:{session.port}",
        "since": session.logged_in_at[:19].replace("T", " "),
        "state": _STATES.get(state, state) if reader.chinese else state,
        "report": session.report_return_code,
        "missing": missing or "–",
        "orders": session.orders_today,
        "waiting": reader(waiting, f"{session.calls_waiting} calls, {session.queued_bytes} bytes"),
    }
