"""All 118 requests, in both modes: who may send them, what reaches the counter, and what comes back.

docs/requests.md is the specification; these tests hold relay and simulated counter to it.
"""

from __future__ import annotations

import pytest

from codegen.pages.requests import rule_of
from ctpabi.catalog import Distribution, Method
from ctpabi.facts.requests import Answered, RequestFact, known_requests
from ctprelay.ctp.v1 import events_pb2
from relay.counter.ctp.identity.scope_table import Scope
from relay.counter.port import Mode
from simcounter.errors_text import ErrorId
from tests.contract.request_bodies import asking_for_nothing, body_for, empty, set_fields, undo
from tests.contract.watched import CATALOG, MAC_ADDRESS, Exchange, Watched
from tests.e2e.site import BROKER, INVESTORS

pytestmark = pytest.mark.asyncio(loop_scope="session")

PUBLIC = [method for method in CATALOG.requests if rule_of(method).scope is Scope.PUBLIC]
UNSUPPORTED = {"ReqBatchOrderAction": ErrorId.UNSUPPORTED_BATCH_ACTION}
"""what CTP itself refuses nearly everybody"""
DONE_BY_THE_RELAY = {
    "ReqAuthenticate", "ReqUserLogin", "ReqUserLogout", "ReqUserAuthMethod", "ReqGenUserCaptcha", "ReqGenUserText",
    "ReqUserLoginWithCaptcha", "ReqUserLoginWithText", "ReqUserLoginWithOTP",
}  # fmt: skip
BEYOND_ONE_INVESTOR = {"ReqQryUserSession", "ReqQrySecAgentTradeInfo", "ReqBatchOrderAction"}
"""what an operator's session would do or show for all of its investors"""
ONLY_ASK = ("ReqQry", "ReqUserPassword", "ReqTradingAccountPassword", "ReqQueryCFMMC")
"""requests whose UserID is the investor in both modes; all others act, in the name of who is logged in"""
REFUSED = "CTP:无此权限,请联系期货公司"
every_request = pytest.mark.parametrize("method", CATALOG.requests, ids=lambda method: method.name)


def documented_refusal(method: Method, mode: Mode) -> str:
    """The relay's reason not to send a request whose body is in order; empty where it sends it."""
    if method.name in DONE_BY_THE_RELAY:
        return "session_method"
    if mode is Mode.MANY_TO_MANY:
        return ""
    if method.name == "ReqUserPasswordUpdate":
        return "password_is_with_the_relay"
    return "not_in_this_mode" if method.name in BEYOND_ONE_INVESTOR else ""


def assert_answered(answer: RequestFact, done: Exchange) -> None:
    """The events are the ones documented for success, in their order."""
    match answer.answered:
        case Answered.ROWS:
            assert set(done.callbacks) == {answer.success[0]}
            assert [event.is_last for event in done.events] == [False] * (len(done.events) - 1) + [True]
        case Answered.NOTICES | Answered.NOTICES_OF_ANOTHER:
            # A response that says nothing more may come first.
            assert [name for name in done.callbacks if name != answer.response][:1] == [answer.success[0]]
            assert set(done.callbacks) <= set(answer.success)
        case Answered.RESPONSE | Answered.RESPONSE_THEN_NOTICE | Answered.SILENCE:
            assert done.callbacks == list(answer.success)


@every_request
async def test_a_request_is_answered_or_refused_as_documented(watched: Watched, method: Method) -> None:
    """Sent once and answered by the documented callbacks; or refused with its reason, and the counter hears nothing."""
    refusal, answer = documented_refusal(method, watched.site.mode), known_requests()[method.name]
    body = await body_for(method, watched) if not refusal else empty(method)
    await watched.until_now()

    done = await watched.exchange(method, body, fresh=True)  # another test may have asked this public question
    assert done.refusal == refusal
    if not refusal:
        await undo(method, watched)

    if refusal:
        assert (done.heard, done.events) == ([], [])
    elif method.name in UNSUPPORTED:
        assert (done.callbacks, len(done.heard)) == (list(answer.error), 1)
        assert {event.rsp_info.error_id for event in done.events} == {UNSUPPORTED[method.name]}
    else:
        assert (done.error_id, len(done.heard)) == (0, 1)
        assert_answered(answer, done)


@every_request
async def test_the_counters_refusal_is_told_as_documented(watched: Watched, method: Method) -> None:
    """OnRsp… with ErrorID and Chinese text, and OnErrRtn… with the same where CTP has one."""
    answer = known_requests()[method.name]
    if documented_refusal(method, watched.site.mode):
        return
    body = asking_for_nothing(method) if method in PUBLIC else await body_for(method, watched)
    await watched.until_now()
    watched.site.counter.control.refuse(method.name, ErrorId.NO_PRIVILEGE, REFUSED, times=1)

    done = await watched.exchange(method, body)

    assert done.callbacks == list(answer.error[:1] if answer.is_query else answer.error)
    assert {(e.rsp_info.error_id, e.rsp_info.error_msg) for e in done.events} == {(ErrorId.NO_PRIVILEGE, REFUSED)}


@every_request
async def test_the_counter_sees_the_sessions_identity(watched: Watched, method: Method) -> None:
    """Whatever the terminal writes there: broker, investor, user, address and MAC are the session's own."""
    asks = method.name.startswith(ONLY_ASK)
    if documented_refusal(method, watched.site.mode):
        return
    struct = CATALOG.structs[method.struct]
    lies = {"BrokerID": "8888", "UserID": "intruder", "IPAddress": "6.6.6.6", "MacAddress": "666666666666"}
    truth = {
        "BrokerID": BROKER,
        "InvestorID": watched.investor,
        "UserID": watched.investor if asks else watched.user,
        "AccountID": "" if struct.has("InvestorID") else watched.investor,
        "IPAddress": "127.0.0.1",
        "MacAddress": MAC_ADDRESS,
    }
    body = asking_for_nothing(method) if method in PUBLIC else empty(method)
    if method.name.endswith("OrderAction") or method.name in {"ReqQuoteAction", "ReqOptionSelfCloseAction"}:
        body = await body_for(method, watched)  # an action that names nothing is not sent
    set_fields(body, method, {name: lie for name, lie in lies.items() if struct.has(name)})
    await learn_account(watched)
    watched.site.counter.control.refuse(method.name, ErrorId.NO_PRIVILEGE, REFUSED, times=1)

    (heard,) = (await watched.exchange(method, body)).heard

    shown = {name: value for name, value in heard.items() if name in truth}
    assert shown == {name: value for name, value in truth.items() if struct.has(name)}


async def test_another_investors_name_is_refused_in_every_request(watched: Watched) -> None:
    """Not sent in the caller's own name instead: it could trade on the wrong account."""
    reasons = {}
    for method in (m for m in CATALOG.requests if CATALOG.structs[m.struct].has("InvestorID")):
        body = empty(method)
        set_fields(body, method, {"InvestorID": INVESTORS[1]})
        done = await watched.exchange(method, body)
        reasons[method.name] = (done.refusal, len(done.heard))

    wanted = {name: documented_refusal(CATALOG.methods[name], watched.site.mode) for name in reasons}
    assert reasons == {name: (refusal or "not_your_investor", 0) for name, refusal in wanted.items()}
    assert len(reasons) > 55


async def test_another_investors_account_is_kept_from_every_request(watched: Watched) -> None:
    """In many-to-one the relay's directory says whose it is; in many-to-many the counter, which confines the session."""
    shared = watched.site.mode is Mode.MANY_TO_ONE
    by_account = [m for m in CATALOG.requests if rule_of(m).account is not None and rule_of(m).investor is None]
    for method in by_account:
        body = empty(method)
        set_fields(body, method, {"AccountID": INVESTORS[1]})
        done = await watched.exchange(method, body)
        if shared:
            assert (done.refusal, done.heard) == ("not_your_account", []), method.name
        else:
            assert done.refusal == (documented_refusal(method, watched.site.mode) or ""), method.name
            refused = done.error_id or any(event.rsp_info.error_id for event in done.events)
            assert refused or all(event.empty for event in done.events), method.name


async def learn_account(watched: Watched) -> None:
    """The relay hears from the counter which fund account is this investor's."""
    method = CATALOG.methods["ReqQryTradingAccount"]
    await watched.exchange(method, empty(method))


async def test_the_public_questions_are_these() -> None:
    """28 name nobody, 27 of openctp-tts. Three of them are of the moment: prices, a seat's connection, a product's risk settlement."""
    without = [m for m in CATALOG.requests if m.name.startswith("ReqQry") and not _names_somebody(m)]

    of_the_moment = {"ReqQryDepthMarketData", "ReqQryTraderOffer", "ReqQryRiskSettleProductStatus"}
    assert {m.name for m in without} - {m.name for m in PUBLIC} == of_the_moment
    assert len(PUBLIC) == {Distribution.CTP: 25, Distribution.TTS: 24}[CATALOG.distribution]


def _names_somebody(method: Method) -> bool:
    struct = CATALOG.structs[method.struct]
    return any(struct.has(name) for name in ("BrokerID", "InvestorID", "UserID", "AccountID"))


@pytest.mark.parametrize("method", PUBLIC, ids=lambda method: method.name)
async def test_a_public_question_is_asked_once_a_day(watched: Watched, method: Method) -> None:
    """The second answer is the first one's rows, and the counter is not asked."""
    first = await watched.exchange(method, empty(method))
    again = await watched.exchange(method, empty(method))

    assert again.heard == []
    assert again.callbacks == first.callbacks
    bodies = [[e.SerializeToString() for e in _without_request_ids(done)] for done in (first, again)]
    assert bodies[0] == bodies[1]


def _without_request_ids(done: Exchange) -> list[events_pb2.Event]:
    for event in done.events:
        event.request_id = 0
    return list(done.events)
