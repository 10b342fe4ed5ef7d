"""Programs that report system info by the relay's own path: `report_body`, memmove, Register… or Submit….

Run as `python -m tests.contract.programs judge FLOW_DIR`, or `… report MODE FRONT FLOW_DIR`; contents come as
Base64, one a line, on standard input, return codes go as one JSON list to standard output.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import queue
import sys
from pathlib import Path

from ctpabi.api import binding
from ctpabi.api.spi import RawEvent
from ctpabi.api.trader import RESTART, TraderApi
from ctpabi.codec import layout
from relay.counter.ctp.session.user_system_info import report_body, report_method
from relay.counter.port import Investor, Mode, TerminalReport
from simcounter import demo_accounts

DEADLINE_SECONDS = 30.0
INVESTOR = demo_accounts.investor_ids()[0]
NOBODY_LISTENS = "tcp://127.0.0.1:1"


class Instance:
    """One API instance whose callbacks are waited for by name."""

    def __init__(self, flow_dir: Path, front: str) -> None:
        self._events: queue.SimpleQueue[RawEvent] = queue.SimpleQueue()
        loaded = binding.load()
        self.catalog = loaded.catalog
        self.api = TraderApi(loaded, flow_dir, self._events.put)
        self.api.connect([front], RESTART)
        assert self.api.made.wait(DEADLINE_SECONDS)

    def wait_for(self, callback: str) -> None:
        while self._events.get(timeout=DEADLINE_SECONDS).callback.name != callback:
            pass

    def ask(self, method_name: str, **values: str) -> None:
        """One request, and wait for its answer."""
        method = self.catalog.methods[method_name]
        assert self.api.call(method, layout.pack(self.catalog.structs[method.struct], values), 1) == 0
        self.wait_for("OnRsp" + method_name.removeprefix("Req"))

    def report(self, system_info: bytes, mode: Mode) -> int:
        terminal_report = TerminalReport(
            investor=Investor(demo_accounts.BROKER_ID, INVESTOR),
            system_info=system_info,
            app_id="demo_terminal_1.0",
            public_ip="198.51.100.7",
            port=50123,
            logged_in_at=dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8))),
        )
        method = report_method(self.catalog, terminal_report, operator=mode is Mode.MANY_TO_ONE)
        return self.api.report(method, report_body(self.catalog, terminal_report))


def log_in(instance: Instance, mode: Mode) -> None:
    """As far as reports are taken: authenticated in many-to-many, an operator logged in in many-to-one."""
    broker, operator = demo_accounts.BROKER_ID, demo_accounts.OPERATOR_ID
    user, app_id = INVESTOR, demo_accounts.INVESTOR_RELAY_APP_ID
    if mode is Mode.MANY_TO_ONE:
        user, app_id = operator, demo_accounts.OPERATOR_RELAY_APP_ID
    instance.wait_for("OnFrontConnected")
    code = demo_accounts.AUTH_CODES[app_id]
    instance.ask("ReqAuthenticate", BrokerID=broker, UserID=user, AppID=app_id, AuthCode=code)
    if mode is Mode.MANY_TO_ONE:
        instance.ask("ReqUserLogin", BrokerID=broker, UserID=user, Password=demo_accounts.password_of(user))


def main(arguments: list[str]) -> None:
    contents = [base64.b64decode(line) for line in sys.stdin.read().split()]
    answer = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # the library writes its own words about each report to standard output
    match arguments:
        case ["judge", flow_dir]:
            instance, mode = Instance(Path(flow_dir), NOBODY_LISTENS), Mode.MANY_TO_MANY
        case ["report", name, front, flow_dir]:
            instance, mode = Instance(Path(flow_dir), front), Mode(name)
            log_in(instance, mode)
        case _:
            raise SystemExit(__doc__)
    codes = [instance.report(content, mode) for content in contents]
    json.dump(codes, answer)
    answer.close()
    instance.api.release()


if __name__ == "__main__":
    main(sys.argv[1:])
