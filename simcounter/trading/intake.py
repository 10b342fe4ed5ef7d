"""Makes an accepted order out of an InputOrder: its fields move over as bytes, the counter adds its own."""

from __future__ import annotations

from simcounter.records import Records, Transplant
from simcounter.session import Session, Stamps, Values
from simcounter.trading.instruments import Instrument
from simcounter.trading.legs import legs_of
from simcounter.trading.order import Order, OrderStatus
from simcounter.trading.pen import Pen
from simcounter.trading.rules import Wish


class Intake:
    """For one trading day."""

    def __init__(self, broker_id: str, records: Records, stamps: Stamps, trading_day: str) -> None:
        self._broker_id = broker_id
        self._records = records
        self._stamps = stamps
        self._trading_day = trading_day
        self._pen = Pen(records.struct("Order"))
        self._transplant = Transplant.between(records.struct("InputOrder"), self._pen.struct)
        self._blank: dict[str, bytes] = {}
        """InstrumentID -> an Order with what is the same for every order"""

    def order(self, session: Session, values: Values, wish: Wish, body: bytes, key: int) -> Order:
        """Order number `key`, unknown to the exchange yet; moves the session's OrderRef on."""
        user_id = session.user.user_id if session.user is not None else ""
        reference = values["OrderRef"].strip()
        session.max_order_ref = int(reference) if reference else session.max_order_ref + 1
        struct_bytes = bytearray(self._blank_for(wish.instrument))
        self._transplant.into(struct_bytes, body)
        order = Order(
            key, wish.instrument, wish.side, wish.offset, wish.hedge_flag, wish.limit_ticks, wish.volume,
            values["InvestorID"], user_id, values["OrderRef"] or str(session.max_order_ref), self._pen, struct_bytes,
            legs_of(wish.instrument, wish.side, wish.offset, wish.hedge_flag),
        )  # fmt: skip
        self._add_identity(order, session, user_id)
        order.become(OrderStatus.UNKNOWN)
        return order

    def _add_identity(self, order: Order, session: Session, user_id: str) -> None:
        date, time = self._stamps.now()
        self._pen.write_fields(
            order.body,
            OrderRef=order.order_ref,
            UserID=user_id,
            ActiveUserID=user_id,
            ExchangeID=order.instrument.exchange_id,
            ClientID=order.investor_id,
            OrderLocalID=f"{order.key:>12}",
            InsertDate=date,
            InsertTime=time,
            FrontID=session.front_id,
            SessionID=session.session_id,
            UserProductInfo=session.product_info,
            BrokerOrderSeq=order.key,
            SequenceNo=order.key,
        )

    def _blank_for(self, instrument: Instrument) -> bytes:
        blank = self._blank.get(instrument.instrument_id)
        if blank is None:
            values = {
                "ExchangeInstID": instrument.instrument_id,
                "ParticipantID": self._broker_id,
                "TraderID": f"trader{instrument.exchange_id}",
                "ActiveTraderID": f"trader{instrument.exchange_id}",
                "InstallID": 1,
                "OrderSubmitStatus": "0",
                "TradingDay": self._trading_day,
                "SettlementID": 1,
                "OrderSource": "0",
                "OrderType": "0",
            }
            blank = self._blank[instrument.instrument_id] = self._records.pack("Order", values)
        return blank
