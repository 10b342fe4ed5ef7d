"""What the played relay says: enough for a terminal to go on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from ctpabi.catalog.data import load_catalog
from ctpabi.facts.requests import known_requests
from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import events_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.checking.rules import Given

FRONT, SESSION = -5, 7
BALANCE = 1_000_000.0
LIVE = pb.SessionStatus(state=pb.SessionStatus.STATE_LIVE, trading_day="20261126")


def batch(message: pb.RelayMessage) -> pb.RelayBatch:
    return pb.RelayBatch(messages=[message])


def rejected(reason: str, retry_after: int) -> pb.RelayMessage:
    words = "检查程序拒绝了它，看终端怎么做 refused by the check, to see what the terminal does"
    return pb.RelayMessage(
        rejected=pb.Rejected(
            source=pb.SOURCE_RELAY,
            reason=reason,
            message=words,
            advice="请稍后重试 try again later" if retry_after else "请重新登录 log in again",
            retry_after_seconds=retry_after,
        )
    )


def goodbye(kind: pb.Goodbye.Kind) -> pb.RelayMessage:
    return pb.RelayMessage(goodbye=pb.Goodbye(kind=kind, reason="检查 check"))


def welcome(given: Given, token: bytes, *, resumed: bool) -> pb.RelayMessage:
    return pb.RelayMessage(
        logged_in=pb.LoggedIn(
            broker_id=given.broker_id,
            investor_id=given.investor_id,
            trading_day=LIVE.trading_day,
            front_id=FRONT,
            session_id=SESSION,
            mode="many_to_many",
            relay_app_type="2",
            resume_token=token,
            linger_seconds=300,
            resumed=resumed,
        )
    )


def answers_to(call: pb.Call, given: Given) -> Iterator[tuple[pb.RelayMessage, bool]]:
    """Messages, and whether the request's id is free after it."""
    name = call.request.WhichOneof("body")
    result = pb.CallResult(request_id=call.request_id)
    match name:
        case None:
            return
        case "order_insert":
            order = call.request.order_insert
            result.order_ref = order.order_ref or "1"
            yield pb.RelayMessage(call_result=result), True
            yield _notice(order, result.order_ref, given, enums.ORDER_STATUS_NO_TRADE_QUEUEING), True
        case "order_action":
            action = call.request.order_action
            order = ctp.InputOrder(instrument_id=action.instrument_id, exchange_id=action.exchange_id)
            yield pb.RelayMessage(call_result=result), True
            yield _notice(order, action.order_ref, given, enums.ORDER_STATUS_CANCELED), True
        case _:
            yield pb.RelayMessage(call_result=result), False
            yield pb.RelayMessage(event=_response(call.request_id, name, given)), True


def _notice(order: ctp.InputOrder, reference: str, given: Given, status: enums.OrderStatus) -> pb.RelayMessage:
    now = dt.datetime.now(dt.timezone(dt.timedelta(hours=8)))
    row = ctp.Order(
        broker_id=given.broker_id,
        investor_id=given.investor_id,
        instrument_id=order.instrument_id,
        exchange_id=order.exchange_id,
        order_ref=reference,
        front_id=FRONT,
        session_id=SESSION,
        order_sys_id="1",
        direction=order.direction,
        comb_offset_flag=order.comb_offset_flag or "0",
        comb_hedge_flag=order.comb_hedge_flag or "1",
        limit_price=order.limit_price,
        volume_total_original=order.volume_total_original,
        volume_total=order.volume_total_original,
        order_status=status,
        order_submit_status=enums.ORDER_SUBMIT_STATUS_ACCEPTED,
        trading_day=LIVE.trading_day,
        insert_date=f"{now:%Y%m%d}",
        insert_time=f"{now:%H:%M:%S}",
    )
    return pb.RelayMessage(event=events_pb2.Event(is_last=True, rtn_order=row))


def _response(request_id: int, name: str, given: Given) -> events_pb2.Event:
    """An account with something in it; else an answer without rows, or a plain success."""
    if name == "qry_trading_account":
        account = ctp.TradingAccount(
            broker_id=given.broker_id,
            account_id=given.investor_id,
            trading_day=LIVE.trading_day,
            currency_id="CNY",
            balance=BALANCE,
            available=BALANCE,
        )
        return events_pb2.Event(request_id=request_id, is_last=True, rsp_qry_trading_account=account)
    catalog = load_catalog()
    method = next(method for method in catalog.requests if method.proto_name == name)
    fact = known_requests()[method.name]
    event = events_pb2.Event(request_id=request_id, is_last=True, empty=fact.is_query)
    getattr(event, catalog.callbacks[fact.response].proto_name).SetInParent()
    return event
