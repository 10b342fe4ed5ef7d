"""Every way to a person, against a server of the test's own: what arrives, and what is no delivery."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from relay.alarms.channels import AlarmCommand, Channel, Mail, NotDelivered
from relay.alarms.message import AlarmItem, AlarmMessage, AlarmPhase, item_of, message_of
from relay.alarms.web_channels import DingTalkRobot, PlainWebhook, WeComRobot
from relay.faults.faults import FaultEdge, Faults
from relay.faults.table import Fault, Gravity
from tests.relay.alarms.robot import KEY, Robot

AT = dt.datetime(2026, 1, 5, 8, 57, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def front_down() -> AlarmMessage:
    faults, edges = Faults(lambda: AT), list[FaultEdge]()
    faults.listen(edges.append)
    faults.begin(Fault.FRONT_DOWN, "reason 4097")
    return message_of("relay-1", [item_of(edges[0])])


def test_wecom_gets_markdown_in_chinese_and_english(robot: Robot) -> None:
    """With the relay's name and what to do; Chinese first."""
    WeComRobot(robot.url).send(front_down())

    ((_, body),) = robot.got
    text = body["markdown"]["content"]
    assert body["msgtype"] == "markdown"
    assert text.index("柜台前置连接中断") < text.index("no front of the counter is connected")
    assert "relay-1" in text
    assert "处理：检查到前置地址的网络与专线" in text


def test_wecom_gets_no_more_than_it_takes(robot: Robot) -> None:
    """A longer message would be refused whole."""
    items = [AlarmItem(f"fault_{n}", AlarmPhase.BEGAN, ("很长" * 80, "long"), Gravity.CRITICAL, AT) for n in range(20)]
    WeComRobot(robot.url).send(message_of("relay-1", items))

    assert len(robot.got[0][1]["markdown"]["content"].encode()) <= 4096


def test_dingtalk_is_signed_by_its_rule(robot: Robot) -> None:
    """HMAC-SHA256 of time and secret, both in the address."""
    DingTalkRobot(robot.url, "SEC-of-the-robot", lambda: 1767574620.5).send(front_down())

    ((path, body),) = robot.got
    asked = parse_qs(urlsplit(path).query)
    wanted = hmac.new(b"SEC-of-the-robot", b"1767574620500\nSEC-of-the-robot", hashlib.sha256).digest()
    assert asked["timestamp"] == ["1767574620500"]
    assert base64.b64decode(asked["sign"][0]) == wanted
    assert body["markdown"]["title"].startswith("【故障】柜台前置连接中断")


def test_a_webhook_gets_everything_as_json(robot: Robot) -> None:
    """For programs of the firm's."""
    robot.answer = 204, b""
    PlainWebhook(robot.url).send(front_down())

    (item,) = robot.got[0][1]["items"]
    assert (item["name"], item["phase"], item["at"]) == ("front_down", "began", "2026-01-05T08:57:00+08:00")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, b""), "HTTP 500"),
        ((302, b""), "HTTP 302"),
        ((200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}'), "errcode 93000"),
        ((200, b"<html>"), "no JSON"),
        ((200, b"[]"), "no JSON"),
    ],
)
def test_an_answer_that_takes_nothing_is_no_delivery(robot: Robot, answer: tuple[int, bytes], why: str) -> None:
    """A robot answers 200 to a wrong key: only its body says so."""
    robot.answer = answer

    with pytest.raises(NotDelivered, match=why):
        WeComRobot(robot.url).send(front_down())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/send?key=" + KEY, "no address " + KEY])
def test_a_failure_names_no_address(url: str) -> None:
    """It is a secret: who knows it can write to the group."""
    channel = WeComRobot(url)
    with pytest.raises(NotDelivered) as failed:
        channel.send(front_down())

    assert KEY not in str(failed.value) + repr(failed.value.__cause__) + repr(channel)


@contextmanager
def mail_server(refuse: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """SMTP as far as a client without a login needs it."""
    mails: list[bytes] = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA" and not refuse:
                    self.wfile.write(b"354 go on\r\n")
                    mail = b""
                    while (more := self.rfile.readline()) != b".\r\n":
                        mail += more
                    mails.append(mail)
                    self.wfile.write(b"250 taken\r\n")
                elif word == b"DATA":
                    self.wfile.write(refuse)
                else:
                    self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 well\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], mails
        server.shutdown()
        thread.join()


def test_a_mail_has_the_title_and_the_text() -> None:
    """Subject in Chinese, as mail programs show it."""
    with mail_server() as (port, mails):
        Mail("127.0.0.1", port, "relay@firm.cn", ["ops@firm.cn", "boss@firm.cn"], "none").send(front_down())

    assert b"To: ops@firm.cn, boss@firm.cn" in mails[0]
    assert b"Subject: =?utf-8?" in mails[0]


def test_a_mail_that_is_refused_or_has_no_server_is_no_delivery(free_port: int) -> None:
    """With the server's number, not its text."""
    with mail_server(b"554 we know you\r\n") as (port, _), pytest.raises(NotDelivered, match="SMTP 554"):
        Mail("127.0.0.1", port, "relay@firm.cn", ["ops@firm.cn"], "none").send(front_down())
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        Mail("127.0.0.1", free_port, "relay@firm.cn", ["ops@firm.cn"], "none").send(front_down())


def test_a_command_gets_the_facts_on_its_standard_input(tmp_path: Path) -> None:
    """No argument is put together from outside text."""
    kept = tmp_path / "kept.json"
    program = f"import sys; open({str(kept)!r}, 'wb').write(sys.stdin.buffer.read())"
    AlarmCommand([sys.executable, "-c", program]).send(front_down())

    assert json.loads(kept.read_bytes())["items"][0]["name"] == "front_down"


@pytest.mark.parametrize("arguments", [[sys.executable, "-c", "raise SystemExit(3)"], ["/no/such/program"]])
def test_a_command_that_fails_is_no_delivery(arguments: list[str]) -> None:
    """Its status is said."""
    channel: Channel = AlarmCommand(arguments)

    with pytest.raises(NotDelivered, match=r"status 3|cannot run"):
        channel.send(front_down())
