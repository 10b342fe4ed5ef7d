"""Each finding, provoked by the real thing; and what an unharmed relay gets."""

from __future__ import annotations

import datetime as dt
import json
import os
import string
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from sqlalchemy import text

from relay.database.database import open_database, upgrade, writing
from relay.database.state_lock import StateLock
from relay.database.times import stamp
from relay.doctor import counter, machine
from relay.doctor.finding import FindingGravity, FindingRow
from relay.first_start import trial_certificate
from relay.ledger.chain import canonical
from relay.ledger.ledger import append
from tests.postgres import PostgresServer
from tests.relay.doctor.conftest import Patient

GRAVE, WARNING, OK = FindingGravity.GRAVE, FindingGravity.WARNING, FindingGravity.OK
ROWS = [
    row
    for name in ("files", "tls", "machine", "stores", "counter", "library")
    for row in vars(import_module(f"relay.doctor.rows.{name}")).values()
    if isinstance(row, FindingRow)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_the_same_in_both_languages(row: FindingRow) -> None:
    """The same places are filled in, and what is no good has advice."""
    places = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in row.text]
    assert places[0] == places[1]
    assert any("一" <= character <= "鿿" for character in row.text[0])
    assert row.gravity is OK or all(row.advice)


def test_names_of_findings_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_an_unharmed_relay_has_nothing_grave_before_it_serves(patient: Patient) -> None:
    found = patient.before_serving()

    assert [name for name, finding in found.items() if finding.gravity is GRAVE] == []
    assert {"secrets_readable", "certificate_fits", "state_new", "database_new", "key_new", "library_right"} <= set(
        found
    )
    assert not patient.state.exists(), "a look makes nothing"


def test_a_setting_that_is_wrong_is_the_only_finding(patient: Patient) -> None:
    patient.set("sessions.max_per_proces", 5)

    (finding,) = patient.findings().values()
    assert (finding.name, finding.gravity) == ("settings_wrong", GRAVE)
    assert "did you mean max_per_process" in finding.text[1]


def test_a_secret_that_others_can_read(patient: Patient) -> None:
    (patient.directory / "relay.secret").chmod(0o644)

    assert "chmod 600" in patient.before_serving()["secret_unusable"].text[0]


def test_a_state_directory_that_others_can_write(patient: Patient) -> None:
    patient.state.mkdir()
    patient.state.chmod(0o777)

    assert "chmod o-w" in patient.before_serving()["place_changeable"].text[1]


# TLS --------------------------------------------------------------------------------------------------------------


def test_a_key_of_another_certificate(patient: Patient) -> None:
    kept = (patient.directory / "relay.crt").read_bytes()
    patient.certify("127.0.0.1")
    (patient.directory / "relay.crt").write_bytes(kept)

    assert patient.before_serving()["key_of_another"].refuses


def test_a_key_that_others_can_read(patient: Patient) -> None:
    (patient.directory / "relay.key").chmod(0o640 | 0o004)

    assert "chmod 600" in patient.before_serving()["certificate_unusable"].text[0]


def test_an_expired_certificate_is_grave_and_served_anyway(patient: Patient) -> None:
    """Terminals behind a proxy that does not check it go on."""
    patient.certify("127.0.0.1", until=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))

    finding = patient.before_serving()["certificate_expired"]
    assert (finding.gravity, finding.refuses) == (GRAVE, False)


def test_a_certificate_that_expires_soon(patient: Patient) -> None:
    patient.certify("127.0.0.1", until=dt.datetime.now(dt.UTC) + dt.timedelta(days=6, hours=1))

    assert patient.before_serving()["certificate_expires_soon"].facts["days"] == 6


@pytest.mark.parametrize(
    ("names", "dialed", "address", "expected"),
    [
        (("127.0.0.1",), [], "127.0.0.1:0", "certificate_names_right"),
        (("relay.example.com",), [], "127.0.0.1:0", "certificate_names_another"),
        (("*.example.com",), ["relay.example.com"], "127.0.0.1:0", "certificate_names_right"),
        (("*.example.com",), ["a.relay.example.com"], "127.0.0.1:0", "certificate_names_another"),
        (("relay.example.com",), ["relay.example.com", "192.0.2.1"], "0.0.0.0:0", "certificate_names_another"),
        (("elsewhere.example.com",), [], "0.0.0.0:0", "certificate_names_unknown"),
    ],
)
def test_the_names_of_a_certificate(
    patient: Patient, names: tuple[str, ...], dialed: list[str], address: str, expected: str
) -> None:
    patient.certify(*names)
    patient.set("listen.address", address)
    patient.set("listen.names", dialed)

    assert expected in patient.before_serving()


def test_a_chain(patient: Patient) -> None:
    """Of an authority of one's own, in the wrong order, and whole."""
    root = trustme.CA()
    patient.certify("127.0.0.1", authority=root)
    assert "chain_of_own_authority" in patient.before_serving()

    middle = root.create_child_ca()
    patient.certify("127.0.0.1", authority=middle)
    with (patient.directory / "relay.crt").open("ab") as file:
        file.write(root.cert_pem.bytes())
    assert "chain_complete" in patient.before_serving()

    patient.certify("127.0.0.1", authority=middle)
    with (patient.directory / "relay.crt").open("ab") as file:
        file.write(trustme.CA().cert_pem.bytes())
    assert "chain_broken" in patient.before_serving()


def test_the_authorities_of_terminals(patient: Patient) -> None:
    """Right, expired, unreadable, and such that another user could add one."""
    trusted = patient.directory / "terminals.crt"
    trustme.CA().cert_pem.write_to_path(trusted)
    patient.set("listen.client_certificates", "required")
    patient.set("listen.client_ca", str(trusted))
    assert patient.before_serving()["client_ca_right"].facts["count"] == 1

    trusted.write_bytes(_expired_authority())
    assert not patient.before_serving()["client_ca_expired"].refuses
    trusted.chmod(0o666)
    assert "chmod o-w" in patient.before_serving()["client_ca_unusable"].text[1]
    trusted.chmod(0o644)
    trusted.write_text("rubbish")
    assert patient.before_serving()["client_ca_unusable"].refuses


def _expired_authority() -> bytes:
    made = trial_certificate.make_trial_files(["a"], dt.datetime.now(dt.UTC) - dt.timedelta(days=400))
    return made.authority


def test_registered_certificates_and_those_asked_for_go_together(patient: Patient) -> None:
    """One that nobody asks for protects nothing; an app id without one is refused where they are required."""
    patient.register("one", "two")
    engine = open_database(SecretStr(f"sqlite:///{patient.state / 'relay.sqlite3'}"))
    with writing(engine) as connection:
        connection.execute(text("UPDATE terminal SET certificates = 'name:a' WHERE app_id = 'one'"))
    engine.dispose()
    assert patient.before_serving()["certificates_not_asked"].facts["app_ids"] == "one"

    trustme.CA().cert_pem.write_to_path(patient.directory / "terminals.crt")
    patient.set("listen.client_certificates", "required")
    patient.set("listen.client_ca", "terminals.crt")
    assert patient.before_serving()["certificates_not_registered"].facts["app_ids"] == "two"


def test_the_certificate_of_the_admin_api(patient: Patient, free_port: int) -> None:
    patient.config.write_text(
        patient.config.read_text()
        + f'[admin]\naddress = "127.0.0.1:{free_port}"\ncertificate = "relay.crt"\nkey = "relay.key"\n'
        + 'client_authority = "none.crt"\n'
    )

    assert "none.crt" in patient.before_serving()["admin_certificate_unusable"].text[0]


def test_alarms_that_cannot_be_sent(patient: Patient) -> None:
    """A file of theirs is missing: the relay serves, and nobody would hear."""
    patient.config.write_text(patient.config.read_text() + '[alarms]\nwebhook_url_file = "none.secret"\n')

    assert "none.secret" in patient.before_serving()["alarm_secret_unusable"].text[0]


# The machine ------------------------------------------------------------------------------------------------------


def test_a_port_that_another_program_has(patient: Patient, listening: Callable[[], int]) -> None:
    patient.set("listen.address", f"127.0.0.1:{listening()}")

    finding = patient.before_serving()["port_taken"]
    assert finding.refuses
    assert f"{os.getpid()} (" in finding.text[0]


def test_the_port_of_market_data_is_tried_where_there_is_market_data(
    patient: Patient, listening: Callable[[], int]
) -> None:
    """A setting that is not used stands in no one's way."""
    patient.config.write_text(patient.config.read_text() + '[market_data]\nfronts = ["tcp://127.0.0.1:1"]\n')
    patient.set("market_data.address", f"127.0.0.1:{listening()}")
    before = patient.before_serving()
    patient.set("market_data.enabled", True)

    assert "port_taken" not in before
    assert "market_data.address" in patient.before_serving()["port_taken"].text[1]


def test_the_port_of_our_own_running_relay(patient: Patient, listening: Callable[[], int]) -> None:
    """For `doctor` all is well; for `serve` the state directory is another's."""
    patient.set("metrics.address", f"127.0.0.1:{listening()}")
    patient.state.mkdir(mode=0o700)
    with StateLock(patient.state / "relay.lock", "x"):
        beside, starting = patient.findings(), patient.before_serving()

    assert {"port_ours", "state_running"} <= set(beside)
    assert starting["state_in_use"].refuses
    assert str(os.getpid()) in starting["state_in_use"].text[0]


def test_one_port_for_two_things(patient: Patient, free_port: int) -> None:
    patient.set("metrics.address", f"127.0.0.1:{free_port}")
    patient.set("listen.address", f"127.0.0.1:{free_port}")

    assert patient.before_serving()["port_twice"].refuses


def test_an_address_of_another_machine(patient: Patient) -> None:
    patient.set("listen.address", "192.0.2.1:50051")

    assert patient.before_serving()["port_unusable"].refuses


@pytest.mark.parametrize(("files", "expected"), [(150, "descriptors_too_few"), (400, "descriptors_few")])
def test_few_descriptors(patient: Patient, files: int, expected: str) -> None:
    program = (
        "import json,sys; from pathlib import Path; from relay.doctor import machine; from relay.doctor.case import Case;"
        "from relay.settings.file import load;"
        "print(json.dumps([f.name for f in machine.check_descriptors(Case(load(Path(sys.argv[1])), True, None))]))"
    )
    command = ["prlimit", f"--nofile={files}", sys.executable, "-c", program, str(patient.config)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == [expected]


def test_another_time_zone(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, expected in (("America/New_York", "zone_another"), ("Asia/Shanghai", "zone_of_china")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert expected in patient.before_serving()
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ((-1, False, 0), "clock_unknown"),
        ((5, True, 16_000_000), "clock_not_synchronized"),
        ((0, False, 3000), "clock_synchronized"),
    ],
)
def test_the_clock(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, kernel: tuple[int, bool, int], expected: str
) -> None:
    """The kernel's answer is read, and it is said that the counter's clock was not."""
    assert machine.kernel_clock()[0] in range(-1, 6)
    monkeypatch.setattr(machine, "kernel_clock", lambda: kernel)

    finding = patient.before_serving()[expected]
    assert expected == "clock_unknown" or "only after a login" in finding.text[1]


def test_a_locale_that_cannot_be_built(patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ctpabi.locale.available", lambda: False)
    monkeypatch.setattr("ctpabi.locale.built", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert patient.before_serving()["locale_missing"].refuses


def test_a_disk_that_is_full(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_FULL_BYTES", 1 << 62)

    assert patient.before_serving()["disk_full"].refuses


def test_a_state_directory_that_is_a_file(patient: Patient) -> None:
    patient.state.touch(mode=0o600)

    assert patient.before_serving()["state_unwritable"].refuses


# What it keeps ----------------------------------------------------------------------------------------------------


def test_a_database_that_is_current(patient: Patient) -> None:
    patient.register("one")

    assert {"database_right", "key_fits"} <= set(patient.before_serving())


def test_a_sqlite_database_of_before_is_upgraded_at_the_start(patient: Patient) -> None:
    engine = open_database(SecretStr(f"sqlite:///{patient.state / 'relay.sqlite3'}"))
    upgrade(engine, "0003")
    engine.dispose()

    assert patient.before_serving()["database_upgraded_at_start"].gravity is OK


@pytest.mark.postgres
def test_postgresql_without_tables_of_before_and_down(
    patient: Patient, postgres_server: PostgresServer, postgres_url: str, free_port: int
) -> None:
    """Each is refused before anything is opened, and no password is shown."""
    patient.set("ledger.url", postgres_url)
    assert patient.before_serving()["database_old"].facts["present"] == "-"

    engine = open_database(SecretStr(postgres_url))
    upgrade(engine, "0003")
    assert patient.before_serving()["database_old"].facts["present"] == "0003"

    upgrade(engine)
    assert "database_right" in patient.before_serving()

    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    engine.dispose()
    patient.set("ledger.url", postgres_url.replace("postgres@", "reader@"))
    assert patient.before_serving()["database_read_only"].refuses

    patient.set("ledger.url", f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port}/d")
    down = patient.before_serving()["database_down"]
    assert down.refuses
    assert "hunter2" not in str(down)


def test_the_key_of_the_auth_codes(patient: Patient, tmp_path: Path) -> None:
    """Missing, another one, and one that reads some."""
    patient.register("one", "two")
    key = patient.state / "secrets.key"
    kept = key.read_bytes()
    key.unlink()
    assert patient.before_serving()["key_missing"].facts["count"] == 2

    patient.register("three", key=tmp_path / "other.key")
    key.write_bytes(kept)
    key.chmod(0o600)
    some = patient.before_serving()["key_reads_some"]
    assert (some.gravity, some.facts["app_ids"]) == (WARNING, "three")

    key.chmod(0o644)
    assert patient.before_serving()["key_unusable"].refuses
    key.unlink()
    patient.register(key=key)
    assert patient.before_serving()["key_of_another_database"].refuses


# The counter ------------------------------------------------------------------------------------------------------


def test_fronts(patient: Patient, listening: Callable[[], int], free_port: int) -> None:
    """One of two is enough; none is grave, but a relay may wait for its counter."""
    gone = f"tcp://127.0.0.1:{free_port}"
    patient.set("counter.fronts", [gone, f"tcp://127.0.0.1:{listening()}"])
    found = patient.findings()
    assert {"front_reached", "front_unreached"} <= set(found)
    assert "fronts_unreached" not in found

    patient.set("counter.fronts", [gone])
    none = patient.findings()["fronts_unreached"]
    assert (none.gravity, none.refuses) == (GRAVE, False)


@pytest.mark.parametrize(
    ("system", "where"),
    [("cts", 'address = "127.0.0.1:{}"'), ("ufx", 'servers = ["127.0.0.1:{}"]\nlibrary = "/opt/hundsun/libt2sdk.so"')],
)
def test_a_counter_of_another_system(patient: Patient, listening: Callable[[], int], system: str, where: str) -> None:
    """Its address is tried as a front is; nothing is said of a vendor's library."""
    text = patient.config.read_text()
    for of_ctp in ("fronts = ", "relay_app_id = ", "relay_auth_code_file = "):
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(of_ctp))
    text = text.replace("[counter]\n", f'[counter]\nsystem = "{system}"\n')
    patient.config.write_text(f"{text}[counter.{system}]\n{where.format(listening())}\n")
    found = patient.findings()

    assert "front_reached" in found
    assert "library_right" not in found


def test_a_library_that_is_replaced_or_another(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/x/shim")
    assert "/x/shim" in patient.before_serving()["library_replaced"].text[0]

    monkeypatch.setattr("ctpabi.api.binding.installed_version", lambda _: "6.6.9.0")
    other = patient.before_serving()["library_other"]
    assert other.refuses
    assert "6.6.9.0" in other.text[0]
    assert "6.6.9.0" in other.text[1]


def test_another_version_of_the_other_binding(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own catalog decides, and what is missing is said with the command that installs it."""
    patient.set("counter.binding", "openctp-tts")
    monkeypatch.setattr("importlib.metadata.version", lambda _: "6.7.11.0")  # right for openctp-ctp alone
    monkeypatch.setattr("ctpabi.api.binding.vendor_library", lambda _: None)
    other = patient.before_serving()["library_other"]
    assert (other.refuses, str(other.facts["wanted"])) == (True, "6.7.2.3")

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    wrong = patient.before_serving()["library_wrong"]
    assert wrong.refuses
    assert "ctp-relay[tts]" in wrong.text[0]


def test_system_info_is_judged_by_the_vendors_library(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real side process answers; one that cannot is grave."""
    assert "collector_not_judged" in patient.findings()
    patient.set("verification.genuineness", True)
    assert "6.7" in str(patient.findings()["collector_judged"].facts["version"])

    monkeypatch.setattr(counter, "command", lambda _: [sys.executable, "-c", "pass"])
    assert patient.findings()["collector_unjudgeable"].gravity is GRAVE


def test_what_the_counter_said_of_the_relay(patient: Patient) -> None:
    """From the latest authentication of this app id in the ledger."""
    patient.register()
    engine = open_database(SecretStr(f"sqlite:///{patient.state / 'relay.sqlite3'}"))
    assert "app_type_unknown" in patient.before_serving()

    def answered(at: int, app_id: str, **answer: object) -> None:
        now = dt.datetime(2026, 1, 5, 9, at, tzinfo=dt.UTC)
        for kind, data in (("counter_authenticate", {"relay_app_id": app_id}), ("counter_authenticate_answer", answer)):
            with writing(engine) as connection:
                append(connection, "relay/1", [(stamp(now), kind, f"s{at}", canonical(data))])

    answered(1, "relay_1.0", error_id=0, app_type="2")
    assert "app_type_right" in patient.before_serving()
    answered(2, "another_1.0", error_id=0, app_type="3")
    assert "app_type_right" in patient.before_serving(), "another app id's is none of ours"
    answered(3, "relay_1.0", error_id=0, app_type="3")
    wrong = patient.before_serving()["app_type_wrong"]
    assert (wrong.facts["needed"], wrong.refuses) == ("2", False)
    answered(4, "relay_1.0", error_id=63, error_msg="no")
    assert patient.before_serving()["relay_refused"].facts["error_id"] == 63
    engine.dispose()


def test_a_check_that_fails_hides_no_other(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "kernel_clock", lambda: 1 / 0)

    found = patient.before_serving()
    assert found["check_failed"].facts["check"] == "check_clock"
    assert "library_right" in found
