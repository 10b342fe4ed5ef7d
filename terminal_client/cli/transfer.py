"""`ctp-terminal transfer`: money between bank and futures account."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ctprelay.ctp.v1 import enums_pb2, structs_pb2
from terminal_client.cli.options import secret
from terminal_client.cli.output import Output
from terminal_client.cli.session import NoticeRole, in_session, options_of, until
from terminal_client.client import RelayTerminal


class Way(StrEnum):
    IN = "in"
    OUT = "out"


def transfer(
    context: typer.Context,
    way: Annotated[Way, typer.Argument(help="in 银行转期货 bank to futures; out 期货转银行 futures to bank")],
    amount: Annotated[float, typer.Argument(help="金额 Amount", min=0.01)],
    bank: Annotated[str, typer.Option(help="银行代码 Bank code")],
    branch: Annotated[str, typer.Option(help="分支机构 Branch")] = "0000",
    currency: Annotated[str, typer.Option(help="币种 Currency")] = "CNY",
    bank_password_file: Annotated[str, typer.Option(help="银行密码文件 File with the bank password")] = "",
    fund_password_file: Annotated[str, typer.Option(help="资金密码文件 File with the fund password")] = "",
    wait: Annotated[float, typer.Option(help="等待秒数 Seconds to wait for the bank")] = 20.0,
) -> None:
    """银期转账: move money between bank and futures account, and wait for the bank's notice."""
    options = options_of(context)
    bank_password = secret("bank_password", bank_password_file, "银行密码 Bank password") if way is Way.IN else None
    fund_password = secret("fund_password", fund_password_file, "资金密码 Fund password")
    body = structs_pb2.ReqTransfer(
        bank_id=bank,
        bank_branch_id=branch,
        currency_id=currency,
        trade_amount=amount,
        account_id=options.investor,
        bank_pass_word="" if bank_password is None else bank_password.reveal(),
        password=fund_password.reveal(),
        bank_pwd_flag=enums_pb2.PWD_FLAG_NO_CHECK if bank_password is None else enums_pb2.PWD_FLAG_BLANK_CHECK,
        secu_pwd_flag=enums_pb2.PWD_FLAG_BLANK_CHECK,
    )
    name, error = {
        Way.IN: ("from_bank_to_future_by_future", "err_rtn_bank_to_future_by_future"),
        Way.OUT: ("from_future_to_bank_by_future", "err_rtn_future_to_bank_by_future"),
    }[way]
    kinds = (f"rtn_{name}", f"rsp_{name}", error, "rsp_error")

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices = terminal.notices()
        await terminal.request(name, body)
        output.text("转账已报 Transfer sent")
        await until(
            notices,
            output,
            lambda notice: NoticeRole.LAST if notice.WhichOneof("body") in kinds else NoticeRole.NONE,
            wait,
        )

    in_session(options, work)
