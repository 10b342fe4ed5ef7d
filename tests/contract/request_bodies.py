"""A body for each of the 118 requests that a counter would take."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ctpabi.catalog import Kind, Method
from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from simcounter import demo_accounts
from tests.contract.watched import CATALOG, Watched
from tests.e2e.site import WILL_REST, buy

NEW_PASSWORD = "another-demo-1"
_TRANSFER: dict[str, Any] = {"bank_id": "1", "bank_branch_id": "0000", "currency_id": "CNY"}


async def body_for(method: Method, watched: Watched) -> Message:
    """A body that the counter accepts; of a cancel, with an order to be canceled."""
    investor = watched.investor
    old = demo_accounts.password_of(investor)
    match method.name:
        case "ReqOrderInsert":
            return buy()
        case "ReqOrderAction" | "ReqParkedOrderAction":
            resting = await watched.terminal.requests.order_insert(buy(WILL_REST))
            named = empty(method)
            set_fields(named, method, {"OrderRef": resting.order_ref})
            setattr(named, "action_flag", enums.ACTION_FLAG_DELETE)  # noqa: B010 - of either message
            return named
        case "ReqExecOrderAction" | "ReqQuoteAction" | "ReqOptionSelfCloseAction":
            return await _action_on_its_own(method, watched)
        case "ReqUserPasswordUpdate":
            return ctp.UserPasswordUpdate(old_password=old, new_password=NEW_PASSWORD)
        case "ReqTradingAccountPasswordUpdate":
            return ctp.TradingAccountPasswordUpdate(account_id=investor, old_password=old, new_password=NEW_PASSWORD)
        case "ReqFromBankToFutureByFuture" | "ReqFromFutureToBankByFuture":
            return ctp.ReqTransfer(account_id=investor, password=old, trade_amount=100.0, **_TRANSFER)
        case "ReqQueryBankAccountMoneyByFuture":
            return ctp.ReqQueryAccount(account_id=investor, **_TRANSFER)
        case _:
            return _generic(method)


async def undo(method: Method, watched: Watched) -> None:
    """Give a changed password back."""
    old = demo_accounts.password_of(watched.investor)
    body: Message
    if method.name == "ReqUserPasswordUpdate":
        body = ctp.UserPasswordUpdate(old_password=NEW_PASSWORD, new_password=old)
    elif method.name == "ReqTradingAccountPasswordUpdate":
        body = ctp.TradingAccountPasswordUpdate(
            account_id=watched.investor, old_password=NEW_PASSWORD, new_password=old
        )
    else:
        return
    await watched.terminal.request(method.proto_name, body)


async def _action_on_its_own(method: Method, watched: Watched) -> Message:
    """The action on what was just inserted, by the reference alone."""
    insert = CATALOG.methods[method.name.removesuffix("Action") + "Insert"]
    result = await watched.terminal.request(insert.proto_name, _generic(insert))
    message = empty(method)
    ref = method.name.removeprefix("Req").removesuffix("Action") + "Ref"
    set_fields(message, method, {ref: result.order_ref})
    setattr(message, "action_flag", enums.ACTION_FLAG_DELETE)  # noqa: B010 - of either message
    return message


def _generic(method: Method) -> Message:
    """An instrument and its exchange."""
    message = empty(method)
    struct = CATALOG.structs[method.struct]
    if method.name.startswith("ReqQry") and method.name != "ReqQryMaxOrderVolume":
        return message
    values: dict[str, Any] = {"InstrumentID": "rb2701", "ExchangeID": "SHFE"}
    values |= {item.name: "1" for item in struct.fields if item.name == "ForQuoteSysID"}
    set_fields(message, method, {name: value for name, value in values.items() if struct.has(name)})
    return message


def empty(method: Method) -> Message:
    """The method's message with nothing set."""
    message: Message = getattr(ctp, method.struct)()
    return message


def set_fields(message: Message, method: Method, values: dict[str, Any]) -> None:
    """Set fields by CTP's names."""
    struct = CATALOG.structs[method.struct]
    for name, value in values.items():
        setattr(message, struct.field(name).proto_name, value)


def asking_for_nothing(method: Method) -> Message:
    """A public query that was not asked before, so that no cache answers it."""
    message = empty(method)
    texts = [f for f in CATALOG.structs[method.struct].fields if f.kind is Kind.TEXT and "reserve" not in f.name]
    setattr(message, texts[0].proto_name, "zz")
    return message
