"""`ctp-relay init`: asks what a new relay must know, and makes its settings, secret files and a certificate for trying out."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from ctpabi.locale import reads_chinese
from relay.cli.doctor import show_findings
from relay.cli.output import CommandRefused, say
from relay.cli.reader import spoken
from relay.cli.workplace import reporting_stores
from relay.counter.port import Mode
from relay.doctor.doctor import examine_file
from relay.first_start.answers import AUTH_CODE_FILE, OPERATOR_FILE, FirstAnswers
from relay.first_start.making import SETTINGS, make, refuse_finished
from relay.settings.secret_files import read_secret

_DEFAULT_ADDRESS = "127.0.0.1:50051"


class _Asking:
    """Takes what was given, asks for the rest on a terminal, and else takes what is usual."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks
        self.missing: list[str] = []

    def text(self, given: str | None, question: str, option: str, default: str | None = None) -> str:
        """An answer of one line; `option` names it where it has no default and nobody can be asked."""
        if given is not None:
            return given
        if self._asks:
            return str(typer.prompt(question, default=default)).strip()
        if default is None:
            self.missing.append(option)
        return default or ""

    def secret(self, file: Path | None, there: Path, question: str) -> SecretStr | None:
        """From a file, or typed in without showing; None for one that is there already, or is to come later."""
        if there.exists():
            return None
        if file is not None:
            return read_secret(file)
        if not self._asks:
            return None
        typed = str(typer.prompt(question, hide_input=True, default="", show_default=False))
        return SecretStr(typed) if typed else None


def init(
    directory: Annotated[Path, typer.Argument(help="Where to make it; made where it is not there.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the options, and what is usual.")] = False,
    mode: Annotated[Mode | None, typer.Option("--mode", help="The relay's mode.")] = None,
    front: Annotated[list[str] | None, typer.Option("--front", help="A trading front; may be repeated.")] = None,
    broker: Annotated[str | None, typer.Option("--broker", help="BrokerID.")] = None,
    relay_app_id: Annotated[str | None, typer.Option("--relay-app-id", help="The relay's own AppID.")] = None,
    evaluation: Annotated[bool, typer.Option("--evaluation", help="For the counter's evaluation edition.")] = False,
    address: Annotated[str | None, typer.Option("--address", help="HOST:PORT that terminals connect to.")] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A name or address that terminals dial; may be repeated.")
    ] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="The operator's UserID, in many_to_one.")] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="PostgreSQL's URL, without a password. Default: SQLite.")
    ] = None,
    relay_auth_code_file: Annotated[
        Path | None, typer.Option("--relay-auth-code-file", help="Copy the relay's auth code from this file.")
    ] = None,
    operator_password_file: Annotated[
        Path | None, typer.Option("--operator-password-file", help="Copy the operator's password from this file.")
    ] = None,
) -> None:
    """Ask what a new relay must know, and make settings, secret files and a certificate for trying out.

    Nothing is written over: a directory with a relay.toml is refused, one that an earlier try left half made is completed.
    Secrets are typed in or copied from files, never given on the command line. Ends with what the doctor finds; no terminal
    is registered.
    """
    with reporting_stores():
        refuse_finished(directory)
        if not yes and not sys.stdin.isatty():
            raise CommandRefused(
                "这里无人可问，请用 --yes 与选项 / there is no terminal to ask on: use --yes and options"
            )
        asking = _Asking(asks=not yes)
        wanted = _mode(asking, mode)
        fronts = tuple(
            front
            or _list(
                asking.text(
                    None,
                    spoken("前置地址，逗号分隔（tcp://HOST:PORT）", "fronts, by commas (tcp://HOST:PORT)"),
                    "--front",
                )
            )
        )
        answers = FirstAnswers(
            mode=wanted,
            fronts=fronts,
            broker_id=asking.text(broker, spoken("经纪公司代码 BrokerID", "BrokerID"), "--broker"),
            relay_app_id=asking.text(
                relay_app_id, spoken("中继自己的 AppID", "the relay's own AppID"), "--relay-app-id"
            ),
            production=not evaluation,
            address=(
                at := asking.text(
                    address, spoken("监听地址 HOST:PORT", "listen address, HOST:PORT"), "--address", _DEFAULT_ADDRESS
                )
            ),
            names=tuple(
                name
                or _list(
                    asking.text(
                        None,
                        spoken("终端所连的主机名或地址", "names or addresses that terminals dial"),
                        "--name",
                        _dialed(at),
                    )
                )
            ),
            operator=_operator(asking, wanted, operator),
            database_url=asking.text(
                database_url,
                spoken("PostgreSQL URL，留空用 SQLite", "PostgreSQL's URL; SQLite where it is empty"),
                "--database-url",
                "",
            ),
            auth_code=asking.secret(
                relay_auth_code_file, directory / AUTH_CODE_FILE, spoken("中继授权码", "the relay's auth code")
            ),
            operator_password=asking.secret(
                operator_password_file, directory / OPERATOR_FILE, spoken("操作员密码", "the operator's password")
            )
            if wanted == "many_to_one"
            else None,
            chinese=reads_chinese(os.environ),
        )
        if missing := ", ".join(asking.missing):
            raise CommandRefused(spoken(f"请给出：{missing}", f"give: {missing}"))
        written = make(directory, answers, dt.datetime.now(dt.UTC))
        _end(directory, answers, written)


def _mode(asking: _Asking, given: Mode | None) -> Literal["many_to_many", "many_to_one"]:
    text = asking.text(
        given.value if given else None,
        spoken("模式（many_to_many 或 many_to_one）", "mode (many_to_many or many_to_one)"),
        "--mode",
        "many_to_many",
    )
    match text:
        case "many_to_many" | "many_to_one":
            return text
        case _:
            raise CommandRefused("模式只有 many_to_many 与 many_to_one / the mode is many_to_many or many_to_one")


def _operator(asking: _Asking, mode: str, given: str | None) -> str:
    return (
        asking.text(given, spoken("操作员 UserID", "the operator's UserID"), "--operator")
        if mode == "many_to_one"
        else ""
    )


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _dialed(address: str) -> str:
    host = address.rpartition(":")[0].strip("[]")
    return socket.gethostname() if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared with


def _end(directory: Path, answers: FirstAnswers, written: list[str]) -> None:
    """What was written, what the doctor finds, and the next commands."""
    for file in written:
        say(spoken(f"已写入：{directory / file}", f"written: {directory / file}"))
    config = directory / SETTINGS
    show_findings(examine_file(config))
    say(spoken("接下来：", "next:"))
    for command in _next(answers, shlex.quote(str(config))):
        say(f"  {command}")


def _next(answers: FirstAnswers, config: str) -> list[str]:
    upgrade = [f"ctp-relay database upgrade -c {config}"] if answers.database_url else []
    add = f"ctp-relay terminal add client_demo_1.0 -c {config} --write-auth-code client_demo.secret"
    return [*upgrade, add, f"ctp-relay serve -c {config}"]
