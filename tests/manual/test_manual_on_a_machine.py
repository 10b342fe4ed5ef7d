"""The Chinese manual, word by word, on a clean Debian: from `apt install` to a login that is proved to the regulator.

`make manual-test` runs it, as root, in some minutes. The commands are the pages' own, in the order of `PAGES`; what a test must
change in them is in `INSTEAD`, and there is nothing else. Afterwards six facts hold: two relays behind HAProxy on PostgreSQL serve,
the counter's report has the terminal's true address and port, the trading day's file is signed and verified, a webhook has got an
alarm, one login is proved, and a terminal that was there during the rolling restart was never without a session.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctpabi.shim.build import build
from scripts.manual import FOLDER, CodeBlock, code_blocks
from simcounter import demo_accounts
from tests.deploy.clean_root import ROOT, why_not
from tests.manual.clean_machine import NAME, TERMINAL_ADDRESS, CleanMachine

pytestmark = pytest.mark.skipif(
    not os.environ.get("CTP_RELAY_MANUAL_TEST"), reason="takes minutes; to run it: make manual-test"
)

PAGES = ("install", "first-start", "certificates", "two-relays", "faults", "upgrade", "regulator")
"""in the order in which a reader comes to them; the day is sealed last, because a sealed day takes no more entries"""

COUNTER, WEBHOOK = "/srv/trial/counter.sqlite3", "http://127.0.0.1:18080/alarm"
RELAY_APP = demo_accounts.INVESTOR_RELAY_APP_ID
INSTEAD = {
    # what the page says: what is typed, and why
    "ctp-simcounter run >": f"ctp-simcounter run --database {COUNTER} >",  # so that its report can be read
    'fronts = ["tcp://10.10.1.1:41205", "tcp://10.10.1.2:41205"]': 'fronts = ["tcp://127.0.0.1:17001"]',  # the firm's fronts
    "firm_relay_1.0": RELAY_APP,  # the firm's app id
    "FIRMRELAY0000001": demo_accounts.AUTH_CODES[RELAY_APP],  # the firm's auth code
    "https://alarms.firm.example/ctp-relay": WEBHOOK,  # the firm's webhook
}
"""Two more, that are not in a page's text: the units load the simulated counter's libraries (a drop-in: `_stand_in`), and
`ledger day` is given in a later evening (`_evening`), because a trading day is over at 18:05. In the regulator's page the entry, the
file and the public key are this run's (`_own_names`)."""

TAKES_ALARMS = """
import http.server
class Takes(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open("/srv/trial/alarms", "ab") as file:
            file.write(body + b"\\n")
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 18080), Takes).serve_forever()
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanMachine]:
    """Clean, with the package in root's folder as `make deb` makes it."""
    if reason := why_not():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("machine")
    machine = CleanMachine(directory / "root")
    try:
        (to := machine.file("/srv/trial/dist")).mkdir(parents=True)
        if given := os.environ.get("CTP_RELAY_DEB"):  # one that is to be released, say
            shutil.copy2(given, to / "ctp-relay_given.deb")
        else:
            _build_package(to)
        if reason := machine.start():
            pytest.skip(reason)
        yield machine
    finally:
        machine.end()
        shutil.rmtree(directory, ignore_errors=True)


def _build_package(to: Path) -> None:
    command = ["scripts/deb", str(to)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert built.returncode == 0, built.stderr


class Reader:
    """Types what the pages say."""

    def __init__(self, machine: CleanMachine) -> None:
        self.machine = machine
        self.names: dict[str, str] = {}
        self.took: dict[str, float] = {}

    def follow(self, page: str) -> list[str]:
        """All marked blocks of a page; what they printed, which has what the page shows."""
        blocks = code_blocks((FOLDER / f"zh/{page}.md").read_text(encoding="utf-8"))
        said, began = [], time.monotonic()
        for block, after in zip(blocks, [*blocks[1:], CodeBlock("", "", "")], strict=True):
            if not block.mark or block.mark == "run root":
                continue
            printed = self._type(block)
            _say(f"--- {page}\n{block.text}--- {printed}")
            said.append(printed)
            logs = "".join(path.read_text(errors="replace") for path in self.machine.file("/srv/trial").glob("*/*.log"))
            shown = after.text.splitlines() if after.kind == "text" and block.mark in {"run", "run wait"} else []
            for line in shown:
                assert line.strip() in printed + logs, f"{page}: {block.text} prints\n{printed}"
        self.took[page] = time.monotonic() - began
        return said

    def _type(self, block: CodeBlock) -> str:
        text = block.text
        for theirs, ours in (INSTEAD | self.names).items():
            text = text.replace(theirs, ours)
        if text.startswith("apt "):
            return self.machine.archive.type(text)
        shell = self.machine.terminal if block.mark.startswith("run terminal") else self.machine.relay
        return shell.type(text, until=block.mark.endswith("wait"))


def test_the_manual_from_the_first_page_to_the_proof(machine: CleanMachine) -> None:
    """Six outcomes, after nothing but the manual's own commands."""
    reader = Reader(machine)
    for page in ("install", "first-start", "certificates"):
        reader.follow(page)
    _stand_in(machine)
    _be_the_vendor(machine)
    said = reader.follow("two-relays")
    _two_relays_serve(machine, said)
    port = _stay(machine)
    _report_names_the_terminal(machine, port)
    machine.background("python3", "-c", TAKES_ALARMS)
    reader.follow("faults")
    _an_alarm_came(machine)
    reader.follow("upgrade")
    _was_never_away(machine)
    _evening(machine)
    _own_names(machine, reader)
    _day_is_proved(machine, reader.follow("regulator"))
    _say(f"seconds: { {page: round(seconds, 1) for page, seconds in reader.took.items()} }")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stand_in(machine: CleanMachine) -> None:
    """The simulated counter's libraries in the vendor's place, for the units alone."""
    libraries = build().libraries
    for library in libraries:
        machine.root.file(f"/opt/simulated/{library.name}", "")
        shutil.copy2(library, machine.file(f"/opt/simulated/{library.name}"))
    preload = ":".join(f"/opt/simulated/{library.name}" for library in libraries)
    for name in ("relay1", "relay2"):
        machine.root.file(
            f"/etc/systemd/system/ctp-relay@{name}.service.d/simulated.conf",
            f"[Service]\nEnvironment=LD_PRELOAD={preload}\n",
        )
    machine.root.run("systemctl", "daemon-reload")


def _be_the_vendor(machine: CleanMachine) -> None:
    """The terminal's machine has a folder of its own, the authority, the password; the auth code comes when it is made."""
    machine.terminal.type(
        "mkdir /srv/trial/terminal; cd /srv/trial/terminal; ln -s /srv/trial/ca.crt /srv/ctp-relay/client_firm.secret .\n"
        f"install -m 0600 /dev/null investor.secret; echo {demo_accounts.password_of('100001')} > investor.secret\n"
    )


def _two_relays_serve(machine: CleanMachine, said: list[str]) -> None:
    units = machine.root.run("systemctl", "is-active", "ctp-relay@relay1", "ctp-relay@relay2", "haproxy").stdout
    assert units.split() == ["active"] * 3
    assert {"relay-1", "relay-2"} <= _chains_with(machine, "relay_started")
    assert f"public_ip={TERMINAL_ADDRESS}" in said[-1]
    _tls_and_the_proxys_header_are_demanded(machine)


def _chains_with(machine: CleanMachine, kind: str) -> set[str]:
    """Whose chains in PostgreSQL have an entry of this kind."""
    asked = f"select distinct chain from ledger where kind = '{kind}'"
    return set(machine.root.run("runuser", "-u", "postgres", "--", "psql", "-Atc", asked, "ctp_relay").stdout.split())


def _tls_and_the_proxys_header_are_demanded(machine: CleanMachine) -> None:
    """The certificate is shown through HAProxy; without TLS there is no answer, and past HAProxy, without its header, none."""
    checked = f"-verify_return_error -CAfile ca.crt -servername {NAME} -verify_hostname {NAME} -alpn h2"
    through = f"openssl s_client -connect {NAME}:50051 {checked}"
    plain = f"curl --silent --max-time 5 --http2-prior-knowledge http://{NAME}:50051/"
    shown = f"subject=CN = {NAME}"
    assert shown in machine.terminal.type(through)
    assert "answered" not in machine.terminal.type(f"{plain} && echo answered || true")
    for port in (50061, 50062):
        past = f"openssl s_client -connect 127.0.0.1:{port} {checked}"
        assert shown not in machine.relay.type(f"{past} || true")


def _stay(machine: CleanMachine) -> int:
    """A terminal that stays logged in; the port of its own end, as its machine knows it."""
    machine.terminal.type("ctp-terminal --json -c terminal.toml watch > watched 2>&1 &\nsleep 0\n")
    wanted = f"{_hex_address('198.51.100.10')}:{50051:04X}"

    def ports() -> list[int]:
        table = machine.terminal.type("cat /proc/net/tcp /proc/net/tcp6")
        rows = [row for row in map(str.split, table.splitlines()) if len(row) > 3]
        return [int(row[1].rpartition(":")[2], 16) for row in rows if row[2].endswith(wanted) and row[3] == "01"]

    deadline = time.monotonic() + 60
    while not (found := ports()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    _until(lambda: "100001" in _sessions(machine))
    return found[0]


def _hex_address(text: str) -> str:
    return "".join(f"{int(part):02X}" for part in reversed(text.split(".")))


def _sessions(machine: CleanMachine) -> str:
    both = "; ".join(f"ctp-relay sessions list --json -c /etc/ctp-relay/relay{number}.toml" for number in (1, 2))
    return machine.relay.type(both)


def _report_names_the_terminal(machine: CleanMachine, port: int) -> None:
    """What the counter would send to the monitoring center."""
    said = machine.relay.type(f"ctp-simcounter report --database {COUNTER} --json")
    last = [json.loads(line) for line in said.splitlines() if line.startswith("{")][-1]

    assert (last["kind"], last["terminal_ip"], last["terminal_port"]) == ("register", TERMINAL_ADDRESS, port)
    assert last["terminal_app_id"] == "client_firm_1.0"
    _say(f"report: {last}")


def _an_alarm_came(machine: CleanMachine) -> None:
    got = machine.file("/srv/trial/alarms").read_text(encoding="utf-8")
    assert "alarm_test" in got
    _say(f"webhook: {got}")


def _statuses(machine: CleanMachine) -> list[dict[str, str]]:
    lines = machine.file("/srv/trial/terminal/watched").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("{") for line in lines), lines
    return [line for line in map(json.loads, lines) if line["kind"] == "status"]


def _was_never_away(machine: CleanMachine) -> None:
    """It was told of each restart that concerned it and logged in at the other relay before; its program runs on."""
    _until(lambda: bool(_statuses(machine)) and _statuses(machine)[-1]["state"] == "live")
    states = [status["state"] for status in _statuses(machine)]
    _say(f"statuses: {_statuses(machine)}")

    assert states == ["leaving", "live"] * (len(states) // 2)
    assert not any(status["lost_history"] for status in _statuses(machine))
    assert "100001" in _sessions(machine)
    assert _chains_with(machine, "terminal_admitted") == {
        "relay-1",
        "relay-2",
    }  # it was at each of them, through HAProxy
    assert "watch > watched" in machine.terminal.type("jobs -r")


def _evening(machine: CleanMachine) -> None:
    """For the shell of the relays' machine it is the evening five days on; the relays themselves know nothing of it."""
    machine.archive.type("apt install --yes faketime")
    library = next(machine.file("/usr/lib").glob("*/faketime/libfaketime.so.1")).relative_to(machine.root.path)
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)
    machine.relay.type(f'export LD_PRELOAD=/{library} FAKETIME="@{day} 10:30:00" FAKETIME_DONT_FAKE_MONOTONIC=1')


def _own_names(machine: CleanMachine, reader: Reader) -> None:
    """The entry that is asked for, the day's file, and this relay's key."""
    said = machine.relay.type("ctp-relay ledger tail --count 10000 | grep 100001 | grep terminal_admitted")
    entry = re.search(r"(relay-[12])[# ]+(\d+)", said)
    assert entry is not None, said
    reader.names["relay-1#1234"] = f"{entry[1]}#{entry[2]}"
    reader.names["5a1e…"] = '"$(ctp-relay ledger public-key)"'
    reader.names["ledger-2026-01-05.jsonl"] = "$(ls ledger-*.jsonl | head -n 1)"


def _day_is_proved(machine: CleanMachine, said: list[str]) -> None:
    assert [text for text in said if "the ledger is whole" in text] == said[1:3]  # the database, and the day's file
    days = list(machine.file("/srv/ledger").glob("ledger-*.jsonl"))
    assert len(days) in {1, 2}  # two where the run went on over the end of a trading day, at 18:05 in China
    assert days[0].with_suffix(".html").is_file()
    assert machine.relay.type("ctp-relay ledger public-key").strip() in min(days).read_text(encoding="utf-8")
    assert "proved (已核验)" in said[-1]
    assert "100001" in said[-1]
    _another_day_is_not(machine, min(days).name)
    _say(f"day: {days[0].name}, {days[0].stat().st_size} bytes")


def _another_day_is_not(machine: CleanMachine, name: str) -> None:
    """A file in which one login is another investor's, and a file that another key has sealed, do not pass."""
    key = '"$(ctp-relay ledger public-key)"'
    machine.relay.type(f"sed s/100001/100002/ {name} > /tmp/changed.jsonl; chmod 0644 /tmp/changed.jsonl")
    for asked in (f"--file /tmp/changed.jsonl --public-key {key}", f"--file {name} --public-key {'0' * 64}"):
        said = machine.relay.type(f"ctp-relay ledger verify {asked} || echo refused with $?")
        assert "refused with 1" in said, said


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)
