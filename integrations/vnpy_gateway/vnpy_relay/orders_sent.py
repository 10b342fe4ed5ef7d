"""Orders and cancels on their way to the relay, and what is refused of them.

An order has three ends besides its notices: the relay refuses it, which is said in the answer to the call; the counter refuses it, which comes as a
notice that names the reference alone; or it is not known whether it was sent, and the blotter finds out.
"""

from __future__ import annotations

from collections.abc import Callable

from ctpabi.facts.errors import NEVER_ANSWERED
from ctprelay.ctp.v1 import events_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from terminal_client import (
    CallRefused,
    CounterRejected,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    RelayTerminal,
    SessionEnded,
    TerminalError,
)
from vnpy_relay.blotter import Blotter
from vnpy_relay.names import OrderName, number_of

NOT_CONNECTED = "未发出：与中继没有连接 Not sent: no connection to the relay"
OTHER_SESSION = "未发出：会话已更换 Not sent: the session was replaced by a new login"
_REMEMBERED = 10_000


class OrdersSent:
    """What this session sent."""

    def __init__(self, terminal: RelayTerminal, blotter: Blotter, say: Callable[[str], None]) -> None:
        self._terminal = terminal
        self._blotter = blotter
        self._say = say
        self._by_request: dict[int, OrderName] = {}
        """the latest orders, by the request that sent them"""

    async def send(self, name: OrderName, body: ctp.InputOrder) -> None:
        """Send it now, under the name it has, or not at all."""
        info = self._terminal.info
        if info is None or (info.front_id, info.session_id) != (name.front, name.session):
            self._blotter.refuse(name, OTHER_SESSION)
            return
        try:
            reply = await self._terminal.requests.order_insert(body)
        except (OutcomeUnknown, NoAnswer) as error:
            self._say(
                f"委托去向不明，正在查询 {name.orderid} It is not known what became of the order, asking: {error}"
            )
            self._blotter.doubt(name)
        except (NotConnected, SessionEnded):
            self._blotter.refuse(name, NOT_CONNECTED)
        except TerminalError as error:
            self._blotter.refuse(name, words_of(error))
        else:
            self._by_request[reply.outcome.request_id] = name
            if len(self._by_request) > _REMEMBERED:
                del self._by_request[next(iter(self._by_request))]

    async def cancel(self, body: ctp.InputOrderAction) -> None:
        try:
            await self._terminal.requests.order_action(body)
        except TerminalError as error:
            self._say(f"撤单失败 Not canceled {_order_of(body)}: {words_of(error)}")

    def take(self, event: events_pb2.Event) -> bool:
        """A notice that is no order and no trade; whether something was refused."""
        info = event.rsp_info
        match event.WhichOneof("body"):
            case "rsp_order_insert" if info.error_id:
                self._refused(event.rsp_order_insert, info)
            case "err_rtn_order_insert" if info.error_id:
                self._refused(event.err_rtn_order_insert, info)
            case "rsp_order_action" if info.error_id:
                self._say(f"撤单被拒 Not canceled {_order_of(event.rsp_order_action)}: {_words(info)}")
            case "err_rtn_order_action" if info.error_id:
                self._say(f"撤单被拒 Not canceled {_order_of(event.err_rtn_order_action)}: {_words(info)}")
            case "rsp_error" if info.error_id == NEVER_ANSWERED and event.request_id in self._by_request:
                self._blotter.doubt(self._by_request[event.request_id])
            case _:
                return False
        return True

    def _refused(self, order: ctp.InputOrder, info: ctp.RspInfo) -> None:
        session, ref = self._terminal.info, number_of(order.order_ref)
        # Refusals name no session: the relay gives one to the session alone that sent the order.
        if session is not None and ref:
            self._blotter.refuse(OrderName(session.front_id, session.session_id, ref), _words(info))


def words_of(error: TerminalError) -> str:
    """Who refused it and why, for a person."""
    if isinstance(error, CallRefused):
        refusal = error.refusal
        return f"中继拒绝 Refused by the relay: {refusal.message} {refusal.advice}".rstrip()
    if isinstance(error, CounterRejected):
        return f"柜台拒绝 Refused by the counter [{error.error_id}]: {error.text} {error.advice}".rstrip()
    return str(error)


def _words(info: ctp.RspInfo) -> str:
    return words_of(CounterRejected("order_insert", info.error_id, info.error_msg))


def _order_of(action: ctp.InputOrderAction | ctp.OrderAction) -> str:
    return OrderName(action.front_id, action.session_id, number_of(action.order_ref)).orderid
