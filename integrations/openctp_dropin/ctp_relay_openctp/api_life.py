"""The life of one API object, up to Init and from it: what is registered, and which front then stands behind it.

Until Init nothing runs, and requests return -1, as in the binding. At Init the fronts decide: relay:// is a relay's, any
other address the installed binding's. The settings' `front` takes the place of every address that the program registers.
"""

from __future__ import annotations

from typing import Any, Protocol

from ctp_relay_openctp.callbacks import SpiCaller
from ctp_relay_openctp.installed import InstalledApi
from ctp_relay_openctp.methods import api_class, expect, whole_number
from ctp_relay_openctp.structs import SwigPyObject, memory_of
from ctpabi.catalog import Catalog, Method
from terminal_client.trader_front import FrontSettings, is_relay_front, read_settings
from terminal_client.trader_front.front import BEFORE_LOGIN

NO_CONNECTION = -1
_REPORT_WITHOUT_SESSION = -4


class RelayBehind(Protocol):
    """A front of the relay's behind an API object."""

    @property
    def trading_day(self) -> str: ...

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int: ...

    def report(self, method: Method, body: bytes | bytearray) -> int: ...

    def subscribe(self, name: str, instruments: list[bytes]) -> int: ...

    def front_info(self) -> tuple[str, int, int]: ...

    def join(self) -> None: ...

    def release(self) -> None: ...


class MakeRelayBehind(Protocol):
    """Makes a relay's front, and starts it."""

    def __call__(self, life: ApiLife, fronts: list[str]) -> RelayBehind: ...


class ApiLife:
    """What is kept of one API object; also its `behind`, until Init has chosen another."""

    def __init__(
        self, catalog: Catalog, arguments: tuple[object, ...], make_relay: MakeRelayBehind, *, production: bool
    ) -> None:
        self.catalog = catalog
        self.caller = SpiCaller()
        self.production = production
        self.settings = FrontSettings()
        self.topics: dict[str, int] = {}
        self._arguments = arguments
        self._make_relay = make_relay
        self._registered: list[tuple[str, Any]] = []
        self._relay: RelayBehind | None = None
        self._installed: InstalledApi | None = None
        self._is_over = False

    # Before Init

    def register(self, name: str, value: Any) -> None:
        """RegisterFront, RegisterNameServer, RegisterFensUserInfo, Subscribe…Topic. SettingsUnusable, BindingMismatch."""
        if self._installed is not None:
            self._register_installed(self._installed, name, value)
        self._registered.append((name, value))
        if name == "RegisterFront":
            self.settings = read_settings()
            if self._relay_fronts() and any(not is_relay_front(one) for one in self._fronts()):
                raise ValueError(
                    "中继与其他前置不能混用 a relay's fronts and others cannot be mixed: register one kind"
                )

    def _fronts(self) -> list[str]:
        if self.settings.front:
            return [self.settings.front]
        return [value for name, value in self._registered if name == "RegisterFront"]

    def _relay_fronts(self) -> list[str]:
        return [front for front in self._fronts() if is_relay_front(front)]

    def begin(self) -> None:
        """Init; a second one does nothing."""
        if self._relay is not None or self._installed is not None or self._is_over:
            return
        fronts = self._relay_fronts()
        if fronts:
            self._relay = self._make_relay(self, fronts)
            return
        self._installed = InstalledApi(self.catalog, self._arguments, self.caller.put)
        others = [one for one in self._registered if not (one[0] == "RegisterFront" and self.settings.front)]
        if self.settings.front:
            others.append(("RegisterFront", self.settings.front))
        for name, value in others:
            self._register_installed(self._installed, name, value)
        self._installed.lifecycle("Init")

    def _register_installed(self, installed: InstalledApi, name: str, value: Any) -> None:
        made = installed.filled("FensUserInfo", value) if name == "RegisterFensUserInfo" else value
        installed.lifecycle(name, made)

    # From Init on

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        behind = self._relay or self._installed
        return NO_CONNECTION if behind is None else behind.call(method, body, request_id)

    def report(self, method: Method, body: bytes | bytearray) -> int:
        behind = self._relay or self._installed
        return _REPORT_WITHOUT_SESSION if behind is None else behind.report(method, body)

    def subscribe(self, name: str, instruments: list[bytes]) -> int:
        behind = self._relay or self._installed
        return NO_CONNECTION if behind is None else behind.subscribe(name, instruments)

    def trading_day(self) -> str:
        if self._relay is not None:
            return self._relay.trading_day
        return BEFORE_LOGIN if self._installed is None else str(self._installed.lifecycle("GetTradingDay"))

    def read_front_info(self, memory: bytearray) -> None:
        """GetFrontInfo: write address and frequencies into the struct's memory."""
        struct = self.catalog.structs["FrontInfo"]
        if self._installed is not None:
            memory[:] = self._installed.memory_after("GetFrontInfo", "FrontInfo")
        elif self._relay is not None:
            address, queries, packages = self._relay.front_info()
            front = struct.field("FrontAddr")
            raw = address.encode()[: front.size - 1].ljust(front.size, b"\0")
            memory[front.offset : front.offset + front.size] = raw
            for name, number in (("QryFreq", queries), ("FTDPkgFreq", packages)):
                field = struct.field(name)
                memory[field.offset : field.offset + field.size] = number.to_bytes(field.size, "little")

    def join(self) -> int:
        if self._relay is not None:
            self._relay.join()
        elif self._installed is not None:
            self._installed.lifecycle("Join")
        return 0

    def end(self) -> None:
        """Release."""
        self._is_over = True
        relay, self._relay = self._relay, None
        installed, self._installed = self._installed, None
        self.caller.spi = None
        if relay is not None:
            relay.release()
        if installed is not None:
            installed.release()


def api_of(
    catalog: Catalog, module: str, make_relay: MakeRelayBehind, most_arguments: int, more: dict[str, Any]
) -> type[Any]:
    """The class of an API: its requests by the catalog, its life from here; `more` are methods of the one interface."""
    kind = f"CThostFtdc{catalog.interface}Api"

    def create(*arguments: object) -> Any:
        _check_create(f"{kind}_CreateFtdc{catalog.interface}Api", arguments, most_arguments)
        new = object.__new__(made)
        new.__dict__["this"] = SwigPyObject(kind, bytearray(8))
        life = ApiLife(catalog, arguments, make_relay, production=arguments[most_arguments - 1 :] != (False,))
        new.__dict__["behind"] = life
        return new

    def register_spi(self: Any, *arguments: object) -> None:
        expect(f"{kind}_RegisterSpi", arguments, 1)
        spi = arguments[0]
        if spi is not None and not (
            isinstance(getattr(spi, "this", None), SwigPyObject) and hasattr(spi, "OnRspError")
        ):
            raise TypeError(f"in method '{kind}_RegisterSpi', argument 2 of type 'CThostFtdc{catalog.interface}Spi *'")
        self.behind.caller.spi = spi

    members: dict[str, Any] = {
        f"CreateFtdc{catalog.interface}Api": staticmethod(create),
        "GetApiVersion": staticmethod(lambda: f"v{catalog.version.rsplit('.', 1)[0]}_ctp_relay"),
        "RegisterSpi": register_spi,
        "RegisterFront": _registering(kind, "RegisterFront", _text_argument),
        "RegisterNameServer": _registering(kind, "RegisterNameServer", _text_argument),
        "RegisterFensUserInfo": _registering(kind, "RegisterFensUserInfo", _fens_argument),
        "Init": lambda self: self.behind.begin(),
        "Join": lambda self: self.behind.join(),
        "Release": lambda self: self.behind.end(),
        "GetTradingDay": lambda self: self.behind.trading_day(),
    }
    made = api_class(catalog, module, {**members, **more})
    return made


def topic_methods(kind: str) -> dict[str, Any]:
    """SubscribePrivateTopic, SubscribePublicTopic and GetFrontInfo: the trader's alone."""

    def subscribing(name: str) -> Any:
        def subscribe(self: Any, *arguments: object) -> None:
            expect(f"{kind}_{name}", arguments, 1)
            number = whole_number(arguments[0], f"{kind}_{name}", 2, "THOST_TE_RESUME_TYPE")
            self.behind.topics[name] = number
            self.behind.register(name, number)

        return subscribe

    def front_info(self: Any, *arguments: object) -> None:
        expect(f"{kind}_GetFrontInfo", arguments, 1)
        self.behind.read_front_info(memory_of(arguments[0], "FrontInfo", f"{kind}_GetFrontInfo"))

    names = ("SubscribePrivateTopic", "SubscribePublicTopic")
    return {**{name: subscribing(name) for name in names}, "GetFrontInfo": front_info}


def _registering(kind: str, name: str, argument: Any) -> Any:
    def register(self: Any, *arguments: object) -> None:
        expect(f"{kind}_{name}", arguments, 1)
        self.behind.register(name, argument(arguments[0], f"{kind}_{name}"))

    return register


def _text_argument(value: object, method: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"in method '{method}', argument 2 of type 'char *'")
    return value


def _fens_argument(value: object, method: str) -> bytes:
    return bytes(memory_of(value, "FensUserInfo", method))


def _check_create(name: str, arguments: tuple[object, ...], most: int) -> None:
    if len(arguments) > most:
        raise TypeError(f"{name} expected at most {most} arguments, got {len(arguments)}")
    for number, value in enumerate(arguments, 1):
        wanted, shown = (str, "char const *") if number == 1 else (bool, "bool")
        if not isinstance(value, wanted):
            raise TypeError(f"in method '{name}', argument {number} of type '{shown}'")
