"""The commands, as somebody types them."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import pwd
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from relay.admin import ledger as admin_ledger
from relay.cli.app import app
from relay.database.database import DatabaseUnusable, open_database, writing
from relay.database.times import COUNTER_ZONE
from relay.ledger.chain import stored_text
from relay.ledger.export_file import sealed_lines
from relay.ledger.ledger import append, record_now
from relay.ledger.signing_key import open_signing_key
from relay.outside_text import is_plain
from relay.settings.text import example

CODE = "ABCDEFGHJKLMNPQ1"
Run = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a settings file and the relay's auth code, where commands are typed."""
    (tmp_path / "relay.toml").write_text(example(), encoding="utf-8")
    secret(tmp_path / "relay_auth_code.secret", CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CTP_RELAY_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def run(place: Path) -> Run:
    def run(*arguments: str, exit_code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, arguments, input=stdin)
        assert result.exit_code == exit_code, result.output
        return result

    return run


def secret(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


def certify(place: Path) -> None:
    """The certificate and key that the settings name."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    (place / "tls").mkdir()
    issued.cert_chain_pems[0].write_to_path(str(place / "tls" / "relay.crt"))
    issued.private_key_pem.write_to_path(str(place / "tls" / "relay.key"))
    (place / "tls" / "relay.key").chmod(0o600)


def written(result: Result) -> Any:
    return json.loads(result.stdout)


def ledger(run: Run) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in run("ledger", "export").stdout.splitlines()]
    return [row for row in rows if "kind" in row and row["kind"] != "admin_ledger_signing_key"]


def test_a_terminal_is_registered_with_a_code_it_has(run: Run, place: Path) -> None:
    """From a file, and the code is shown nowhere afterwards."""
    secret(place / "demo.secret", CODE)
    added = run("terminal", "add", "client_demo_1.0", "--auth-code-file", "demo.secret", "--mode", "many_to_one")
    listed = run("terminal", "list", "--json")

    (terminal,) = written(listed)
    assert added.stdout == "client_demo_1.0: registered\n"
    assert (terminal["app_id"], terminal["modes"], terminal["enabled"]) == ("client_demo_1.0", ["many_to_one"], True)
    assert CODE not in listed.stdout + run("ledger", "export").stdout


def test_which_reports_a_terminal_may_send_is_set_and_listed(run: Run) -> None:
    """Ordinary ones alone unless said otherwise; each change is in the ledger."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "add", "two", "--show-once", "--kind", "wechat")
    run("terminal", "kinds", "one", "--kind", "wechat", "--kind", "ordinary")
    refused = run("terminal", "kinds", "one", exit_code=1)

    listed = {row["app_id"]: row["kinds"] for row in written(run("terminal", "list", "--json"))}
    assert listed == {"one": ["ordinary", "wechat"], "two": ["wechat"]}
    assert "--kind" in refused.stderr
    assert "admin_terminal_kinds" in run("ledger", "tail").stdout


def test_a_new_code_is_shown_once_or_written_to_a_private_file(run: Run, place: Path) -> None:
    """Otherwise it would be lost, which is refused."""
    shown = written(run("terminal", "add", "one", "--show-once", "--json"))["auth_code"]
    run("terminal", "add", "two", "--write-auth-code", "two.secret")
    refused = run("terminal", "add", "three", exit_code=1)

    assert len(shown) == 16
    assert (place / "two.secret").stat().st_mode & 0o777 == 0o600
    assert len((place / "two.secret").read_text().strip()) == 16
    assert "would be lost" in refused.stderr
    assert [terminal["app_id"] for terminal in written(run("terminal", "list", "--json"))] == ["one", "two"]


def test_a_refused_change_leaves_no_code_behind(run: Run, place: Path) -> None:
    """A file with a code that never works would be given to a vendor."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "add", "one", "--write-auth-code", "one.secret", exit_code=1)
    run("terminal", "rotate", "two", "--write-auth-code", "two.secret", exit_code=1)

    assert not list(place.glob("o*.secret")) + list(place.glob("t*.secret"))


def test_the_audit_names_who_acted_whatever_the_environment_says(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's user, as the kernel knows it."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER", "SUDO_UID"):
        monkeypatch.setenv(variable, "somebody-else")
    run("terminal", "add", "one", "--show-once")

    data = ledger(run)[0]["data"]
    assert (data["by"], data["through"]) == (pwd.getpwuid(os.getuid()).pw_name, "command line")
    assert "somebody-else" not in str(data)


def test_a_secret_is_never_an_argument(run: Run) -> None:
    """There is no option that takes the code or a password itself."""
    run("terminal", "add", "one", "--auth-code", CODE, exit_code=2)
    run("investor", "add", "100001", "--password", "hunter2", exit_code=2)


def test_a_terminal_is_disabled_enabled_and_rotated(run: Run) -> None:
    """Each change in the next list."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "disable", "one")
    assert not written(run("terminal", "list", "--json"))[0]["enabled"]

    run("terminal", "enable", "one")
    run("terminal", "rotate", "one", "--auth-code-file", "-", stdin=CODE + "\n")
    assert written(run("terminal", "list", "--json"))[0]["enabled"]


def test_a_key_that_is_missing_is_named_and_not_made_anew(run: Run, place: Path) -> None:
    """Adding is refused; listing and shutting out still work; with the key back all is as before."""
    run("terminal", "add", "one", "--show-once")
    key, kept = place / "var" / "relay" / "secrets.key", place / "kept.key"
    key.rename(kept)

    refused = run("terminal", "add", "two", "--show-once", exit_code=3)
    listed = run("terminal", "list", "--json")
    run("terminal", "disable", "one")

    assert f"{key}: there is no such file" in refused.stderr
    assert not key.exists()
    assert [(row["app_id"], row["auth_code_readable"]) for row in written(listed)] == [("one", False)]
    assert "one was encrypted with another key" in listed.stderr
    kept.rename(key)
    (row,) = written(run("terminal", "list", "--json"))
    assert (row["auth_code_readable"], row["enabled"]) == (True, False)
    assert [entry["kind"] for entry in ledger(run)] == ["admin_terminal_add", "admin_terminal_disable"]


def test_a_key_that_is_lost_for_good_is_replaced_code_by_code(run: Run, place: Path) -> None:
    """Otherwise nothing but the database's administrator could help."""
    for app_id in ("one", "two"):
        run("terminal", "add", app_id, "--show-once")
    (place / "var" / "relay" / "secrets.key").unlink()

    run("terminal", "rotate", "one", "--show-once", exit_code=3)
    run("terminal", "rotate", "one", "--show-once", "--key-lost")
    half = written(run("terminal", "list", "--json"))
    run("terminal", "rotate", "two", "--show-once")

    assert [row["auth_code_readable"] for row in half] == [True, False]
    assert all(row["auth_code_readable"] for row in written(run("terminal", "list", "--json")))
    assert [row["data"]["with_another_key"] for row in ledger(run) if row["kind"] == "admin_terminal_rotate"] == [
        True,
        False,
    ]


def test_an_investor_is_registered_and_given_a_password(run: Run, place: Path) -> None:
    """From a file or standard input; the broker is the counter's unless given."""
    secret(place / "p.secret", "hunter2")
    run("investor", "add", "100001", "--password-file", "p.secret", "--account", "A1", "--account", "A2")
    run("investor", "add", "100002", "--broker", "8888", "--password-file", "-", stdin="hunter3\n")
    run("investor", "passwd", "100001", "--password-file", "-", stdin="hunter4\n")
    run("investor", "accounts", "100001", "--account", "A1", "--account", "A3")
    run("investor", "disable", "100001")
    listed = run("investor", "list", "--json")

    other, first = written(listed)
    assert (first["investor_id"], first["broker_id"], first["account_ids"]) == ("100001", "9999", ["A1", "A3"])
    assert not first["enabled"]
    assert other["broker_id"] == "8888"
    assert "hunter" not in listed.stdout + run("ledger", "export").stdout


def test_without_a_file_and_without_a_terminal_nobody_can_be_asked(run: Run) -> None:
    """Said instead of waiting for ever."""
    assert "nobody to ask" in run("investor", "add", "100001", exit_code=1).stderr


def test_every_change_is_in_the_ledger_and_its_failure_as_well(run: Run) -> None:
    """One entry for each command, with who gave it; of a refused one, that it failed."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "add", "one", "--show-once", exit_code=1)
    run("investor", "enable", "nobody", exit_code=1)

    entries = ledger(run)
    assert [entry["kind"] for entry in entries] == [
        "admin_terminal_add",
        "admin_terminal_add_failed",
        "admin_investor_enable_failed",
    ]
    assert all(entry["data"]["by"] for entry in entries)
    assert [entry["data"].get("why") for entry in entries] == [None, "EntryExists", "EntryUnknown"]


def test_the_ledger_is_verified(run: Run, place: Path) -> None:
    """Whole, with a head to keep elsewhere; the exported file too; a change in the file is named."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "disable", "one")
    verdict = written(run("ledger", "verify", "--json"))
    head = verdict["chains"][0]["head"]["hash"]
    run("ledger", "export", "--output", "ledger.json")

    assert verdict["whole"]
    assert "is whole" in run("ledger", "verify", "--expect-head", head).stdout
    assert "is whole" in run("ledger", "verify", "--file", "ledger.json", "--expect-head", head).stdout
    assert "no entry has the expected head" in run("ledger", "verify", "--expect-head", "0f" * 32, exit_code=1).stderr
    exported = place / "ledger.json"
    assert exported.stat().st_mode & 0o777 == 0o600
    exported.write_text(exported.read_text().replace('"one"', '"two"', 1))
    sent = run("ledger", "verify", "--file", "ledger.json", exit_code=1).stderr
    assert "relay/admin entry 1: was changed" in sent
    assert "the signature does not fit" in sent


def _same(at: dt.datetime) -> dt.datetime:
    return at


def test_the_files_of_following_days_fit_each_other(run: Run, place: Path) -> None:
    """The second trading day's file has its night, is whole by itself, follows the first's, and is signed by the key that is shown."""
    database = open_database(SecretStr(f"sqlite:///{place / 'var/relay/relay.sqlite3'}"))
    run("terminal", "list")
    for hour in (9, 20, 33, 40):
        at = dt.datetime(2026, 1, 5, tzinfo=COUNTER_ZONE) + dt.timedelta(hours=hour)
        record_now(database, "relay", partial(_same, at), "terminal_refused", {"message": "a\u2028b"})
    database.dispose()
    for day in ("2026-01-05", "2026-01-06"):
        run("ledger", "export", "--day", day, "--output", f"{day}.jsonl")
    key = run("ledger", "public-key").stdout.strip()
    both = ("--file", "2026-01-05.jsonl", "--file", "2026-01-06.jsonl")

    verdict = written(run("ledger", "verify", "--file", "2026-01-06.jsonl", "--public-key", key, "--json"))
    assert (verdict["whole"], verdict["signed_by"], verdict["chains"][0]["entries"]) == (True, key, 3)
    assert verdict["chains"][0]["head"]["sequence"] == 4
    run("ledger", "verify", *both, "--public-key", key)
    swapped = run("ledger", "verify", *both[2:], *both[:2], exit_code=1)
    assert "relay: the file that follows begins after entry 0, the one before it ends with entry 4" in swapped.stderr
    other = run("ledger", "verify", "--file", "2026-01-06.jsonl", "--public-key", "0f" * 32, exit_code=1)
    assert "signed by another key" in other.stderr


def test_a_trading_day_is_sealed_and_one_entry_proved(run: Run, place: Path) -> None:
    """The commands of cron and of the regulator's question, with their exit codes."""
    run("ledger", "day", "--trading-day", "2026-01-05", exit_code=0)
    assert "sealed" in run("ledger", "day").stdout
    days = list((place / "var" / "relay" / "ledger_days").glob("*.jsonl"))

    assert [path.name for path in days] == ["ledger-2026-01-05.jsonl"]
    (again,) = written(run("ledger", "day", "--trading-day", "2026-01-05", "--json"))
    assert (again["name"], again["is_new"]) == ("2026-01-05", False)
    assert "not over" in run("ledger", "day", "--trading-day", "2999-01-01", exit_code=1).stderr
    assert "in no sealed day" in run("ledger", "prove", "relay/admin#1", exit_code=1).stderr
    assert written(run("ledger", "verify", "--json"))["sealed_until"] == "2026-01-05"


def test_what_is_no_ledger_file_is_named(run: Run, place: Path) -> None:
    """Something else is no whole ledger; a line that is no entry is named by its number."""
    run("terminal", "add", "one", "--show-once")
    run("ledger", "export", "--output", "whole.jsonl")
    first, second, *_, last = (f"{line}\n" for line in (place / "whole.jsonl").read_text().split("\n")[:-1])
    for name, text, says in (
        ("else", "[1, 2]\n", "line 1 is not the first line"),
        ("entries only", second, "line 1 is not the first line"),
        ("no entry", first + '{"chain": [{}]}\n' + last, "line 2 is not an exported entry"),
        ("deep", first + "[" * 100_000 + "\n" + last, "line 2 is not an exported entry"),
        ("cut", first + second, "cut off"),
    ):
        (place / name).write_text(text)
        assert says in run("ledger", "verify", "--file", name, exit_code=1).stderr


def test_a_public_key_is_for_files(run: Run) -> None:
    """It would be passed over without a word."""
    sent = run("ledger", "verify", "--public-key", "5a1e", exit_code=1).stderr

    assert "--file" in sent


def test_a_failed_export_leaves_no_file(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stand in the way of the next one."""
    run("terminal", "add", "one", "--show-once")
    with monkeypatch.context() as broken:
        broken.setattr(admin_ledger, "login_lines", _failing)
        run("ledger", "export", "--format", "line", "--output", "day", exit_code=1)

    assert not (place / "day").exists()


def _failing(*_: object) -> Iterator[str]:
    yield "the first line"
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_path_that_cannot_be_used_is_named(run: Run, place: Path) -> None:
    """One line with the path and the reason, no traceback."""
    run("terminal", "add", "one", "--show-once")
    sent = run("ledger", "export", "--output", "missing/ledger.jsonl", exit_code=1)

    assert sent.stderr.splitlines()[-1] == "missing/ledger.jsonl: No such file or directory"


def test_the_ledger_is_exported_by_day_and_form(run: Run) -> None:
    """CSV with a header; nothing on another day; no overwriting."""
    run("terminal", "add", "one", "--show-once")

    assert run("ledger", "export", "--format", "csv").stdout.startswith("chain,sequence,at,kind,")
    assert run("ledger", "export", "--format", "line").stdout == ""
    assert '"kind"' not in run("ledger", "export", "--day", "2001-01-01").stdout
    assert "no day" in run("ledger", "export", "--day", "yesterday", exit_code=1).stderr
    run("ledger", "export", "--output", "x.json")
    assert "exists already" in run("ledger", "export", "--output", "x.json", exit_code=1).stderr


def test_the_newest_entries_are_shown(run: Run) -> None:
    """A line each for people, or as JSON lines."""
    run("terminal", "add", "one", "--show-once")
    run("terminal", "disable", "one")

    first, second = run("ledger", "tail").stdout.splitlines()
    (line,) = run("ledger", "tail", "-n", "1", "--json").stdout.splitlines()
    assert "relay/admin#1 admin_terminal_add" in first
    assert f"app_id=one by={ledger(run)[0]['data']['by']}" in second
    assert json.loads(line)["kind"] == "admin_terminal_disable"


def test_what_terminals_sent_cannot_play_with_the_screen(run: Run, place: Path) -> None:
    """Escape sequences in the ledger are shown by their numbers."""
    run("terminal", "list")
    engine = open_database(SecretStr(f"sqlite:///{place}/var/relay/relay.sqlite3"))
    record_now(engine, "relay", lambda: dt.datetime.now(dt.UTC), "terminal_refused", {"app_id": "\x1b[2Jx"})
    engine.dispose()

    shown = run("ledger", "tail").stdout
    assert "\x1b" not in shown
    assert "app_id=\\x1b[2Jx" in shown


def test_settings_are_shown_without_secrets(run: Run, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Checked, shown, written as example and page."""
    certify(place)
    monkeypatch.setenv("CTP_RELAY__LEDGER__URL", "postgresql+psycopg://u:hunter2@127.0.0.1/d")
    shown = run("settings")

    assert "hunter2" not in shown.stdout
    assert written(shown)["counter"]["broker_id"] == "9999"
    assert "all settings are right" in run("settings", "--check").stdout
    assert run("settings", "--example").stdout == example()
    assert run("settings", "--markdown").stdout.startswith("# Settings")


def test_failures_have_their_exit_codes(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    """3 for settings and secret files, 4 for databases, one message and no traceback."""
    missing = run("terminal", "list", "-c", "no.toml", exit_code=3)
    assert "no such file" in missing.stderr
    assert "Traceback" not in missing.output

    (place / "relay_auth_code.secret").chmod(0o644)
    assert "chmod 600" in run("settings", "--check", exit_code=3).stderr

    monkeypatch.setenv("CTP_RELAY__LEDGER__URL", f"postgresql+psycopg://u:hunter2@127.0.0.1:{free_port}/d")
    down = run("ledger", "verify", exit_code=4)
    assert "does not answer" in down.stderr
    assert "hunter2" not in down.output


def test_the_database_is_upgraded(run: Run) -> None:
    """Once; again it is where it was."""
    first = written(run("database", "upgrade", "--json"))
    again = written(run("database", "upgrade", "--json"))

    assert first[0]["before"] == "no tables"
    assert again[0]["before"] == again[0]["now"] == first[0]["now"]


def test_every_file_the_settings_point_to_is_checked_at_once(run: Run, place: Path) -> None:
    """Before the counter is troubled with a login, each by its key."""
    with (place / "relay.toml").open("a") as file:
        file.write('[counter.operator]\nuser_id = "op01"\npassword_file = "operator.secret"\n')
    text = (place / "relay.toml").read_text().replace('# mode = "many_to_many"', 'mode = "many_to_one"')
    (place / "relay.toml").write_text(text)
    (place / "relay_auth_code.secret").unlink()

    for command in (("settings", "--check"), ("serve",)):
        sent = run(*command, exit_code=3).stderr
        assert "counter.relay_auth_code_file: " in sent
        assert "counter.operator.password_file: " in sent
        assert "listen.tls_certificate, listen.tls_key: " in sent
    certify(place)
    secret(place / "relay_auth_code.secret", CODE)
    secret(place / "operator.secret", "hunter2")
    assert "all settings are right" in run("settings", "--check").stdout


def test_a_name_that_is_no_text_is_told_in_words(run: Run) -> None:
    """As a shell may pass it on."""
    sent = run("terminal", "disable", "\udcff", exit_code=1).stderr

    assert sent.splitlines()[-1] == "an argument is not UTF-8 text"


def takes_a_free_port(place: Path) -> None:
    """Before it serves it looks whether the port is free; another relay of this machine may have the usual one."""
    settings = place / "relay.toml"
    settings.write_text(settings.read_text().replace('# address = "127.0.0.1:50051"', 'address = "127.0.0.1:0"'))


def test_serving_starts_with_checked_settings(run: Run, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """The server gets the settings; without the auth code it is not started."""
    started: list[Any] = []

    class Server:
        @staticmethod
        def run(settings: Any, load: Callable[[], Any], note: Callable[[], None]) -> None:
            note()
            started.append(settings)
            assert load() == settings, "a reload reads the same file"

    monkeypatch.setattr("relay.cli.serve._part", lambda _: Server)
    certify(place)
    takes_a_free_port(place)
    run("serve")
    (place / "relay_auth_code.secret").unlink()
    run("serve", exit_code=3)

    assert [settings.counter.broker_id for settings in started] == ["9999"]


def test_serving_ends_with_the_databases_code(run: Run, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """A database that is not as it must be is said in one line."""

    class Server:
        @staticmethod
        def run(*_: object) -> None:
            raise DatabaseUnusable("the database has no tables")

    monkeypatch.setattr("relay.cli.serve._part", lambda _: Server)
    certify(place)
    takes_a_free_port(place)

    assert run("serve", exit_code=4).stderr.splitlines()[-1] == "the database has no tables"


def test_help_and_version() -> None:
    """Examples and exit codes stand in the help."""
    runner = CliRunner(env={"COLUMNS": "200"})

    assert "Exit codes" in runner.invoke(app, ["--help"]).output
    assert "Example" in runner.invoke(app, ["terminal", "add", "--help"]).output
    assert runner.invoke(app, ["--version"]).exit_code == 0


def verdict_of(result: Result) -> tuple[bool, Any]:
    verdict = written(result)
    return verdict["whole"], verdict["problems"]


def test_where_nothing_is_nothing_is_whole(run: Run, place: Path) -> None:
    """An exit code of its own: an empty file, a signed file without a chain, a database without an entry."""
    assert verdict_of(run("ledger", "verify", "--json", exit_code=5)) == (False, [])
    emptied = run("ledger", "verify", exit_code=5)
    (place / "empty.jsonl").touch()
    of_file = run("ledger", "verify", "--file", "empty.jsonl", exit_code=5)
    run("ledger", "public-key")
    lines = sealed_lines({}, (), key=open_signing_key(place / "var/relay/ledger_signing.key"))
    (place / "signed.jsonl").write_text("".join(lines))
    signed = run("ledger", "verify", "--file", "signed.jsonl", exit_code=5)

    for result in (emptied, of_file, signed):
        assert "nothing to verify" in result.stderr
        assert "is whole" not in result.output


OUTSIDE = "a\x1b[2J\x9b31m\u202e\u2028the ledger is whole\n[red]b[/red]\u200b"


def test_a_ledger_with_anything_in_it_is_shown_and_proves_itself(run: Run, place: Path) -> None:
    """Kept as it came by an earlier version: the console, the tables and every export are harmless, and verify."""
    run("terminal", "list")
    engine = open_database(SecretStr(f"sqlite:///{place}/var/relay/relay.sqlite3"))
    with writing(engine) as connection:
        append(connection, "relay", [("2026-01-05T09:00:00.000000+08:00", "k", "", stored_text({"x": OUTSIDE}))])
    record_now(engine, "relay", lambda: dt.datetime.now(dt.UTC), "k", {OUTSIDE: OUTSIDE})
    engine.dispose()

    said = [run("ledger", "tail").stdout, run("ledger", "tail", "--json").stdout]
    said += [run("ledger", "export", "--format", form).stdout for form in ("json", "csv", "line")]
    (place / "whole.jsonl").write_text(run("ledger", "export").stdout, newline="")
    assert [text for text in said if not all(map(is_plain, text.split("\n")))] == []
    assert "[red]b[/red]" in said[0]
    assert verdict_of(run("ledger", "verify", "--json", "--file", "whole.jsonl")) == (True, [])
    assert verdict_of(run("ledger", "verify", "--json")) == (True, [])


def test_a_file_cannot_speak_in_the_relays_name(run: Run, place: Path) -> None:
    """A chain that is called like a verdict, with a line end before it."""
    run("terminal", "add", "one", "--show-once")
    run("ledger", "export", "--output", "whole.jsonl")
    text = (place / "whole.jsonl").read_text()
    name = json.loads(text.split("\n")[1])["chain"]
    (place / "forged.jsonl").write_text(text.replace(f'"{name}"', json.dumps("x\n\x1b[1mthe ledger is whole\ud800")))

    refused = run("ledger", "verify", "--file", "forged.jsonl", exit_code=1)
    as_json = run("ledger", "verify", "--json", "--file", "forged.jsonl", exit_code=1)
    assert "the ledger is whole" not in refused.output.split("\n")
    assert all(map(is_plain, (refused.output + as_json.output).split("\n")))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a = " + b"[" * 100_000, "settings.toml:"),
        (b"\xff\xfe", "cannot be read"),
        (b"#" * (1024 * 1024 + 1), "no settings file"),
        ("a = '\u202e'\n\x1b[31m".encode(), "settings.toml:"),
    ],
    ids=["deep", "no text", "huge", "control characters"],
)
def test_settings_that_are_none_are_refused_in_words(run: Run, place: Path, content: bytes, says: str) -> None:
    """Whatever the file holds."""
    (place / "settings.toml").write_bytes(content)

    refused = run("settings", "-c", "settings.toml", exit_code=3)
    assert says in refused.stderr
    assert all(map(is_plain, refused.output.split("\n")))


def test_an_account_is_what_ctp_can_carry(run: Run, place: Path) -> None:
    """What the firm types is shown in tables, too."""
    secret(place / "p.secret", "hunter2")
    for account in ("1\u202e", "1" * 13, ""):
        refused = run("investor", "add", "1", "--password-file", "p.secret", "--account", account, exit_code=1)
        assert "an account id has" in refused.stderr


@pytest.mark.parametrize("command", [("settings", "--check"), ("serve",)], ids=["check", "serve"])
def test_a_relay_does_not_start_where_every_user_can_write(run: Run, place: Path, command: tuple[str, ...]) -> None:
    """State directory, control socket and TLS key, all at once, each with the command that mends it."""
    certify(place)
    (place / "relay.toml").write_text(example().replace("# control_socket = …", 'control_socket = "run/c.sock"'))
    for name in ("var", "var/relay", "run"):
        (place / name).mkdir()
    (place / "var/relay").chmod(0o777)
    (place / "run").chmod(0o777)
    (place / "tls/relay.key").chmod(0o644)

    refused = run(*command, exit_code=3)
    assert f"relay.state_dir: {place}/var/relay: every user can write there; run: chmod o-w" in refused.stderr
    assert f"relay.control_socket: {place}/run: every user can write there; run: chmod o-w" in refused.stderr
    assert "relay.key: others than its owner can use it; run: chmod 600" in refused.stderr


def test_a_database_that_every_user_can_write_is_not_opened(run: Run, place: Path) -> None:
    """By no command: what it says proves nothing."""
    run("terminal", "list")
    database = place / "var/relay/relay.sqlite3"
    database.chmod(0o666)

    refused = run("ledger", "verify", exit_code=4)
    assert f"{database}: every user can write there; run: chmod o-w {database}" in refused.stderr
