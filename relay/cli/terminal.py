"""`ctp-relay terminal`: which terminal software is admitted."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from relay.admission.client_certificates import mark_of, read_certificate
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, ask_secret, why
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, CommandRefused, say, show, warn, write_json
from relay.cli.reader import spoken
from relay.cli.running_relay import look_for_disabled
from relay.cli.workplace import Workplace, now, reporting_stores
from relay.counter.port import Mode
from relay.database.times import stamp
from relay.directory.auth_codes import new_auth_code
from relay.directory.terminals import ReportKind, Terminal
from relay.settings.secret_files import create_private

app = typer.Typer(no_args_is_help=True, help="Terminal software that may connect (终端).", epilog=EPILOG)

AppId = Annotated[str, typer.Argument(help="The terminal's AppID, e.g. client_demo_1.0", show_default=False)]
FromFile = Annotated[
    Path | None, typer.Option("--auth-code-file", help="Take the auth code from this file; - is standard input.")
]
ToFile = Annotated[Path | None, typer.Option("--write-auth-code", help="Make an auth code and write it to a new file.")]
ShowOnce = Annotated[bool, typer.Option("--show-once", help="Make an auth code and show it, this one time.")]
Kinds = Annotated[
    list[ReportKind] | None,
    typer.Option("--kind", help="A kind of report it may send; may be repeated. Default: ordinary alone."),
]


@app.command(epilog="Example: ctp-relay terminal add client_demo_1.0 --show-once")
def add(
    app_id: AppId,
    config: ConfigPath = DEFAULT_CONFIG,
    auth_code_file: FromFile = None,
    write_auth_code: ToFile = None,
    show_once: ShowOnce = False,
    mode: Annotated[list[Mode] | None, typer.Option(help="Admit in this mode only; may be repeated.")] = None,
    kind: Kinds = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Register a terminal, with an auth code you have or with a new one."""
    with reporting_stores():
        place = Workplace(config, why(reason))
        with _auth_code(auth_code_file, write_auth_code, show_once=show_once) as (code, shown):
            terminal = place.terminals.add(place.by, app_id, code, mode or (), kind or ())
        _tell(_row(terminal) | shown, spoken("已登记", "registered"), as_json=as_json)


@app.command(epilog="Example: ctp-relay terminal kinds client_demo_1.0 --kind ordinary --kind wechat")
def kinds(
    app_id: AppId,
    config: ConfigPath = DEFAULT_CONFIG,
    kind: Kinds = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Say which kinds of report a terminal may send, from its next login on.

    Nothing can judge a WeChat mini program's system info here, neither whether it is genuine nor how old it is: give an app
    id that right only where its vendor has such a program.
    """
    with reporting_stores():
        if not kind:
            raise CommandRefused(
                spoken(
                    "请写明它可上报的每一种：--kind ordinary、--kind wechat，或两者",
                    "name every kind it may send: --kind ordinary, --kind wechat, or both",
                )
            )
        place = Workplace(config, why(reason))
        place.terminals.set_kinds(place.by, app_id, kind)
        look_for_disabled(place.settings)
        shown = sorted(set(kind))
        _tell(
            {"app_id": app_id, "kinds": shown},
            spoken(f"可上报：{'、'.join(shown)}", f"may send: {', '.join(shown)}"),
            as_json=as_json,
        )


@app.command(epilog="Example: ctp-relay terminal certificate client_demo_1.0 --add client_demo.crt")
def certificate(
    app_id: AppId,
    config: ConfigPath = DEFAULT_CONFIG,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", help="A PEM file, sha256:… of one certificate, or name:… of all with that name."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="One that is registered, as this command shows it.")
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Say which certificates a terminal may show (mTLS), from its next login on; without options show them.

    Where listen.client_certificates is optional or required, a terminal with registered certificates is let in with one of
    these alone. A renewed certificate is added before the old one is removed; a name: holds for every certificate of the
    authorities in listen.client_ca that has it.
    """
    with reporting_stores():
        place = Workplace(config, why(reason))
        known = {terminal.app_id: terminal for terminal in place.terminals.all()[0]}
        if app_id not in known:
            raise CommandRefused(spoken(f"AppID {app_id} 未登记", f"app id {app_id} is not registered"))
        marks = set(known[app_id].certificates)
        if add or remove:
            gone = {mark_of(text) for text in remove or ()}
            if missing := gone - marks:
                raise CommandRefused(
                    spoken(
                        f"{app_id} 没有证书 {'、'.join(sorted(missing))}",
                        f"{app_id} has no certificate {', '.join(sorted(missing))}",
                    )
                )
            marks = (marks - gone) | {_mark(text) for text in add or ()}
            place.terminals.set_certificates(place.by, app_id, sorted(marks))
            look_for_disabled(place.settings)
        shown = ", ".join(sorted(marks)) or "none"
        _tell(
            {"app_id": app_id, "certificates": sorted(marks)},
            spoken(f"证书：{shown}", f"certificates: {shown}"),
            as_json=as_json,
        )


def _mark(text: str) -> str:
    """What was typed, or the mark of the first certificate in the file of this name."""
    if text.partition(":")[0].lower() in {"sha256", "name"}:
        return mark_of(text)
    found = read_certificate(Path(text).read_bytes())
    if found is None:
        raise CommandRefused(spoken(f"{text}：不是 PEM 证书", f"{text}: is not a PEM certificate"))
    return found.sha256


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the terminals, without their auth codes; names those whose auth code this relay's key cannot read."""
    with reporting_stores():
        terminals, key_missing = Workplace(config).terminals.all()
        if key_missing:
            warn(key_missing)
        show("terminals", [_row(terminal) for terminal in terminals], as_json=as_json)
        if unreadable := [terminal.app_id for terminal in terminals if not terminal.readable]:
            english = (
                f"the auth code of {', '.join(unreadable)} was encrypted with another key and is refused at every login:"
                " bring that key back, or give a new code with `ctp-relay terminal rotate`, and with --key-lost where the"
                " key is lost for good"
            )
            chinese = (
                f"{'、'.join(unreadable)} 的授权码用另一把密钥加密，每次登录都会被拒绝：请恢复那把密钥，"
                "或用 `ctp-relay terminal rotate` 更换授权码（密钥已丢失时加 --key-lost）"
            )
            warn(spoken(chinese, english))


@app.command()
def enable(app_id: AppId, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False) -> None:
    """Admit a terminal again."""
    _set_enabled(app_id, config, reason, enabled=True, as_json=as_json)


@app.command()
def disable(app_id: AppId, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False) -> None:
    """Refuse a terminal from now on; the sessions it has end at once."""
    _set_enabled(app_id, config, reason, enabled=False, as_json=as_json)


@app.command(epilog="Example: ctp-relay terminal rotate client_demo_1.0 --write-auth-code new.secret")
def rotate(
    app_id: AppId,
    config: ConfigPath = DEFAULT_CONFIG,
    auth_code_file: FromFile = None,
    write_auth_code: ToFile = None,
    show_once: ShowOnce = False,
    key_lost: Annotated[
        bool,
        typer.Option("--key-lost", help="Where the key file of the auth codes is lost for good: with a new key."),
    ] = False,
    overlap_days: Annotated[
        int, typer.Option("--overlap-days", min=0, max=365, help="The old code stays valid for so many days more.")
    ] = 0,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Give a terminal another auth code; the old one ends at once, or after --overlap-days.

    While both are valid, the log names each login with the old one (previous_code_used), and its ledger entry does too.

    With --key-lost every other terminal needs a new code as well: what the lost key encrypted cannot be read any more.
    """
    with reporting_stores():
        place = Workplace(config, why(reason))
        with _auth_code(auth_code_file, write_auth_code, show_once=show_once) as (code, shown):
            until = now() + dt.timedelta(days=overlap_days) if overlap_days else None
            place.terminals.rotate(place.by, app_id, code, keep_until=until, with_another_key=key_lost)
        kept = {"old_code_until": stamp(until)} if until is not None else {}
        _tell({"app_id": app_id} | shown | kept, spoken("授权码已更换", "has a new auth code"), as_json=as_json)


@app.command("end-overlap", epilog="Example: ctp-relay terminal end-overlap client_demo_1.0")
def end_overlap(
    app_id: AppId, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False
) -> None:
    """End the old auth code of a rotation with an overlap now."""
    with reporting_stores():
        place = Workplace(config, why(reason))
        place.terminals.end_overlap(place.by, app_id)
        look_for_disabled(place.settings)
        _tell({"app_id": app_id}, spoken("旧授权码已失效", "the old auth code has ended"), as_json=as_json)


@contextmanager
def _auth_code(
    from_file: Path | None, to_file: Path | None, *, show_once: bool
) -> Iterator[tuple[str, dict[str, object]]]:
    """The auth code, and what of it may be shown; a new file goes again where the change it was made for fails."""
    if sum((from_file is not None, to_file is not None, show_once)) > 1:
        raise CommandRefused(
            spoken(
                "--auth-code-file、--write-auth-code、--show-once 只能用一个",
                "--auth-code-file, --write-auth-code and --show-once exclude each other",
            )
        )
    if from_file is not None:
        yield ask_secret("auth code", from_file), {}
        return
    if to_file is None and not show_once and not sys.stdout.isatty():
        raise CommandRefused(
            spoken(
                "新授权码会丢失：请用 --write-auth-code 文件 或 --show-once",
                "the new auth code would be lost: use --write-auth-code FILE or --show-once",
            )
        )
    code = new_auth_code()
    if to_file is None:
        yield code, {"auth_code": code}
        return
    try:
        create_private(to_file, code.encode("ascii") + b"\n")
    except FileExistsError:
        raise CommandRefused(spoken(f"{to_file} 已经存在", f"{to_file} exists already")) from None
    try:
        yield code, {"auth_code_file": str(to_file)}
    except BaseException:
        to_file.unlink(missing_ok=True)
        raise


def _set_enabled(app_id: str, config: Path, reason: str | None, *, enabled: bool, as_json: bool) -> None:
    with reporting_stores():
        place = Workplace(config, why(reason))
        place.terminals.set_enabled(place.by, app_id, enabled)
        look_for_disabled(place.settings)
        _tell({"app_id": app_id, "enabled": enabled}, _enabled(enabled), as_json=as_json)


def _enabled(enabled: bool) -> str:
    return spoken("已启用", "is enabled") if enabled else spoken("已停用", "is disabled")


def _tell(row: dict[str, object], what: str, *, as_json: bool) -> None:
    if as_json:
        write_json(row)
        return
    say(f"{row['app_id']}{spoken('：', ': ')}{what}")
    if "auth_code" in row:
        code = row["auth_code"]
        english = f"auth code: {code}   (shown this once; give it to the terminal's vendor)"
        say(spoken(f"授权码：{code}   （只显示这一次，请交给终端厂商）", english))
    if row.get("old_code_until"):
        until = row["old_code_until"]
        say(spoken(f"旧授权码在 {until} 前仍有效", f"the old auth code is valid until {until}"))


def _row(terminal: Terminal) -> dict[str, object]:
    return {
        "app_id": terminal.app_id,
        "modes": sorted(mode.value for mode in terminal.modes),
        "kinds": sorted(kind.value for kind in terminal.kinds),
        "certificates": sorted(terminal.certificates),
        "enabled": terminal.enabled,
        "auth_code_readable": terminal.readable,
        "created_at": terminal.created_at,
        "rotated_at": terminal.rotated_at,
        "old_code_until": terminal.previous_until if terminal.previous_until > stamp(now()) else "",
    }
