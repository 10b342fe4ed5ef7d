"""A relay's trader front behind CThostFtdcTraderApi."""

from __future__ import annotations

from typing import Any

from ctp_relay_openctp.api_life import ApiLife, api_of, topic_methods
from ctp_relay_openctp.installed import collector_library
from ctp_relay_openctp.methods import spi_class
from ctp_relay_openctp.structs import TRADER_MODULE
from ctp_relay_openctp.traders import FRONTS
from ctpabi.catalog import Method
from ctpabi.catalog.data import load_catalog
from terminal_client.collector import Collected, collect
from terminal_client.trader_front import FrontSettings, ResumeType, TraderFront

_MOST_ARGUMENTS = 2
"""of CreateFtdcTraderApi: the flow path, and whether it is the production edition"""


class RelayTrader:
    """One TraderFront, started."""

    def __init__(self, life: ApiLife, fronts: list[str]) -> None:
        edition = edition_of(life)
        self.front = TraderFront(
            life.settings,
            life.caller.put,
            production=life.production,
            collecting=lambda: collected_here(life.settings, edition),
        )
        topics = life.topics
        FRONTS.add(self.front)
        self.front.connect(
            fronts,
            topics.get("SubscribePrivateTopic", ResumeType.RESTART),
            topics.get("SubscribePublicTopic", ResumeType.RESTART),
        )

    @property
    def trading_day(self) -> str:
        return self.front.trading_day

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        return self.front.call(method, body, request_id)

    def report(self, method: Method, body: bytes | bytearray) -> int:
        return self.front.report(method, body)

    def subscribe(self, name: str, _instruments: list[bytes]) -> int:
        raise AttributeError(f"CThostFtdcTraderApi has no {name}")

    def front_info(self) -> tuple[str, int, int]:
        return self.front.front_info()

    def join(self) -> None:
        self.front.join()

    def release(self) -> None:
        FRONTS.discard(self.front)
        self.front.release()


def edition_of(life: ApiLife) -> str:
    """Which edition of the collector: the settings', else as the program made its API."""
    return life.settings.edition or ("production" if life.production else "evaluation")


def collected_here(settings: FrontSettings, edition: str) -> Collected:
    """What this machine's collector collects: the settings' library, else the installed binding's, past this package."""
    return collect(settings.collector or collector_library(), edition=edition)


def trader_classes() -> dict[str, type[Any]]:
    """CThostFtdcTraderApi and CThostFtdcTraderSpi."""
    catalog = load_catalog()
    kind = "CThostFtdcTraderApi"
    api = api_of(catalog, TRADER_MODULE, RelayTrader, _MOST_ARGUMENTS, topic_methods(kind))
    return {kind: api, "CThostFtdcTraderSpi": spi_class(catalog, TRADER_MODULE)}
