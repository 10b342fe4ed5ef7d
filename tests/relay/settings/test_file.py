"""Which settings are accepted, from where, and what is said about the others."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.settings.file import (
    SettingsInvalid,
    directory_url,
    flow_dir,
    ledger_url,
    load,
    secrets_key_file,
    secrets_of,
)
from relay.settings.limits_section import Limits
from relay.settings.settings import Settings
from relay.settings.values import is_loopback, split_address

MINIMAL = """
[listen]
plaintext_on_loopback = true
[counter]
fronts = ["tcp://198.51.100.10:41205"]
broker_id = "9999"
relay_app_id = "firm_relay_1.0"
relay_auth_code_file = "code.secret"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "relay.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(path, environment or {})
    return "\n".join(caught.value.problems)


def test_few_settings_are_required(write: Write) -> None:
    """The rest has defaults."""
    settings = load(write(MINIMAL), {})

    assert settings.relay.mode == "many_to_many"
    assert settings.listen.max_message_bytes == 65536
    assert settings.verification.max_age_seconds == 300


def test_the_bound_of_sessions_follows_the_mode(write: Write) -> None:
    """An instance of the vendor's library for each terminal is many-to-many's; sixty terminals of one operator are few."""
    operator = "[counter.operator]\nuser_id = 'op01'\n"
    one = load(write(MINIMAL + operator + "[relay]\nmode = 'many_to_one'\n"), {})
    chosen = load(write(MINIMAL + "[sessions]\nmax_per_process = 70\n"), {})

    assert load(write(MINIMAL), {}).max_sessions == 50
    assert one.max_sessions == 1000
    assert chosen.max_sessions == 70


def test_the_environment_overrides_the_file(write: Write) -> None:
    """Numbers, truth values, lists with commas or as JSON, sections the file does not have."""
    settings = load(
        write(MINIMAL),
        {
            "CTP_RELAY__COUNTER__FRONTS": "tcp://192.0.2.1:1, ssl://192.0.2.2:2",
            "CTP_RELAY__LISTEN__TRUSTED_PROXIES": '["10.0.0.0/8"]',
            "CTP_RELAY__SESSIONS__LINGER_SECONDS": "5",
            "CTP_RELAY__VERIFICATION__GENUINENESS": "false",
            "CTP_RELAY__COUNTER__OPERATOR__USER_ID": "op01",
            "CTP_RELAY__LEDGER__URL": "postgresql+psycopg://u:hunter2@h/d",
            "UNRELATED": "x",
        },
    )

    assert settings.counter.fronts == ("tcp://192.0.2.1:1", "ssl://192.0.2.2:2")
    assert settings.listen.trusted_proxies == ("10.0.0.0/8",)
    assert settings.sessions.linger_seconds == 5
    assert settings.verification.genuineness is False
    assert settings.counter.operator is not None
    assert settings.counter.operator.user_id == "op01"
    assert ledger_url(settings).get_secret_value().endswith("hunter2@h/d")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("[listen]\nadress = '127.0.0.1:1'", "listen.adress: there is no such setting; did you mean address?"),
        ("[countre]\nx = 1", "countre: there is no such setting; did you mean counter?"),
        ("[relay]\nmode = 'one'", "relay.mode: .*many_to_many or many_to_one"),
        ("[relay]\nname = 'Über'", "relay.name: "),
        ("[sessions]\nlinger_seconds = 'soon'", "sessions.linger_seconds: .*number, greater than 0"),
        ("[sessions]\nlinger_seconds = 0", "sessions.linger_seconds: .*greater than 0"),
        ("[listen]\nmax_message_bytes = 5000000", "listen.max_message_bytes: .*at most 4194304"),
        ("[listen]\ntrusted_proxies = ['everybody']", "listen.trusted_proxies.0: "),
        ("[listen]\naddress = 'localhost'", "listen.address: must be HOST:PORT"),
        ("[relay]\nmode = 'many_to_one'", "counter.operator: is required when relay.mode is many_to_one"),
        (
            "[counter]\nproduction = false",
            "verification.collector_edition: must be evaluation as counter.production is",
        ),
        ("[listen]\ntls_certificate = 'x'", "listen.tls_certificate and listen.tls_key: set both or neither"),
        ("[listen]\nplaintext_on_loopback = false", "listen.tls_certificate: is required"),
        ("[listen]\naddress = '0.0.0.0:50051'", "listen.tls_certificate: is required"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(write: Write, addition: str, says: str) -> None:
    """By its dotted path."""
    section, _, rest = addition.partition("\n")
    text = MINIMAL.replace(section, f"{section}\n{rest}") if section in MINIMAL else MINIMAL + addition
    if rest.split(" ")[0] in MINIMAL:
        text = text.replace("plaintext_on_loopback = true\n", "")

    assert re.search(says, problems(write(text)))


BRIDGE = """
[listen]
plaintext_on_loopback = true
[counter]
system = "bridge"
broker_id = "9999"
[counter.bridge]
address = "127.0.0.1:50090"
operator_user = "8001"
operator_password_file = "operator.secret"
"""


def test_a_counter_that_is_not_ctps_needs_nothing_of_ctps(write: Write) -> None:
    """Neither fronts nor an app id nor its auth code, and in many_to_one no operator of CTP's."""
    settings = load(write(BRIDGE + '[relay]\nmode = "many_to_one"\n'), {})

    assert settings.counter.fronts == ()
    assert secrets_of(settings).relay_auth_code.get_secret_value() == ""
    assert settings.counter.bridge is not None
    assert settings.counter.bridge.operator_password_file.is_absolute()


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('system = "bridge"', 'system = "femas"', "counter.system: "),
        ("[counter.bridge]", "[other]", "other: there is no such setting"),
        (BRIDGE[BRIDGE.index("[counter.bridge]") :], "", "counter.bridge: is required when counter.system is bridge"),
        (
            'system = "bridge"',
            'fronts = ["tcp://198.51.100.1:1"]\nrelay_app_id = "a"',
            "counter.bridge: is for counter.system bridge, which is ctp here",
        ),
        (
            'broker_id = "9999"',
            'broker_id = "9999"\nrelay_app_id = "a"',
            "counter.relay_app_id: is for counter.system ctp",
        ),
        (
            "[listen]",
            '[market_data]\nenabled = true\nfronts = ["tcp://198.51.100.1:1"]\n[listen]',
            "market_data.enabled: ",
        ),
    ],
)
def test_a_section_of_another_system_is_named(write: Write, was: str, becomes: str, says: str) -> None:
    """And so is one that is missing."""
    assert says in problems(write(BRIDGE.replace(was, becomes)))


def test_all_problems_are_told_at_once(write: Write) -> None:
    """Nobody likes to mend a file line by line."""
    found = problems(write("[counter]\nfronts = ['http://x']\nbroker_id = ''\n"))

    for key in ("counter.fronts.0", "counter.broker_id", "counter.relay_app_id"):
        assert key in found


def test_wrong_values_are_not_shown(write: Write) -> None:
    """The value that is wrong may be a secret at the wrong key."""
    found = problems(write(MINIMAL + "[log]\nlevel = 'hunter2'\npassword = 'hunter3'\n"))

    assert "log.level" in found
    assert "hunter" not in found


def test_secrets_do_not_belong_in_the_file(write: Write) -> None:
    """They are named, with where they belong."""
    found = problems(write(MINIMAL + "relay_auth_code = 'ABCDEFGHJKLMNPQ1'\n"))

    assert "counter.relay_auth_code: belongs in CTP_RELAY__COUNTER__RELAY_AUTH_CODE or a file" in found
    assert "ABCDEF" not in found


@pytest.mark.parametrize("name", ["CTP_RELAY__FOO", "CTP_RELAY__COUNTER__FRONTS__0"])
def test_a_variable_that_fits_no_setting_is_named(write: Write, name: str) -> None:
    """A mistyped variable is not ignored."""
    assert name in problems(write(MINIMAL), {name: "x"})


def test_a_mistyped_variable_is_told_like_a_mistyped_key(write: Write) -> None:
    """With the setting that was probably meant."""
    assert "did you mean level?" in problems(write(MINIMAL), {"CTP_RELAY__LOG__LEVLE": "x"})


def test_a_missing_unreadable_or_malformed_file_is_told(tmp_path: Path, write: Write) -> None:
    """With the command that makes one."""
    assert "settings --example" in problems(tmp_path / "no.toml")
    assert "is not TOML" in problems(write("[relay"))
    assert "cannot be read" in problems(tmp_path)


def test_relative_paths_start_at_the_files_directory(write: Write, tmp_path: Path) -> None:
    """Wherever the command is started; so do the defaults that depend on them."""
    settings = load(write(MINIMAL + "[relay]\nstate_dir = 'state'\n"), {})

    assert settings.relay.state_dir == tmp_path / "state"
    assert settings.counter.relay_auth_code_file == tmp_path / "code.secret"
    assert ledger_url(settings).get_secret_value() == f"sqlite:///{tmp_path}/state/relay.sqlite3"
    assert directory_url(settings) == ledger_url(settings)
    assert secrets_key_file(settings) == tmp_path / "state" / "secrets.key"
    assert flow_dir(settings) == tmp_path / "state" / "flow"


def test_secrets_come_from_files_or_the_environment(write: Write, tmp_path: Path) -> None:
    """The environment goes before; neither is shown."""
    path = write(MINIMAL)
    with pytest.raises(SettingsInvalid, match=r"counter\.relay_auth_code_file: .*no such file"):
        secrets_of(load(path, {}))

    secret = tmp_path / "code.secret"
    secret.touch(mode=0o600)
    secret.write_text("ABCDEFGHJKLMNPQ1\n")
    secrets = secrets_of(load(path, {}))
    assert secrets.relay_auth_code.get_secret_value() == "ABCDEFGHJKLMNPQ1"
    assert "ABCDEF" not in repr(secrets)

    other = secrets_of(load(path, {"CTP_RELAY__COUNTER__RELAY_AUTH_CODE": "X" * 16}))
    assert other.relay_auth_code.get_secret_value() == "X" * 16


def test_the_operators_password_is_needed_in_many_to_one_only(write: Write) -> None:
    """And is asked for by its name."""
    environment = {"CTP_RELAY__COUNTER__RELAY_AUTH_CODE": "X" * 16, "CTP_RELAY__COUNTER__OPERATOR__USER_ID": "op01"}
    assert secrets_of(load(write(MINIMAL), environment)).operator_password is None

    many_to_one = load(write(MINIMAL + "[relay]\nmode = 'many_to_one'\n"), environment)
    with pytest.raises(SettingsInvalid, match=r"counter\.operator\.password_file: is required"):
        secrets_of(many_to_one)


def test_settings_do_not_change(write: Write) -> None:
    """What was checked stays what it is."""
    settings: Settings = load(write(MINIMAL), {})

    with pytest.raises(ValueError, match="frozen"):
        settings.relay.name = "other"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("0.0.0.0:1", False), ("relay.example:1", False)],
)
def test_loopback_is_recognized(address: str, loopback: bool) -> None:
    """Names are not resolved: only localhost counts."""
    assert is_loopback(address) is loopback


def test_addresses_are_split() -> None:
    """IPv6 in brackets."""
    assert split_address("[::1]:50051") == ("::1", 50051)
    for wrong in ("x", ":1", "x:y", "x:70000", "[:25", "[]:50051"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            split_address(wrong)


@pytest.mark.parametrize("name", ["app_id", "ip", "investor_everywhere"])
def test_a_setting_that_was_removed_says_what_holds_instead(write: Write, name: str) -> None:
    """Not another one that looks like it: `login_failures_per_investor` means something else."""
    found = problems(write(f"{MINIMAL}\n[limits]\nlogin_failures_per_{name} = 3"))

    assert f"limits.login_failures_per_{name}: there is no such setting any more; delete it" in found
    assert found.rpartition("limits.")[2] in Limits.model_fields


def test_the_process_environment_is_used_by_default(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one given."""
    for name in [name for name in os.environ if name.startswith("CTP_RELAY__")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CTP_RELAY__LOG__LEVEL", "debug")

    assert load(write(MINIMAL)).log.level == "debug"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CTP_RELAY_LISTEN__ADDRESS", "did you mean CTP_RELAY__LISTEN__ADDRESS?"),
        ("CTP_RELAY_LISTEN_ADDRESS", "did you mean CTP_RELAY__LISTEN__ADDRESS?"),
        ("ctp_relay_counter_operator__user_id", "did you mean CTP_RELAY__COUNTER__OPERATOR__USER_ID?"),
        ("CTP_RELAY_LISTEN__ADRESS", "it must be CTP_RELAY__SECTION__KEY"),
    ],
)
def test_a_variable_with_too_few_underscores_is_not_ignored(write: Write, name: str, says: str) -> None:
    """It is named, with the one that was meant."""
    assert problems(write(MINIMAL), {name: "x"}) == f"{name}: is not read; {says}"


@pytest.mark.parametrize("name", ["CTP_RELAY_PORT", "CTP_RELAY_SERVICE_HOST", "CTP_RELAY_CONFIG", "CTP_RELAYED"])
def test_variables_of_others_are_left_alone(write: Write, name: str) -> None:
    """A container platform names services so."""
    load(write(MINIMAL), {name: "tcp://10.0.0.1:50051"})
