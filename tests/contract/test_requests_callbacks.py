"""The 161 callbacks that tell of something other than the connection: each arrives at the terminal, field by field.

Three of them end at the relay, which logs in and out itself: OnRspAuthenticate, OnRspUserLogin and OnRspUserLogout.
"""

from __future__ import annotations

import itertools

import pytest

from ctpabi.catalog import Callback, Distribution, Shape
from simcounter.errors_text import ErrorId, text_of
from tests.contract.request_bodies import body_for, empty
from tests.contract.struct_values import full, read_back
from tests.contract.test_requests import documented_refusal
from tests.contract.watched import CATALOG, Watched, body_of
from tests.e2e.site import INVESTORS

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_THE_RELAY = {"OnRspAuthenticate", "OnRspUserLogin", "OnRspUserLogout"}
FOR_EVERYBODY = {"OnRtnInstrumentStatus", "OnRtnBulletin", "OnRtnForQuoteRsp"}
NOTICES = [c for c in CATALOG.callbacks.values() if c.shape in {Shape.NOTICE, Shape.ERROR_NOTICE}]
RESPONSES = [c for c in CATALOG.callbacks.values() if c.shape is Shape.RESPONSE and c.name not in AT_THE_RELAY]
ASKED = CATALOG.methods["ReqSettlementInfoConfirm"]
"""any request would do, an answer belongs to the terminal that asked; but CTP's API knows a query's end by its own callback"""
numbers = itertools.count(1_000_000, 1_000)
_FOR_THE_WHOLE_INVESTOR = {
    "OnErrRtnRepealBankToFutureByFutureManual",  # the firm does this by hand, nobody asked
    "OnErrRtnRepealFutureToBankByFutureManual",
    "OnErrRtnCombActionInsert",  # names its terminal by FrontID and SessionID: nobody else takes it for his own
}
REFUSALS = [c for c in NOTICES if c.shape is Shape.ERROR_NOTICE and c.name not in _FOR_THE_WHOLE_INVESTOR]
"""error notices that name a terminal's request by a reference alone"""
_REQUESTS = {
    "OnErrRtnBankToFutureByFuture": "ReqFromBankToFutureByFuture",
    "OnErrRtnFutureToBankByFuture": "ReqFromFutureToBankByFuture",
    "OnErrRtnQueryBankBalanceByFuture": "ReqQueryBankAccountMoneyByFuture",
}
"""where the request's name is not the callback's"""
_NAMES_OF_A_REQUEST = ("OrderRef", "ActionRef", "QuoteRef", "SelfCloseRef", "RequestID", "FrontID", "SessionID")


async def test_none_is_left_out() -> None:
    """All callbacks, less three of the connection; OnRspError is the one without a struct."""
    assert len(NOTICES) + len(RESPONSES) + len(AT_THE_RELAY) + len({"OnRspError"}) == len(CATALOG.callbacks) - 3
    assert len(CATALOG.callbacks) == {Distribution.CTP: 164, Distribution.TTS: 154}[CATALOG.distribution]


@pytest.mark.parametrize("callback", [c for c in NOTICES if c not in REFUSALS], ids=lambda callback: callback.name)
async def test_a_notice_arrives_with_every_field(watched: Watched, callback: Callback) -> None:
    """Chinese text, characters, numbers, and prices without a value; ErrorID and text where it is an error."""
    struct = CATALOG.structs[callback.struct]
    values = full(struct, watched.investor, next(numbers))
    error_id = ErrorId.NO_PRIVILEGE if callback.shape is Shape.ERROR_NOTICE else 0
    control = watched.site.counter.control
    if callback.name == "OnRtnTrade":  # a trade waits for its order
        order = full(CATALOG.structs["Order"], watched.investor, next(numbers))
        same = {name: values[name] for name in ("ExchangeID", "OrderSysID")}
        control.tell("OnRtnOrder", order | same, watched.investor)
    await watched.until_now()
    watched.forget()

    control.tell(callback.name, values, watched.investor, error_id)

    (event,) = await watched.until_now()
    assert event.WhichOneof("body") == callback.proto_name
    assert read_back(body_of(event), struct) == values
    assert (event.rsp_info.error_id, event.rsp_info.error_msg) == (error_id, text_of(error_id) if error_id else "")


@pytest.mark.parametrize("callback", REFUSALS, ids=lambda callback: callback.name)
async def test_a_refusal_arrives_at_the_terminal_it_refuses(watched: Watched, callback: Callback) -> None:
    """With every field, under the terminal's own references; one that belongs to no request of this relay does not."""
    struct, control = CATALOG.structs[callback.struct], watched.site.counter.control
    method = CATALOG.methods[_REQUESTS.get(callback.name, callback.name.replace("OnErrRtn", "Req"))]
    values = full(struct, watched.investor, next(numbers))
    await watched.until_now()
    watched.forget()
    control.tell(callback.name, values, watched.investor, ErrorId.NO_PRIVILEGE)
    assert await watched.until_now() == []
    if documented_refusal(method, watched.site.mode):
        return
    body = await body_for(method, watched)
    control.ignore(method.name, times=1)
    (heard,) = (await watched.exchange(method, body)).heard
    names = {name for name in heard if name.endswith(_NAMES_OF_A_REQUEST) and struct.has(name)}
    watched.forget()

    control.tell(callback.name, values | {name: heard[name] for name in names}, watched.investor, ErrorId.NO_PRIVILEGE)

    (event,) = await watched.until_now()
    assert event.WhichOneof("body") == callback.proto_name
    shown = read_back(body_of(event), struct)
    assert {name: shown[name] for name in values if name not in names} == {
        name: value for name, value in values.items() if name not in names
    }
    assert (event.rsp_info.error_id, event.rsp_info.error_msg) == (
        ErrorId.NO_PRIVILEGE,
        text_of(ErrorId.NO_PRIVILEGE),
    )


@pytest.mark.parametrize("callback", NOTICES, ids=lambda callback: callback.name)
async def test_a_notice_of_somebody_else_does_not_arrive(watched: Watched, callback: Callback) -> None:
    """In many-to-one the operator's session hears of all investors; the terminal only of its own, and of public things."""
    values = full(CATALOG.structs[callback.struct], INVESTORS[1], next(numbers))
    error_id = ErrorId.NO_PRIVILEGE if callback.shape is Shape.ERROR_NOTICE else 0
    public = callback.name in FOR_EVERYBODY
    await watched.until_now()
    watched.forget()

    watched.site.counter.control.tell(callback.name, values, "" if public else INVESTORS[1], error_id)

    assert len(await watched.until_now()) == public


@pytest.mark.parametrize("callback", RESPONSES, ids=lambda callback: callback.name)
async def test_a_response_arrives_with_every_field(watched: Watched, callback: Callback) -> None:
    """Under the request's own id, as the last row."""
    struct = CATALOG.structs[callback.struct]
    values = full(struct, watched.investor, next(numbers))
    watched.site.counter.control.answer(ASKED.name, callback.name, values)

    done = await watched.exchange(ASKED, empty(ASKED))

    (event,) = done.events
    assert event.WhichOneof("body") == callback.proto_name
    assert read_back(body_of(event), struct) == values
    assert event.is_last
    assert event.request_id


@pytest.mark.parametrize("callback", RESPONSES, ids=lambda callback: callback.name)
async def test_an_empty_response_says_so(watched: Watched, callback: Callback) -> None:
    """CTP's NULL is one event of the right kind with `empty` set: no row, and no error."""
    watched.site.counter.control.answer(ASKED.name, callback.name)

    done = await watched.exchange(ASKED, empty(ASKED))

    assert [(e.WhichOneof("body"), e.empty, e.is_last) for e in done.events] == [(callback.proto_name, True, True)]
    assert done.error_id == 0


async def test_an_error_without_a_struct_ends_the_request(watched: Watched) -> None:
    """OnRspError: ErrorID and text, under the request's id."""
    watched.site.counter.control.answer(ASKED.name, "OnRspError", error_id=ErrorId.NO_PRIVILEGE)

    done = await watched.exchange(ASKED, empty(ASKED))

    assert done.callbacks == ["OnRspError"]
    assert done.error_id == ErrorId.NO_PRIVILEGE
    assert done.events[0].rsp_info.error_msg == text_of(ErrorId.NO_PRIVILEGE)
