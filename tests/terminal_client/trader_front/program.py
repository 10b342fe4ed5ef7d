"""A CTP program in small: calls a front by names and waits for its callbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ctpabi.api.spi import RawEvent
from ctpabi.codec import layout
from terminal_client import Collected, Tls
from terminal_client.session import Deadlines
from terminal_client.trader_front import FrontSettings, ResumeType, TraderFront, records
from tests.terminal_client.scripted_relay import AUTH_CODE, ServedRelay

SECONDS = 20
QUICK = Deadlines(
    first_retry_seconds=0.01, longest_retry_seconds=0.05, login_seconds=SECONDS, give_up_after_seconds=SECONDS
)


class SmallProgram:
    """What one program called, and what it was called with."""

    def __init__(self, served: ServedRelay, collected: Collected, **options: Any) -> None:
        self.heard: list[RawEvent] = []
        self.changed = threading.Condition()
        self.during: Callable[[RawEvent], None] = lambda _: None
        settings = options.pop("settings", None) or FrontSettings(tls=Tls(ca_file=served.authority))
        self.front = TraderFront(
            settings, self.hear, deadlines=options.pop("deadlines", QUICK), collecting=lambda: collected, **options
        )
        self.address = f"relay://{served.address}"

    def hear(self, item: RawEvent) -> None:
        self.during(item)
        with self.changed:
            self.heard.append(item)
            self.changed.notify_all()

    def connect(self, private: ResumeType = ResumeType.RESTART, public: ResumeType = ResumeType.RESTART) -> None:
        self.front.connect([self.address], private, public)
        self.wait_for("OnFrontConnected")

    def names(self) -> list[str]:
        with self.changed:
            return [item.callback.name for item in self.heard]

    def wait_for(self, name: str, count: int = 1) -> RawEvent:
        """The `count`th callback of this name."""

        def found() -> list[RawEvent]:
            return [item for item in self.heard if item.callback.name == name]

        with self.changed:
            assert self.changed.wait_for(lambda: len(found()) >= count, SECONDS), f"no {name}: {self.heard}"
            return found()[count - 1]

    def call(self, name: str, request_id: int = 1, **values: Any) -> int:
        method = records.request_named(name)
        return self.front.call(method, layout.pack(records.struct_named(method.struct), values), request_id)

    def log_in(self, count: int = 1, auth_code: str = AUTH_CODE) -> RawEvent:
        """Authenticate and log in, as programs do; OnRspUserLogin."""
        who = {"BrokerID": "9999", "UserID": "100001"}
        assert self.call("ReqAuthenticate", 1, **who, AppID="demo_terminal_1.0", AuthCode=auth_code) == 0
        self.wait_for("OnRspAuthenticate", count)
        assert self.call("ReqUserLogin", 2, **who, Password="password") == 0
        return self.wait_for("OnRspUserLogin", count)


def fields(item: RawEvent) -> dict[str, Any]:
    """The struct's fields."""
    assert item.body is not None
    return records.values_of(item.callback.struct, item.body)


def error(item: RawEvent) -> tuple[int, str]:
    assert item.rsp_info is not None
    info = records.values_of("RspInfo", item.rsp_info)
    return info["ErrorID"], info["ErrorMsg"]
