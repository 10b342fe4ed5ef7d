"""What is made once of a catalog, for all counter sessions of a process."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctpabi.catalog import Catalog
from ctpabi.codec.messages import Messages
from ctpabi.native.events import NativeEvents
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.from_now import NoticeTimes
from relay.counter.ctp.delivery.repetitions import NoticeNames
from relay.counter.ctp.identity.ownership import OwnershipTable
from relay.counter.ctp.identity.scope import ScopeTable
from relay.counter.ctp.lanes.lane_places import LanePlaces, lane_places


@dataclass(frozen=True, slots=True)
class RouterTables:
    """The tables of one catalog, and whose notices are kept; shared by all routers of a process."""

    catalog: Catalog
    scope: ScopeTable
    ownership: OwnershipTable
    known: KnownOwners
    native: NativeEvents | None = None
    """encodes the events, where it was chosen"""
    messages: Messages = field(init=False)
    lane_places: LanePlaces = field(init=False)
    notice_names: NoticeNames = field(init=False)
    notice_times: NoticeTimes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", Messages(self.catalog, self.native))
        object.__setattr__(self, "lane_places", lane_places(self.catalog, self.native))
        object.__setattr__(self, "notice_names", NoticeNames(self.catalog))
        object.__setattr__(self, "notice_times", NoticeTimes(self.catalog))
