"""Every setting of the relay: its name, meaning, unit, default and allowed values.

A setting is read from the TOML file and may be overridden by an environment variable
`CTP_RELAY__SECTION__KEY`. Relative paths are taken from the directory of the TOML file.

After a change here: a Chinese text in meanings.zh.toml, and `make gen`, which writes docs/settings.md. A setting that takes effect while the relay runs (SIGHUP) also needs a row in
`relay.taking`; without one it waits for a restart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from ctpabi.catalog import Distribution
from relay.settings.admin_section import AdminSettings
from relay.settings.bridge_section import BridgeSettings
from relay.settings.console_section import ConsoleSettings
from relay.settings.cts_section import CtsSettings
from relay.settings.ledger_section import LedgerSettings
from relay.settings.limits_section import Limits
from relay.settings.listen_section import Listen
from relay.settings.market_data_section import MarketDataSettings
from relay.settings.section import NEEDED, Section
from relay.settings.ufx_section import UfxSettings
from relay.settings.values import Count, Front, Seconds, is_loopback, split_list
from relay.settings.watch_section import AlarmSettings, Metrics, WatchSettings

ENVIRONMENT_PREFIX = "CTP_RELAY__"
CTP = "ctp"
SYSTEM_SECTIONS: tuple[str, ...] = ("cts", "ufx", "bridge")
"""the systems besides CTP; each has a section of its name below [counter]"""
_CTP_ALONE = frozenset(
    {
        "binding",
        "fronts",
        "relay_app_id",
        "relay_auth_code_file",
        "relay_auth_code",
        "user_product_info",
        "flow_dir",
    }
)
"""settings of [counter] that a counter of another system has no use for"""
_DEFAULT_MAX_SESSIONS = {"many_to_many": 50, "many_to_one": 1000}


class Relay(Section):
    """The relay itself."""

    name: str = Field(
        default="relay", pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="names the relay's ledger chain"
    )
    mode: Literal["many_to_many", "many_to_one"] = Field(
        default="many_to_many",
        description="many_to_many: every investor logs in at the counter; many_to_one: one operator serves them all",
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="equal processes that serve listen.address together, each with its own `sessions.max_per_process`; more than"
        " one need PostgreSQL as the ledger's database, and many_to_many. `ctp-relay serve --workers` overrides it",
    )
    state_dir: Path = Field(default=Path("var/relay"), description="directory for the database and the key file")
    control_socket: Path | None = Field(
        default=None,
        description="Unix socket on which commands such as `ctp-relay locks` reach the running relay; default:"
        " state_dir/control.sock",
    )
    core_dumps: bool = Field(
        default=False,
        description="true: the system may write the relay's memory, passwords included, to a core file, and programs of the"
        " same user such as py-spy and gdb may look into it; for finding a fault, not for production",
    )
    drain_seconds: Seconds = Field(default=30.0, description="seconds a stopping relay waits for terminals to leave")
    keep_warm_milliseconds: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0,
        description="a made-up order runs through the relay's own code, and no further, each so many milliseconds, so that real"
        " ones after a pause are quicker; 0: none. 5 is the useful value and costs about an eighth of a processor; counters with CTP's interface only",
    )
    compiled: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="run the order path as machine code, not in Python: auto where it is compiled on this machine, on does not"
        " start without it",
    )
    cpus: tuple[Annotated[int, Field(ge=0, le=4095)], ...] = Field(
        default=(),
        description="numbers of the processors the relay's threads may run on, those of all workers alike; empty: wherever the"
        " system puts them",
        examples=[(1,)],
    )


class Operator(Section):
    """The operator all investors share in many_to_one."""

    user_id: str = Field(max_length=15, min_length=1, description="operator's UserID at the counter", examples=["op01"])
    password_file: Path | None = Field(
        default=None,
        description="file with the operator's password, readable by the relay only",
        examples=["operator.secret"],
    )
    password: SecretStr | None = Field(
        default=None, description="the password itself; from the environment, never in the file"
    )


class CounterSettings(Section):
    """The broker's counter."""

    system: Literal["ctp", "cts", "ufx", "bridge"] = Field(
        default="ctp", description="which product it is; what is marked with a product's name is for that one alone"
    )
    binding: Literal["openctp-ctp", "openctp-tts"] = Field(
        default="openctp-ctp",
        description="the Python package through which the counter is called; openctp-tts, for a TTS counter, is installed with"
        " ctp-relay[tts]",
    )
    library: Path | None = Field(
        default=None,
        description="file of the vendor's trader library to use in the place of the one in `binding`'s package: a newer build, or"
        " the broker's own; with the same SONAME and API version, and writable by root or the relay's user alone. Default: the"
        " package's own",
    )
    native: Literal["auto", "on", "off"] = Field(
        default="auto", description="take events in C++, not in Python: auto where the library is, on compiles it first"
    )
    fronts: Annotated[tuple[Front, ...], BeforeValidator(split_list)] = Field(
        default=(),
        validate_default=True,
        json_schema_extra=NEEDED,
        description="addresses of the trading fronts; the API takes the one that answers first",
        examples=[["tcp://198.51.100.10:41205", "tcp://198.51.100.11:41205"]],
    )
    broker_id: str = Field(max_length=10, min_length=1, description="BrokerID", examples=["9999"])
    relay_app_id: str = Field(
        default="",
        validate_default=True,
        json_schema_extra=NEEDED,
        max_length=32,
        description="the relay's own AppID; differs per mode",
        examples=["firm_relay_1.0"],
    )
    relay_auth_code_file: Path | None = Field(
        default=None,
        description="file with the 16-character auth code of relay_app_id",
        examples=["relay_auth_code.secret"],
    )
    relay_auth_code: SecretStr | None = Field(
        default=None, description="the auth code itself; from the environment, never in the file"
    )
    user_product_info: str = Field(
        default="ctprelay", max_length=10, description="UserProductInfo shown in the broker's logs"
    )
    flow_dir: Path | None = Field(
        default=None, description="directory of the API's flow files; default: state_dir/flow"
    )
    production: bool = Field(
        default=True, description="false: the counter's evaluation edition (评测), for admission tests"
    )
    connect_timeout_seconds: Seconds = Field(
        default=10.0, description="seconds a front may take to accept the connection"
    )
    login_timeout_seconds: Seconds = Field(
        default=10.0, description="seconds the counter may take for each step of a login"
    )
    longest_pause_seconds: Seconds = Field(
        default=60.0,
        description="seconds the pause may grow to before a session that keeps breaking logs in again; 5 after refusals at least",
    )
    inits_per_second: Seconds = Field(
        default=5.0, description="new connections and logins a second; all come from one address"
    )
    operator: Operator | None = Field(default=None, description="needed in many_to_one")
    cts: CtsSettings | None = Field(default=None, description="needed where system is cts")
    bridge: BridgeSettings | None = Field(default=None, description="needed where system is bridge")
    ufx: UfxSettings | None = Field(default=None, description="needed where system is ufx")

    @field_validator("fronts", "relay_app_id")
    @classmethod
    def _needed_by_ctp(cls, value: Any, info: ValidationInfo) -> Any:
        if not value and info.data.get("system") == CTP:
            raise ValueError("is required where counter.system is ctp")
        return value

    def problem_of_system(self) -> str:
        """What is missing of the system that is chosen, or there of another; empty where all is well."""
        if self.system != CTP and (foreign := sorted(_CTP_ALONE & self.model_fields_set)):
            return f"counter.{foreign[0]}: is for counter.system ctp, which is {self.system} here"
        for system in SYSTEM_SECTIONS:
            given = getattr(self, system) is not None
            if given and system != self.system:
                return f"counter.{system}: is for counter.system {system}, which is {self.system} here"
            if not given and system == self.system:
                return f"counter.{system}: is required when counter.system is {system}"
        return ""


class DirectorySettings(Section):
    """Terminals and investors the relay admits."""

    url: SecretStr | None = Field(default=None, description="database URL; default: the ledger's database")
    secrets_key_file: Path | None = Field(
        default=None,
        description="key that encrypts the terminals' auth codes; default: state_dir/secrets.key, made once",
    )
    look_seconds: Seconds = Field(
        default=2.0,
        description="seconds between looks for terminals and investors that were disabled; their sessions end",
    )


class Verification(Section):
    """How a terminal's system info is judged before anything is reported."""

    genuineness: bool = Field(default=True, description="ask the vendor's library whether its collector made the bytes")
    collector_edition: Literal["production", "evaluation"] = Field(
        default="production", description="edition of the collector that terminals must use"
    )
    max_age_seconds: Seconds = Field(
        default=300.0, description="oldest collection accepted, in seconds before the login"
    )
    max_future_seconds: Seconds = Field(
        default=60.0, description="how far a terminal's clock may run ahead, in seconds"
    )
    timeout_seconds: Seconds = Field(
        default=2.0, description="seconds one judgement may take before the login is refused"
    )
    queue: Count = Field(default=64, description="judgements that may wait; more are refused")
    require_clean: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        default=(),
        description="kinds of collected info (ctp, hundsun …, or * for all) that are refused where the collector returned an"
        " error; default: none, the error is passed on to the counter",
        examples=[["hundsun"]],
    )
    passwords: Literal["taken", "proof_only"] = Field(
        default="taken",
        description="investors' passwords in many_to_one, unless the counter needs them (cts): `taken` takes a password or its proof; `proof_only` takes the proof alone, so"
        " that no password leaves a terminal. An investor whose password is kept as by versions before this setting must have logged"
        " in once with the password, or get a new one",
    )
    unlike_before: Literal["note", "refuse"] = Field(
        default="note",
        description="a machine that is unlike those the investor logged in from with this terminal at this address: `note` lets"
        " it in, with a ledger entry and an alarm; `refuse` does not, until `ctp-relay investor forget-machines`",
    )


class SessionSettings(Section):
    """Terminal sessions."""

    linger_seconds: Seconds = Field(default=60.0, description="seconds a session survives its broken stream")
    max_per_process: Count | None = Field(
        default=None,
        description="most terminal sessions of one process; default: 50 in many_to_many, where each needs an instance of"
        " the vendor's library, 1000 in many_to_one",
    )
    max_per_investor: Count = Field(
        default=4, description="most sessions one investor may have; each of several relay.workers counts its own"
    )
    journal_events: Count = Field(default=10000, description="events kept for each session to resume from")
    journal_bytes: Count = Field(default=8 * 1024 * 1024, description="bytes kept for each session to resume from")


class Trading(Section):
    """Requests on their way to the counter."""

    default_valid_for_milliseconds: Count = Field(
        default=3000, description="how long a request may wait in the relay when the terminal does not say"
    )


class LogSettings(Section):
    """Operator messages on standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is written"
    )
    format: Literal["auto", "console", "json", "journald"] = Field(
        default="auto",
        description="auto: console on a terminal, journald where systemd's journal reads the output, else json; journald makes"
        " each line a record whose facts are fields, such as CTP_RELAY_EVENT",
    )
    language: Literal["auto", "zh", "en"] = Field(
        default="auto",
        description="zh: each line says in Chinese too what its event means; auto: as the locale (LANG) is",
    )


class Settings(Section):
    """All settings; made by `relay.settings.file.load`."""

    relay: Relay = Relay()
    listen: Listen = Listen()
    counter: CounterSettings
    ledger: LedgerSettings = LedgerSettings()
    directory: DirectorySettings = DirectorySettings()
    verification: Verification = Verification()
    sessions: SessionSettings = SessionSettings()
    limits: Limits = Limits()
    trading: Trading = Trading()
    market_data: MarketDataSettings = MarketDataSettings()
    metrics: Metrics = Metrics()
    console: ConsoleSettings = ConsoleSettings()
    watch: WatchSettings = WatchSettings()
    alarms: AlarmSettings = AlarmSettings()
    log: LogSettings = LogSettings()
    admin: AdminSettings = AdminSettings()

    @property
    def max_sessions(self) -> int:
        """`sessions.max_per_process`, with the mode's default filled in."""
        return self.sessions.max_per_process or _DEFAULT_MAX_SESSIONS[self.relay.mode]

    def _problem_of_workers(self) -> str:
        """Why there cannot be several; empty where there can, or is one."""
        if self.relay.workers == 1:
            return ""
        if self.relay.mode != "many_to_many":
            return "relay.workers: must be 1 in many_to_one, where one operator's session serves all terminals"
        for key, url in (("ledger.url", self.ledger.url), ("directory.url", self.directory.url or self.ledger.url)):
            if url is None or not url.get_secret_value().startswith("postgresql"):
                return f"relay.workers: more than one need PostgreSQL in {key}; SQLite serves one process only"
        return ""

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        listen = self.listen
        if (listen.tls_certificate is None) != (listen.tls_key is None):
            raise ValueError("listen.tls_certificate and listen.tls_key: set both or neither")
        if listen.tls_certificate is None and not (listen.plaintext_on_loopback and is_loopback(listen.address)):
            raise ValueError(
                "listen.tls_certificate: is required; without TLS set listen.plaintext_on_loopback = true"
                " and a loopback listen.address"
            )
        if problem := self.counter.problem_of_system() or self._problem_of_workers():
            raise ValueError(problem)
        if self.market_data.enabled and self.counter.system != CTP:
            raise ValueError("market_data.enabled: is for counter.system ctp")
        has_own = self.counter.system == "bridge"
        if self.relay.mode == "many_to_one" and self.counter.operator is None and not has_own:
            raise ValueError("counter.operator: is required when relay.mode is many_to_one")
        if not (self.counter.production or Distribution(self.counter.binding).has_editions):
            raise ValueError(f"counter.production: {self.counter.binding} has no evaluation edition (评测)")
        if self.counter.production != (self.verification.collector_edition == "production"):
            wanted = "production" if self.counter.production else "evaluation"
            raise ValueError(
                f"verification.collector_edition: must be {wanted} as counter.production is"
                f" {str(self.counter.production).lower()}; the counter refuses reports of the other edition"
            )
        return self
