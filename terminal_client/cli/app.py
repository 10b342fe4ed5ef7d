"""`ctp-terminal`: a terminal at the command line, to try a relay and to look after an account."""

# ruff: noqa: ARG001 — every option is a parameter of `start`; they are read together from the context

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Annotated, Any

import typer

from ctpabi.command_help import TwoLanguages
from ctprelay.ctp.v1 import events_pb2, structs_pb2
from terminal_client.cli import check as check_command
from terminal_client.cli import exec as exec_command
from terminal_client.cli import market, queries, trading, transfer
from terminal_client.cli.options import DEFAULT_FILE, PREFIX, load, secret
from terminal_client.cli.output import EPILOG, Output, reporting
from terminal_client.cli.session import collected_by, in_session, options_of
from terminal_client.client import RelayTerminal
from terminal_client.errors import SlowConsumer
from terminal_client.session import Status
from terminal_client.subscriptions import Subscription


class TerminalCommands(TwoLanguages):
    """`ctp-terminal` in two languages."""

    program = "ctp-terminal"
    chinese = Path(__file__).with_name("help.zh.toml")


app = typer.Typer(
    cls=TerminalCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A CTP terminal behind a relay (CTP 中继的终端).\n\n"
    "Secrets come from a file, the environment (CTP_TERMINAL_PASSWORD, CTP_TERMINAL_AUTH_CODE) or a prompt, "
    "never from an option.",
    epilog=EPILOG,
)


def given(name: str, text: str, *flags: str) -> Any:
    """An option that may also come from the environment."""
    return typer.Option(*flags, envvar=PREFIX + name, help=text)


@app.callback()
def start(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", "-c", help=f"TOML file; default {DEFAULT_FILE}")] = None,
    relay: Annotated[str | None, given("RELAY", "中继地址 host:port")] = None,
    app_id: Annotated[str | None, given("APP_ID", "终端 AppID")] = None,
    broker: Annotated[str | None, given("BROKER", "经纪公司 BrokerID")] = None,
    investor: Annotated[str | None, given("INVESTOR", "投资者 InvestorID")] = None,
    ca_file: Annotated[str | None, given("CA_FILE", "根证书 PEM file with trusted roots")] = None,
    server_name: Annotated[str | None, given("SERVER_NAME", "Name in the certificate")] = None,
    certificate_file: Annotated[
        str | None, given("CERTIFICATE_FILE", "终端证书 PEM certificate to show the relay, where it asks for one")
    ] = None,
    key_file: Annotated[str | None, given("KEY_FILE", "终端证书的密钥 PEM key of --certificate-file")] = None,
    insecure: Annotated[bool, given("INSECURE", "明文 Plaintext, to this machine only", "--insecure")] = False,
    library: Annotated[str | None, given("LIBRARY", "采集库 Collector library")] = None,
    edition: Annotated[str | None, given("EDITION", "production or evaluation 评测")] = None,
    auth_code_file: Annotated[str | None, given("AUTH_CODE_FILE", "授权码文件 File with the auth code")] = None,
    password_file: Annotated[str | None, given("PASSWORD_FILE", "密码文件 File with the password")] = None,
    confirm_settlement: Annotated[
        bool, typer.Option("--confirm-settlement", help="登录后确认结算单 Confirm the settlement after login")
    ] = False,
    timeout: Annotated[float | None, typer.Option(help="秒 Seconds for one answer")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line; default when not on a terminal")
    ] = False,
) -> None:
    # A flag can only be switched on here; off is what the file or the default says.
    given = {name: value for name, value in context.params.items() if name != "config" and value is not False}
    with reporting():
        context.obj = load(config, given)


@app.command(name="collect")
def collect_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object")] = False,
) -> None:
    """采集: run the vendor's collector here and show what it could not collect; nothing is sent."""
    options = options_of(context)
    with reporting():
        collected = collected_by(options)
    output = Output(as_json=as_json or options.as_json)
    if output.as_json:
        output.line(
            {
                "system_info": base64.b64encode(collected.system_info).decode("ascii"),
                "length": collected.length,
                "code": collected.code,
                "version": collected.version,
                "library": collected.library.name,
                "collected_at": collected.collected_at.isoformat(),
                "missing": [{"chinese": item.chinese, "english": item.english} for item in collected.missing],
            }
        )
        return
    output.text(f"采集 {collected.length} 字节 bytes, {collected.version} ({collected.library.name})")
    if not collected.missing:
        output.text("全部采集 Complete", "green")
    for item in collected.missing:
        output.text(f"缺少 Missing: {item.chinese} {item.english}", "yellow")


@app.command()
def login(context: typer.Context) -> None:
    """登录: log in, show the session, log out."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        if terminal.info is not None:
            output.session(terminal.info)

    in_session(options_of(context), work)


@app.command()
def watch(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="只看新的 Without the day's earlier notices")] = False,
    count: Annotated[int, typer.Option(help="个数 Stop after this many notices; 0 never")] = 0,
) -> None:
    """监视: show every notice as it comes, over reconnects, until interrupted."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices, statuses = terminal.notices(), terminal.statuses()
        telling = asyncio.get_running_loop().create_task(tell_statuses(statuses, output), name="tell-statuses")
        try:
            await tell_notices(notices, output, count)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    in_session(options_of(context), work, live_only=live)


async def tell_statuses(statuses: Subscription[Status], output: Output) -> None:
    async for status in statuses:
        output.status(status)


async def tell_notices(notices: Subscription[events_pb2.Event], output: Output, count: int) -> None:
    """Show `count` notices, or all there are; a gap is printed and passed over."""
    seen = 0
    while not count or seen < count:
        try:
            output.event(await anext(notices))
            seen += 1
        except SlowConsumer as gap:
            output.warning(str(gap))
        except StopAsyncIteration:
            return


@app.command()
def password(
    context: typer.Context,
    fund: Annotated[bool, typer.Option("--fund", help="资金密码 The fund password instead of the login's")] = False,
    new_password_file: Annotated[str, typer.Option(help="新密码文件 File with the new password")] = "",
    old_password_file: Annotated[str, typer.Option(help="旧密码文件 With --fund: file with the old one")] = "",
) -> None:
    """改密: change the login password, or the fund password."""
    options = options_of(context)
    with reporting():
        old = secret("old_password", old_password_file, "旧资金密码 Old fund password") if fund else options.password()
        new = secret("new_password", new_password_file, "新密码 New password")

    async def work(terminal: RelayTerminal, output: Output) -> None:
        if fund:
            await terminal.requests.trading_account_password_update(
                structs_pb2.TradingAccountPasswordUpdate(
                    account_id=options.investor,
                    old_password=old.reveal(),
                    new_password=new.reveal(),
                    currency_id="CNY",
                )
            )
        else:
            await terminal.requests.user_password_update(
                structs_pb2.UserPasswordUpdate(old_password=old.reveal(), new_password=new.reveal())
            )
        output.text("密码已改 Password changed", "green")
        if output.as_json:
            output.line({"kind": "password", "changed": True})

    in_session(options, work)


app.command("check")(check_command.check)
app.command("exec", context_settings={"ignore_unknown_options": True})(exec_command.execute)
app.command()(trading.order)
app.command()(trading.cancel)
app.command()(transfer.transfer)
app.command(name="market")(market.market)
app.command()(queries.query)
app.command()(queries.account)
app.command()(queries.positions)
app.command()(queries.orders)
app.command()(queries.trades)
app.command()(queries.settlement)
app.command()(queries.notice)
app.command()(queries.call)


if __name__ == "__main__":
    app()
