"""The catalog: every struct, request, callback and enum of one version of the CTP trader or market data API.

Built by `introspect` from the installed binding, kept as data in `ctpabi/generated/`.
Offsets and sizes are bytes of the C struct on x86-64; slots are positions in the C++ vtable.

* this module         what a catalog consists of
* `data`              reads and writes it as JSON
* `introspect`        builds it from the installed binding, without any vendor header; `introspect_source` reads the
                      binding's Python source for it, `naming` makes the protobuf names, `special_fields` knows what
                      cannot be introspected: binary fields and secrets
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Interface(StrEnum):
    """CTP's two C++ interfaces, by the word in the names of their classes: CThostFtdcMdApi."""

    TRADER = "Trader"
    MARKET_DATA = "Md"


class Distribution(StrEnum):
    """The Python bindings that can be loaded, by their names on the package index.

    Both have CTP's class names. openctp-tts has fewer methods and fields, in other slots and at other offsets, and a
    library of its own (CTP fact 84).
    """

    CTP = "openctp-ctp"
    TTS = "openctp-tts"

    @property
    def package(self) -> str:
        """What is imported: openctp_ctp."""
        return self.replace("-", "_")

    @property
    def has_editions(self) -> bool:
        """Whether an instance is made for production or for the evaluation edition (评测)."""
        return self is Distribution.CTP


class Kind(StrEnum):
    """How a field's bytes are read."""

    TEXT = "text"
    """char[n], NUL-terminated GB18030"""
    BYTES = "bytes"
    """char[n] whose content is binary or cut inside a character; its length is given elsewhere"""
    CHAR = "char"
    """one char; an enum where `Field.enum` names one"""
    INT = "int"
    SHORT = "short"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct."""

    name: str
    """CTP's name: BrokerID"""
    proto_name: str
    """name in the protobuf message: broker_id"""
    kind: Kind
    offset: int
    size: int
    """bytes, for TEXT including the terminating NUL"""
    type_name: str
    """CTP's typedef without TThostFtdc…Type: BrokerID"""
    enum: str
    """name in `Catalog.enums`, or empty"""
    doc: str
    """the vendor's Chinese comment"""
    length_field: str = ""
    """for BYTES: the field of the same struct that holds the content's length; empty where it ends at the first NUL"""


@dataclass(frozen=True, slots=True)
class Struct:
    """One CThostFtdc…Field struct."""

    name: str
    """without prefix and suffix: InputOrder"""
    size: int
    fields: tuple[Field, ...]
    doc: str

    def __hash__(self) -> int:
        # Plans are looked up by struct for every event; hashing 60 fields would cost more than the event.
        return hash(self.name)

    def field(self, name: str) -> Field:
        """The field called `name` (CTP's name); KeyError names struct and field."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name}")

    def has(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)


class Shape(StrEnum):
    """How a method of the API or the Spi is called."""

    REQUEST = "request"
    """int (S*, int nRequestID)"""
    REPORT = "report"
    """int (S*): Register/SubmitUserSystemInfo and the WeChat pair"""
    SUBSCRIPTION = "subscription"
    """int (char* names[], int nCount): the four Subscribe… of the market data API"""
    LIFECYCLE = "lifecycle"
    """everything else of the API: Init, Release, RegisterFront …"""
    RESPONSE = "response"
    """void (S*, RspInfo*, int nRequestID, bool bIsLast)"""
    RESPONSE_ERROR = "response_error"
    """void (RspInfo*, int nRequestID, bool bIsLast): OnRspError"""
    ERROR_NOTICE = "error_notice"
    """void (S*, RspInfo*): OnErrRtn…"""
    NOTICE = "notice"
    """void (S*): OnRtn…"""
    CONNECTION = "connection"
    """void () or void (int): OnFrontConnected, OnFrontDisconnected, OnHeartBeatWarning"""


@dataclass(frozen=True, slots=True)
class Method:
    """One virtual method of CThostFtdcTraderApi or CThostFtdcMdApi."""

    name: str
    slot: int
    shape: Shape
    struct: str
    """name in `Catalog.structs`, or empty"""
    proto_name: str
    """member of ctp.v1.Request's oneof, or empty: order_insert for ReqOrderInsert"""
    doc: str


@dataclass(frozen=True, slots=True)
class Callback:
    """One virtual method of CThostFtdcTraderSpi or CThostFtdcMdSpi."""

    name: str
    slot: int
    shape: Shape
    struct: str
    proto_name: str
    """member of ctp.v1.Event's oneof, or empty: rtn_order for OnRtnOrder"""
    doc: str

    def __hash__(self) -> int:
        # Looked up for every event.
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class EnumValue:
    name: str
    """CTP's constant without THOST_FTDC_: D_Buy"""
    proto_name: str
    """DIRECTION_BUY"""
    char: str
    """the character CTP sends: '0'; its protobuf number is ord(char)"""
    doc: str


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    """CTP's typedef without TThostFtdc…Type: Direction"""
    values: tuple[EnumValue, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """One version of one of the two APIs; market data's has only the structs that its methods and callbacks pass."""

    version: str
    """the distribution's version: 6.7.11.0"""
    structs: dict[str, Struct]
    methods: dict[str, Method]
    """all API virtuals by name; the 118 requests are those of Shape.REQUEST"""
    callbacks: dict[str, Callback]
    enums: dict[str, Enum]
    interface: Interface = Interface.TRADER
    distribution: Distribution = Distribution.CTP

    @property
    def requests(self) -> tuple[Method, ...]:
        return tuple(m for m in self.methods.values() if m.shape is Shape.REQUEST)
