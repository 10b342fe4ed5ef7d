"""What of the running process is watched: the parts whose figures are shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

from relay.admission.verifier import Verifier
from relay.alarms.sender import AlarmSender
from relay.counter.clock_watch import ClockWatch
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.session.counter_watch import CounterWatch
from relay.counter.port import Counter
from relay.edge.stream_gate import StreamGate
from relay.faults.faults import Faults
from relay.figures.figures import Figures
from relay.ledger.ledger import Ledger
from relay.ledger.order_trail import OrderTrailWriter
from relay.logs.alarms import Alarms
from relay.logs.logs import Log
from relay.market_data.hub import MarketHub
from relay.rpc.listener import Listener
from relay.sessions.sessions import Sessions
from relay.watch.watching import Found


@dataclass(slots=True)
class Watched:
    """The parts; those with a default are set when the relay begins to be watched."""

    relay: str
    """its name"""
    sessions: Sessions
    counter: Counter
    ledger: Ledger
    verifier: Verifier | None
    order_map: OrderMapFile
    log: Log
    listener: Listener
    gate: StreamGate
    alarms: Alarms
    faults: Faults
    figures: Figures
    watch: CounterWatch
    clock: ClockWatch
    trail: OrderTrailWriter | None = None
    """None where the settings switch it off"""
    locks: Callable[[], int] = lambda: 0
    market: MarketHub | None = None
    """None where the settings have none"""
    found: Found = field(default_factory=Found)
    version: str = field(default_factory=partial(version, "ctp-relay"))
    """read once: it stands in a file, and a relay without descriptors must still say how it is"""
    expiries: dict[str, Callable[[], dt.datetime]] = field(default_factory=dict)
    """by setting: when the certificate that is in use expires; each part adds its own where it begins to serve"""
    senders: Callable[[], Sequence[AlarmSender]] = tuple
