"""`ctp-relay locks`: who cannot log in after failed logins, asked of the running relay, and lifted there."""

from __future__ import annotations

from typing import Annotated

import typer

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import DEADLINE_SECONDS
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, asking
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, CommandRefused, reporting, show
from relay.cli.reader import reader_here, spoken
from relay.cli.running_relay import ask
from relay.console.words import Language, load_sentences
from relay.settings.file import load

app = typer.Typer(
    no_args_is_help=True,
    help="Locks after failed logins, of the running relay process these settings belong to.",
    epilog=EPILOG,
)


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List who cannot log in at the moment, and for how long."""
    with reporting():
        answer = ask(load(config), lambda relay: relay.ListLocks(pb.ListLocksRequest(), timeout=DEADLINE_SECONDS))
        show("locks", [_row(lock, whole=as_json) for lock in answer.locks], as_json=as_json)


@app.command(epilog="Example: ctp-relay locks lift 100001 --reason 'customer called, password reset'")
def lift(
    name: Annotated[
        str | None, typer.Argument(help="Investor id, app id or address, as listed.", show_default=False)
    ] = None,
    all_logins: Annotated[
        bool, typer.Option("--all-logins", help="Try logins again at once that an error of the whole relay stopped.")
    ] = False,
    reason: Reason = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Forget the failed logins of an investor, app id or address, and the locks they brought.

    A lock of an investor at the counter keeps the relay below the counter's own lock of 6 to 10 wrong passwords in a
    row: lift it when the investor knows the password again, or the counter's count was lifted as well.
    """
    with reporting():
        if (name is None) == (not all_logins):
            raise CommandRefused(
                spoken(
                    "请指明投资者、AppID 或地址，或用 --all-logins",
                    "name an investor, app id or address, or give --all-logins",
                )
            )
        request = pb.LiftLocksRequest(asking=asking(reason))
        if all_logins:
            request.all_logins = True
        else:
            request.name = name or ""
        answer = ask(load(config), lambda relay: relay.LiftLocks(request, timeout=DEADLINE_SECONDS))
        show("lifted", [{"subject": lock.subject, "name": lock.name} for lock in answer.lifted], as_json=as_json)


def _row(lock: pb.Lock, *, whole: bool) -> dict[str, object]:
    """For programs with the subject's stable word, for people with what it means."""
    sentences, key = load_sentences(), f"running.subject_{lock.subject}"
    language = Language.ZH if reader_here().chinese else Language.EN
    subject = sentences.say(language, key) if not whole and sentences.has(key) else lock.subject
    return {"subject": subject, "name": lock.name, "seconds_left": round(lock.seconds_left)}
