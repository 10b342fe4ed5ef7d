"""`ctp-terminal`: a terminal at the command line, to try a relay and to look after an account."""

# ruff: noqa: ARG001 — every option is a parameter of `start`; they are read together from the context

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ctpabi.command_help import TwoLanguages
from ctpabi.later_commands import Later
from terminal_client.cli.exit_status import EPILOG
from terminal_client.cli.options import DEFAULT_FILE, PREFIX, load


class TerminalCommands(TwoLanguages):
    """`ctp-terminal` in two languages. A command's module is imported when the command is run."""

    program = "ctp-terminal"
    chinese = Path(__file__).with_name("help.zh.toml")
    later = {  # noqa: RUF012 - a ClassVar, as TwoLanguages says
        "collect": Later(
            "terminal_client.cli.collecting:collect",
            "采集: run the vendor's collector here and show what it could not collect; nothing is sent.",
        ),
        "login": Later("terminal_client.cli.watching:login", "登录: log in, show the session, log out."),
        "watch": Later(
            "terminal_client.cli.watching:watch",
            "监视: show every notice as it comes, over reconnects, until interrupted.",
        ),
        "password": Later(
            "terminal_client.cli.passwords:password", "改密: change the login password, or the fund password."
        ),
        "check": Later(
            "terminal_client.cli.check:check",
            "检查: play a relay for a terminal of any maker, in any language, and say what it does wrong.",
        ),
        "exec": Later(
            "terminal_client.cli.exec:execute",
            "运行: run an unmodified CTP program (C++, C#, Java, vnpy_ctp …) at the relay, whatever front it registers.",
            context_settings={"ignore_unknown_options": True},
        ),
        "order": Later(
            "terminal_client.cli.trading:order",
            "报单: insert an order and show every notice about it until its fate is decided.",
        ),
        "cancel": Later(
            "terminal_client.cli.trading:cancel",
            "撤单: cancel an order, by front:session:ref or by exchange and order_sys_id.",
        ),
        "transfer": Later(
            "terminal_client.cli.transfer:transfer",
            "银期转账: move money between bank and futures account, and wait for the bank's notice.",
        ),
        "market": Later(
            "terminal_client.cli.market:market",
            "行情: show the ticks of these instruments as they come, over reconnects, until interrupted.",
        ),
        "query": Later("terminal_client.cli.queries:query", "查询: any of the counter's queries."),
        "account": Later("terminal_client.cli.queries:account", "资金: the trading account."),
        "positions": Later("terminal_client.cli.queries:positions", "持仓: the positions."),
        "orders": Later("terminal_client.cli.queries:orders", "报单: the day's orders."),
        "trades": Later("terminal_client.cli.queries:trades", "成交: the day's trades."),
        "settlement": Later(
            "terminal_client.cli.queries:settlement",
            "结算单: show the settlement statement, and confirm it where asked.",
        ),
        "notice": Later("terminal_client.cli.queries:notice", "客户通知: what the firm tells its customers."),
        "call": Later(
            "terminal_client.cli.queries:call", "任意请求: any of the counter's requests, its fields as JSON."
        ),
        "completion": Later(
            "terminal_client.cli.completion:completion",
            "Print the script that completes commands, options and choices in your shell; it starts nothing.",
        ),
    }


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
    collectors: Annotated[
        str | None, given("COLLECTORS", "其他柜台的采集器 Collectors for other counters: KIND=FILE,KIND=FILE")
    ] = None,
    edition: Annotated[str | None, given("EDITION", "production or evaluation 评测")] = None,
    auth_code_file: Annotated[str | None, given("AUTH_CODE_FILE", "授权码文件 File with the auth code")] = None,
    password_file: Annotated[str | None, given("PASSWORD_FILE", "密码文件 File with the password")] = None,
    proof_only: Annotated[
        bool, given("PROOF_ONLY", "密码不离开本机 Prove the password, never send it", "--proof-only")
    ] = False,
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
    from terminal_client.cli.output import reporting  # noqa: PLC0415 - tables and messages: only where a command is run

    with reporting():
        context.obj = load(config, given)


if __name__ == "__main__":
    app()
