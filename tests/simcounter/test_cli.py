"""The command `ctp-simcounter`, as a shell sees it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from simcounter.cli import app
from simcounter.config import CounterConfig, load_config, paced_config
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import AUTH_CODES, INVESTOR_RELAY_APP_ID, password_of, users
from simcounter.serving import introduction, key_beside
from tests.simcounter.raw_shim import RawShim

ROOT = Path(__file__).resolve().parents[2]
QUERIES = """
import json, queue, sys
from openctp_ctp import tdapi
heard = queue.Queue()
class Spi(tdapi.CThostFtdcTraderSpi):
    def OnFrontConnected(self): heard.put(None)
    def OnRspAuthenticate(self, body, info, number, last): heard.put(info.ErrorID)
    def OnRspUserLogin(self, body, info, number, last): heard.put(info.ErrorID)
    def OnRspError(self, info, number, last): heard.put(info.ErrorID)
    def OnRspQryInvestor(self, body, info, number, last): heard.put(0)
spi, api = Spi(), tdapi.CThostFtdcTraderApi.CreateFtdcTraderApi("")
api.RegisterSpi(spi)
api.RegisterFront("tcp://203.0.113.7:10201")
api.Init()
heard.get(timeout=200)
who = tdapi.CThostFtdcReqAuthenticateField()
who.BrokerID, who.UserID, who.AppID, who.AuthCode = "9999", "100001", "simnow_client_test", "0000000000000000"
api.ReqAuthenticate(who, 1)
assert heard.get(timeout=200) == 0
login = tdapi.CThostFtdcReqUserLoginField()
login.BrokerID, login.UserID, login.Password = "9999", "100001", "demo-100001"
api.ReqUserLogin(login, 2)
assert heard.get(timeout=200) == 0
errors = []
for number in range(3, 3 + int(sys.argv[1])):
    api.ReqQryInvestor(tdapi.CThostFtdcQryInvestorField(), number)
    errors.append(heard.get(timeout=200))
    if errors[-1]:
        break
info = tdapi.CThostFtdcFrontInfoField()
api.GetFrontInfo(info)
print(json.dumps({"errors": errors, "frequencies": [info.QryFreq, info.FTDPkgFreq]}), flush=True)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`ctp-simcounter run` in a process of its own, and what it printed until it was ready."""
    command = [sys.executable, "-m", "simcounter.cli", "run", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen(
        [*command, "--database", str(tmp_path / "tmdb.sqlite3")], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    try:
        yield process, "".join(lines)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_running_counter_is_controlled_stopped_and_reported(
    running: tuple[subprocess.Popen[str], str], runner: CliRunner, tmp_path: Path
) -> None:
    """run, control status, control refuse, SIGTERM, report."""
    process, printed = running
    control = re.search(r"control\s+(\S+)", printed)
    assert control is not None

    status = runner.invoke(app, ["control", "status", "--address", control[1]])
    assert json.loads(status.stdout)["connections"] == 0
    refuse = ["control", "refuse", "method=ReqUserLogin", "error_id=3", "--address", control[1]]
    assert runner.invoke(app, refuse).exit_code == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0

    report = runner.invoke(app, ["report", "--database", str(tmp_path / "tmdb.sqlite3"), "--json"])
    assert (report.exit_code, report.stdout) == (0, "")


def test_wrong_commands_are_answered_with_what_is_wrong(
    running: tuple[subprocess.Popen[str], str], runner: CliRunner
) -> None:
    """Unknown commands and arguments fail, and the counter lives on."""
    control = re.search(r"control\s+(\S+)", running[1])
    assert control is not None
    address = ["--address", control[1]]

    wrong = {
        "nonsense": "no command nonsense",
        "refuse": "missing 2 required",
        "refuse oops": "not NAME=VALUE",
        "refuse method=ReqUserLogon error_id=3": "unknown method ReqUserLogon",
        "refuse method=ReqUserLogin error_id=three": "error_id must be a whole number",
        "refuse method=ReqUserLogin error=3": "no argument error; there are method, error_id",
        "delay callback=OnRspUserLogon seconds=1": "unknown callback OnRspUserLogon",
        "foreign_rows method=ReqQryOrders": "unknown method ReqQryOrders",
        "session_limit per_user=many": "per_user must be a whole number",
        "bank_error error_id=late": "error_id must be a whole number",
        "settlement_price instrument_id=rb9999 price=1": "there is no instrument rb9999",
        "settlement_price instrument_id=rb2701 price=NaN": "price must be finite",
        "settlement_price instrument_id=rb2701 price=-1": "price must be above 0",
        "move_market instrument_id=rb9999 price=1": "there is no instrument rb9999",
        "fill_day investor_id=100001 orders=1 instrument_id=rb9999": "there is no instrument rb9999",
        "open_market instrument_id=rb9999 on=false": "there is no instrument rb9999",
        "account user_id=nobody locked=true": "there is no user nobody",
        "account user_id=100001 locked=1": "locked must be true or false",
        "account user_id=100001 rich=true": "unknown flag rich",
        "trading_day day=20261131": "20261131 is not a day",
    }
    for words, complaint in wrong.items():
        result = runner.invoke(app, ["control", *words.split(), *address])
        assert result.exit_code == 1, words
        (line,) = result.stderr.splitlines()
        assert line.startswith("ctp-simcounter: "), line
        assert complaint in line
    unknown = runner.invoke(app, ["control", "nonsense", *address])
    assert "force_out" in unknown.stderr, "the known commands are named"
    assert json.loads(runner.invoke(app, ["control", "flood", "count=3", *address]).stdout) == 3
    assert runner.invoke(app, ["control", "clear", *address]).exit_code == 0


def test_no_counter_no_control(runner: CliRunner, free_port: int) -> None:
    """A plain message instead of a traceback."""
    result = runner.invoke(app, ["control", "status", "--address", f"127.0.0.1:{free_port}"])

    assert result.exit_code == 1
    assert result.stderr.startswith("ctp-simcounter: ")


async def test_the_report_shows_the_days_logins(tmp_path: Path, runner: CliRunner) -> None:
    """As table and as JSON; the test key is found beside the database."""
    database = tmp_path / "tmdb.sqlite3"
    async with SimulatedCounter(key_beside(CounterConfig(database=str(database)))) as counter, RawShim(counter) as shim:
        await shim.authenticate(INVESTOR_RELAY_APP_ID)
        shim.report(
            "RegisterUserSystemInfo",
            UserID="100001",
            ClientSystemInfoLen=2,
            ClientSystemInfo=b"ab",
            ClientPublicIP="203.0.113.7",
        )
        shim.call("ReqUserLogin", BrokerID="9999", UserID="100001", Password=password_of("100001"))
        await shim.event()

    table = await asyncio.to_thread(runner.invoke, app, ["report", "--database", str(database)], env={"COLUMNS": "200"})
    lines = await asyncio.to_thread(runner.invoke, app, ["report", "--database", str(database), "--json"])

    assert "203.0.113.7" in table.stdout
    (line,) = [json.loads(text) for text in lines.stdout.splitlines()]
    assert (line["user_id"], line["terminal_ip"], line["kind"]) == ("100001", "203.0.113.7", "register")


async def test_the_introduction_names_everything_but_secrets() -> None:
    """Front, app ids, investors; no password, no auth code."""
    console = Console(width=120)
    async with SimulatedCounter() as counter:
        with console.capture() as shown:
            console.print(introduction(counter))

    assert counter.address in shown.get()
    assert INVESTOR_RELAY_APP_ID in shown.get()
    assert not any(secret in shown.get() for secret in [*AUTH_CODES.values(), *(user.password for user in users())])


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    """TOML with CounterConfig's names; apps and users replace the demonstration's."""
    path = tmp_path / "counter.toml"
    path.write_text(
        """
        trading_day = "20270104"
        sessions_per_user = 2
        [[apps]]
        app_id = "firm_relay_1.0"
        app_type = "3"
        auth_code = "0123456789abcdef"
        [[users]]
        user_id = "op9"
        password = "made-up"
        role = "operator"
        [[users]]
        user_id = "200001"
        password = "made-up"
        positions = [["rb2701", "0", 3]]
        """
    )

    config = load_config(path)

    assert (config.trading_day, config.sessions_per_user) == ("20270104", 2)
    assert [(app.app_id, app.app_type.value) for app in config.apps] == [("firm_relay_1.0", "3")]
    assert [(user.user_id, user.role.value) for user in config.users] == [("op9", "operator"), ("200001", "investor")]
    assert config.users[1].positions == (("rb2701", "0", 3),)


def test_ones_own_contracts_replace_the_demonstrations(tmp_path: Path) -> None:
    """With their own exchange, size, tick, price and last day; the demonstration's positions are left out."""
    path = tmp_path / "counter.toml"
    path.write_text(
        """
        [[instruments]]
        instrument_id = "ag2706"
        exchange_id = "SHFE"
        name = "白银"
        multiplier = 15
        tick = 1
        price = 8000
        expires = "20270615"
        """
    )

    config = load_config(path)

    (silver,) = config.instruments.values()
    assert (silver.instrument_id, silver.product.product_id, silver.expires) == ("ag2706", "ag", "20270615")
    assert (silver.upper_ticks, silver.lower_ticks) == (8640, 7360)
    assert all(user.positions == () for user in config.users)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[[users]]\nuser_id = "1"', "users[0].password is missing"),
        ('[[users]]\nuser_id = "1"\npassword = "p"\npaswd = "x"', "unknown key users[0].paswd"),
        ('[[users]]\nuser_id = "1"\npassword = "p"\nrole = "boss"', "users[0].role: boss is none of investor"),
        ('[[users]]\nuser_id = "1"\npassword = "p"\npositions = [["rb2701", 3]]', "users[0].positions: each is"),
        ('[[users]]\nuser_id = "1"\npassword = "p"\npositions = [["x1", "0", 3]]', "there is no instrument x1"),
        ('[[apps]]\napp_id = "a"\napp_type = "9"\nauth_code = "c"', "apps[0].app_type: 9 is none of 1, 2, 3"),
        ('[[apps]]\napp_type = "1"\nauth_code = "c"', "apps[0].app_id is missing"),
        ('apps = "x"', "apps is a list of tables: [[apps]]"),
        ('[[instruments]]\ninstrument_id = "x1"', "instruments[0].exchange_id is missing"),
        (
            '[[instruments]]\ninstrument_id="x1"\nexchange_id="NYSE"\nmultiplier=1\ntick=1\nprice=1\nexpires="20270101"',
            "instruments[0].exchange_id: NYSE is none of SHFE",
        ),
        ('port = "seventeen"', "port must be a whole number"),
        ("liquidity = 1", "liquidity must be true or false"),
        ("trading_days = 3", "unknown key trading_days"),
        ('trading_day = "20261131"', "trading_day: 20261131 is not a day"),
        ('host = "0.0.0.0"', "host: 0.0.0.0 is not a loopback address"),
        ('host = "here"', "host: here is not a loopback address"),
        ("orders_per_second = -1", "orders_per_second must be 0 to"),
        ('broker_id = "12345678901"', "broker_id must be 1 to 10 characters"),
        ('monitoring_key = "/nowhere/key.pem"', "monitoring_key: /nowhere/key.pem: No such file"),
        (
            '[[apps]]\napp_id = "a"\napp_type = "1"\nauth_code = "c"\nusers = [1]',
            "apps[0].users must be a list of texts",
        ),
        ('[[users]]\nuser_id = "1234567890123"\npassword = "p"', "users[0].user_id must be 1 to 12 characters"),
        ('[[users]]\nuser_id = "1"\npassword = "p"\nbalance = nan', "users[0].balance must be finite"),
        (
            '[[users]]\nuser_id = "1"\npassword = "p"\n[[users]]\nuser_id = "1"\npassword = "q"',
            "users[1].user_id: 1 is there twice",
        ),
        (
            '[[instruments]]\ninstrument_id="x1"\nexchange_id="SHFE"\nmultiplier=1\ntick=1\nprice=inf\nexpires="20270101"',
            "instruments[0].price must be finite",
        ),
        ("port = ", "Invalid value"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_the_key(
    tmp_path: Path, runner: CliRunner, content: str, complaint: str
) -> None:
    """No traceback, and nothing is started."""
    path = tmp_path / "counter.toml"
    path.write_text(content)

    result = runner.invoke(app, ["run", "--config", str(path)])

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("ctp-simcounter: ")
    assert complaint in line


@pytest.mark.parametrize("place", ["nowhere/tmdb.sqlite3", "folder"])
def test_a_database_that_cannot_be_opened_is_one_line(runner: CliRunner, tmp_path: Path, place: str) -> None:
    """It is named; the port is not blamed."""
    (tmp_path / "folder").mkdir()
    database = str(tmp_path / place)
    result = runner.invoke(app, ["run", "--port", "0", "--control-port", "0", "--database", database])

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"ctp-simcounter: database: {database}")


def test_more_users_go_with_ones_own_contracts(tmp_path: Path, shim: Path) -> None:
    """The demonstration's positions are left out where their contracts are not there."""
    path = tmp_path / "counter.toml"
    path.write_text(
        '[[instruments]]\ninstrument_id="x1"\nexchange_id="SHFE"\nmultiplier=1\ntick=1\nprice=9\nexpires="20270101"'
    )
    options = ["--config", str(path), "--users", "7"]
    command = [sys.executable, "-m", "simcounter.cli", "exec", *options, "--", sys.executable, "-c", ""]

    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=280, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "100007 (7)" in ended.stderr


def test_exec_runs_at_productions_pace(tmp_path: Path) -> None:
    """One query a second, six packets a second, unless the file says otherwise."""
    path = tmp_path / "counter.toml"
    path.write_text("queries_per_second = 0")

    paced, own = paced_config(), load_config(path, paced_config())

    assert (paced.queries_per_second, paced.packets_per_second) == (1, 6)
    assert (own.queries_per_second, own.packets_per_second) == (0, 6)


@pytest.mark.parametrize(("options", "refusals"), [([], 1), (["--unpaced"], 0)])
def test_a_program_under_exec_learns_the_pace(shim: Path, options: list[str], refusals: int) -> None:
    """GetFrontInfo tells it; a second query within a second gets 90; --unpaced switches it off."""
    program = [sys.executable, "-c", QUERIES, "30" if refusals else "4"]
    command = [sys.executable, "-m", "simcounter.cli", "exec", *options, "--", *program]
    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=280, check=False)

    assert ended.returncode == 0, ended.stderr
    (found,) = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert found["frequencies"] == ([1, 6] if refusals else [0, 0])
    assert found["errors"].count(90) == refusals


async def test_an_occupied_port_is_told() -> None:
    """One line instead of a traceback."""
    async with SimulatedCounter() as counter:
        command = [sys.executable, "-m", "simcounter.cli", "run", "--port", str(counter.port), "--control-port", "0"]
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False
        )

    assert ended.returncode == 1
    assert "cannot listen" in ended.stdout
