"""What an investor's machines were like: a machine that suddenly misses other items is evidence.

Nothing here can read system info. What is kept of each login that succeeded is what the relay can see of the machine from
outside (`MachineTraits`): the collector's return value and version, which the terminal says, the length, and the digit for
missing items in the header that the vendor's library unwrapped. Of an investor, an app id and a place there may be
several machines; a login is unlike before where none of those known has its traits.

Kept in the directory's database, so that it is known after a restart and to every process of the firm. Bounded: so many
of a place, so many of an investor, and for a time; the longest unseen go first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, select

from relay.counter.port import Investor
from relay.database.database import insert_or_set, writing
from relay.database.schema import MACHINE
from relay.database.times import stamp

KEPT = timedelta(days=90)
MOST_OF_A_PLACE = 8
MOST_OF_AN_INVESTOR = 64
_WRITTEN_TODAY = 10_000


@dataclass(frozen=True, slots=True)
class MachineTraits:
    """What the relay can see of a machine from outside."""

    collector_code: int
    """the collector's return value: which items it could not collect"""
    missing_digit: str
    """of the unwrapped header, '0' where no item is missing; empty where nothing was judged"""
    length: int
    collector_version: str

    def differences(self, before: MachineTraits) -> dict[str, list[object]]:
        """What is not as it was: the name, then what it was and what it is. A digit that was not judged is no other one."""
        was, now = asdict(before), asdict(self)
        if not (before.missing_digit and self.missing_digit):
            was["missing_digit"] = now["missing_digit"]
        return {name: [was[name], now[name]] for name in was if was[name] != now[name]}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where machines are compared: an investor with a terminal software at a place."""

    investor: Investor
    app_id: str
    place: str


@dataclass(frozen=True, slots=True)
class Unlike:
    """A machine that is none of those known at its desk."""

    differences: dict[str, list[object]]
    """from the one of those that is most like it"""

    @property
    def is_an_update(self) -> bool:
        """Only the collector is another one: an honest change that every terminal makes from time to time."""
        return self.differences.keys() == {"collector_version"}


_Machine = tuple[Desk, MachineTraits]


class MachineHistory:
    """The table of machines. The methods block and are thread-safe."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._written: OrderedDict[tuple[Desk, MachineTraits], str] = OrderedDict()
        """the day each was written last, so that a machine is written once a day"""

    def is_written_today(self, desk: Desk, traits: MachineTraits) -> bool:
        """Without the database: whether `remember` has nothing to do."""
        return self._written.get((desk, traits)) == self._today()

    def compare(self, desk: Desk, traits: MachineTraits) -> Unlike | None:
        """How it differs from every machine known at the desk; None where it is one of them, or the first."""
        with self._engine.connect() as connection:
            machines = _known(connection, desk)
        if not machines:  # the firm has them forgotten meanwhile: this one is to be written again
            self._written.pop((desk, traits), None)
        return _unlike(machines, traits)

    def remember(self, desk: Desk, traits: MachineTraits) -> Unlike | None:
        """The same, and know it from now on."""
        return self.remember_all([(desk, traits)])[0]

    def remember_all(self, machines: Sequence[_Machine]) -> list[Unlike | None]:
        """The same of several, in one transaction."""
        with writing(self._engine) as connection:
            known = _known_of(connection, {desk.investor for desk, _ in machines})
            unlike = [_now_known(known[desk.investor], desk, traits) for desk, traits in machines]
            now = stamp(self._clock())
            rows = [_values(machine) | {"seen_at": now} for machine in dict.fromkeys(machines)]
            connection.execute(insert_or_set(connection, MACHINE, "seen_at"), rows)
            _keep_newest_of(connection, known)
        for machine in machines:
            self._written[machine] = self._today()
        while len(self._written) > _WRITTEN_TODAY:
            self._written.popitem(last=False)
        return unlike

    def forget_old(self) -> int:
        """Drop machines without a login for long; returns how many."""
        oldest = stamp(self._clock() - KEPT)
        with writing(self._engine) as connection:
            return connection.execute(delete(MACHINE).where(MACHINE.c.seen_at < oldest)).rowcount

    def _today(self) -> str:
        return stamp(self._clock())[:10]


def forget_machines_of(connection: Connection, investor: Investor) -> int:
    """Forget an investor's machines, so that the next one of each desk is the first; returns how many."""
    return connection.execute(delete(MACHINE).where(_of(investor))).rowcount


def _known_of(connection: Connection, investors: set[Investor]) -> dict[Investor, list[_Machine]]:
    """Every machine of each, the one seen last first."""
    mine = MACHINE.c.investor_id.in_({investor.investor_id for investor in investors})
    brokers = MACHINE.c.broker_id.in_({investor.broker_id for investor in investors})
    known: dict[Investor, list[_Machine]] = {investor: [] for investor in investors}
    for row in connection.execute(select(MACHINE).where(brokers, mine).order_by(MACHINE.c.seen_at.desc())):
        desk = Desk(Investor(row.broker_id, row.investor_id), row.app_id, row.place)
        if desk.investor in known:
            known[desk.investor].append((desk, _traits(row)))
    return known


def _now_known(known: list[_Machine], desk: Desk, traits: MachineTraits) -> Unlike | None:
    """How it differs from those of its investor at the desk; it is one of them from now on."""
    unlike = _unlike([machine for at, machine in known if at == desk], traits)
    if (desk, traits) not in known:
        known.insert(0, (desk, traits))
    return unlike


def _keep_newest_of(connection: Connection, known: Mapping[Investor, Sequence[_Machine]]) -> None:
    for investor, machines in known.items():
        for desk, here in Counter(desk for desk, _ in machines).items():
            if here > MOST_OF_A_PLACE:
                _keep_newest(connection, _at(desk), MOST_OF_A_PLACE)
        if len(machines) > MOST_OF_AN_INVESTOR:
            _keep_newest(connection, _of(investor), MOST_OF_AN_INVESTOR)


def _known(connection: Connection, desk: Desk) -> list[MachineTraits]:
    known = select(MACHINE).where(_at(desk)).order_by(MACHINE.c.seen_at.desc())
    return [_traits(row) for row in connection.execute(known)]


def _unlike(machines: Iterable[MachineTraits], traits: MachineTraits) -> Unlike | None:
    least = min((traits.differences(machine) for machine in machines), key=len, default={})
    return Unlike(least) if least else None


def _keep_newest(connection: Connection, some: ColumnElement[bool], most: int) -> None:
    newest = select(MACHINE.c.seen_at).where(some).order_by(MACHINE.c.seen_at.desc()).offset(most - 1).limit(1)
    oldest = connection.execute(newest).scalar_one_or_none()
    if oldest is not None:
        connection.execute(delete(MACHINE).where(some, MACHINE.c.seen_at < oldest))


def _traits(row: Row[tuple[object, ...]]) -> MachineTraits:
    return MachineTraits(**{field.name: getattr(row, field.name) for field in fields(MachineTraits)})


def _of(investor: Investor) -> ColumnElement[bool]:
    return _are(asdict(investor))


def _at(desk: Desk) -> ColumnElement[bool]:
    return _are(asdict(desk.investor) | {"app_id": desk.app_id, "place": desk.place})


def _values(machine: _Machine) -> dict[str, object]:
    desk, traits = machine
    return asdict(desk.investor) | {"app_id": desk.app_id, "place": desk.place} | asdict(traits)


def _are(values: dict[str, object]) -> ColumnElement[bool]:
    return and_(*(MACHINE.c[name] == value for name, value in values.items()))
