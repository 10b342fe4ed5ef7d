"""`ctp-terminal password`: change the login password, or the fund password."""

from __future__ import annotations

from typing import Annotated

import typer

from ctprelay.ctp.v1 import structs_pb2
from terminal_client.cli.options import secret
from terminal_client.cli.output import Output, reporting
from terminal_client.cli.session import in_session, options_of
from terminal_client.client import RelayTerminal


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
