"""The relay's messages as this package's own records."""

from __future__ import annotations

from ctprelay.v1 import market_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.dispatch import REFUSED_BY_RELAY, SendOutcome
from terminal_client.errors import NativeWords, Refusal
from terminal_client.farewells import Farewell
from terminal_client.secret import Secret
from terminal_client.session import LEAVING, CounterInfo, ExchangeInfo, MarketAccess, SessionInfo, Status

SOURCES = {pb.SOURCE_RELAY: "relay", pb.SOURCE_COUNTER: "counter", pb.SOURCE_COLLECTOR: "collector"}
SETTLEMENTS = {
    pb.SETTLEMENT_CONFIRMATION_CONFIRMED: "confirmed",
    pb.SETTLEMENT_CONFIRMATION_REFUSED: "refused",
    pb.SETTLEMENT_CONFIRMATION_UNKNOWN: "unknown",
}
COUNTER_STATES = {
    pb.SessionStatus.STATE_LIVE: "live",
    pb.SessionStatus.STATE_RECOVERING: "recovering",
    pb.SessionStatus.STATE_ENDED: "ended",
}
MARKET_STATES = {
    market_pb2.MarketDataStatus.STATE_LIVE: "live",
    market_pb2.MarketDataStatus.STATE_RECOVERING: "recovering",
}
CAUSES = {value: name.removeprefix("CAUSE_").lower() for name, value in pb.SessionStatus.Cause.items() if value}


def refusal_of(rejected: pb.Rejected) -> Refusal:
    return Refusal(
        source=SOURCES.get(rejected.source, "relay"),
        reason=rejected.reason,
        message=rejected.message,
        code=rejected.code,
        advice=rejected.advice,
        retry_after_seconds=rejected.retry_after_seconds,
        native=native_words(rejected.native) if rejected.HasField("native") else None,
    )


def native_words(error: pb.NativeError) -> NativeWords:
    return NativeWords(error.code, error.text, error.level)


def market_access(logged_in: pb.LoggedIn) -> MarketAccess | None:
    """How this session gets market data; None where the relay has none."""
    if not logged_in.HasField("market_data"):
        return None
    return MarketAccess(Secret(logged_in.market_data.token.hex()), logged_in.market_data.port)


def session_info(logged_in: pb.LoggedIn) -> SessionInfo:
    """What the login gave, without the resume token."""
    return SessionInfo(
        broker_id=logged_in.broker_id,
        investor_id=logged_in.investor_id,
        trading_day=logged_in.trading_day,
        login_time=logged_in.login_time,
        front_id=logged_in.front_id,
        session_id=logged_in.session_id,
        max_order_ref=logged_in.max_order_ref,
        mode=logged_in.mode,
        relay_app_type=logged_in.relay_app_type,
        system_name=logged_in.system_name,
        must_change_password=logged_in.must_change_password,
        advice=logged_in.advice,
        linger_seconds=logged_in.linger_seconds,
        resumed=logged_in.resumed,
        lost_history=logged_in.lost_history,
        settlement=SETTLEMENTS.get(logged_in.settlement_confirmation, ""),
        settlement_error_id=logged_in.settlement_error_id,
        counter=counter_info(logged_in.counter) if logged_in.HasField("counter") else None,
    )


def counter_info(counter: pb.CounterDescription) -> CounterInfo:
    return CounterInfo(
        system=counter.system,
        version=counter.version,
        exchanges=tuple(
            ExchangeInfo(one.code, one.native_code, tuple(board.code for board in one.boards))
            for one in counter.exchanges
        ),
        capabilities=tuple(counter.capabilities),
        not_offered=tuple(counter.not_offered),
        fields_not_offered=tuple(counter.fields_not_offered),
        product=counter.product,
        levels={level.name: level.up for level in counter.levels},
        currencies=tuple(counter.currencies),
        accounts=tuple(counter.accounts),
        translated=tuple(counter.translated),
        local=tuple(counter.local),
        wanted=tuple(want.kind for want in counter.wanted),
        binding=counter.binding,
        library_version=counter.library_version,
        library_sha256=counter.library_sha256,
    )


def outcome_of(result: pb.CallResult) -> SendOutcome:
    refused = result.HasField("rejected") or result.return_code == REFUSED_BY_RELAY
    return SendOutcome(
        request_id=result.request_id,
        return_code=result.return_code,
        refusal=refusal_of(result.rejected) if refused else None,
        order_ref=result.order_ref,
        first_order_ref=result.first_order_ref,
        first_front_id=result.first_front_id,
        first_session_id=result.first_session_id,
        queue_position=result.queue_position,
        waited_milliseconds=result.waited_milliseconds,
    )


def status_of(status: pb.SessionStatus) -> Status:
    return Status(
        of="counter",
        state=COUNTER_STATES.get(status.state, "unknown"),
        reason=status.reason,
        trading_day=status.trading_day,
        trading_day_changed=status.trading_day_changed,
        cause=CAUSES.get(status.cause, ""),
    )


def leaving_of(notice: pb.LeaveNotice) -> Status:
    return Status(
        of="relay",
        state=LEAVING,
        reason=notice.reason,
        cause=Farewell.RELAY_STOPPING.word,
        leave_after_seconds=notice.leave_after_milliseconds / 1000,
        successor=notice.successor,
    )


def market_status_of(status: market_pb2.MarketDataStatus) -> Status:
    return Status(
        of="counter",
        state=MARKET_STATES.get(status.state, "unknown"),
        reason=status.reason,
        trading_day=status.trading_day,
        trading_day_changed=status.trading_day_changed,
    )
