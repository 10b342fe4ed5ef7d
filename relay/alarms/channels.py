"""The ways to a person: WeCom and DingTalk robots, any webhook, e-mail, a command. Each blocks, and raises NotDelivered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Protocol
from urllib.parse import quote_plus

import httpx

from relay.alarms.message import AlarmMessage

SECONDS = 10.0
_MOST_WECOM_BYTES = 4000
_COMMAND_SECONDS = 30.0


class NotDelivered(Exception):
    """It did not reach the other side; the text names no address and no secret."""


class Channel(Protocol):
    """One way."""

    @property
    def name(self) -> str:
        """For log, metrics and the command that tests it."""

    def send(self, message: AlarmMessage) -> None:
        """Deliver it; blocks for some seconds at most. Raises NotDelivered."""


def _post(url: str, body: Mapping[str, object]) -> httpx.Response:
    try:
        answer = httpx.post(url, json=body, timeout=SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotDelivered(type(error).__name__) from None  # its text may have the address, which is a secret
    if not answer.is_success:
        raise NotDelivered(f"HTTP {answer.status_code}")
    return answer


def _robot_took(answer: httpx.Response) -> None:
    """Both robots answer 200 to everything, and say in the body whether they took it."""
    try:
        said = answer.json()
        code = said.get("errcode")
    except (ValueError, AttributeError):
        raise NotDelivered("the answer is no JSON object") from None
    if code != 0:
        raise NotDelivered(f"errcode {code}: {str(said.get('errmsg', ''))[:100]}")


@dataclass(frozen=True, slots=True)
class WeComRobot:
    """企业微信机器人."""

    url: str = field(repr=False)
    name: str = "wecom"

    def send(self, message: AlarmMessage) -> None:
        """As Markdown, cut to what WeCom takes."""
        text = f"**{message.title}**\n{message.text}".encode()[:_MOST_WECOM_BYTES].decode(errors="ignore")
        _robot_took(_post(self.url, {"msgtype": "markdown", "markdown": {"content": text}}))


@dataclass(frozen=True, slots=True)
class DingTalkRobot:
    """钉钉机器人; with a secret every message is signed."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    clock: Callable[[], float] = time.time
    name: str = "dingtalk"

    def send(self, message: AlarmMessage) -> None:
        """As Markdown, whose lines need two spaces at their ends."""
        text = f"### {message.title}\n\n" + message.text.replace("\n", "  \n")
        body = {"msgtype": "markdown", "markdown": {"title": message.title, "text": text}}
        _robot_took(_post(self.url + self._signature(), body))

    def _signature(self) -> str:
        if not self.secret:
            return ""
        stamp = str(round(self.clock() * 1000))
        digest = hmac.new(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        return f"&timestamp={stamp}&sign={quote_plus(base64.b64encode(digest))}"


@dataclass(frozen=True, slots=True)
class PlainWebhook:
    """Anything that takes JSON."""

    url: str = field(repr=False)
    name: str = "webhook"

    def send(self, message: AlarmMessage) -> None:
        """Everything as JSON; any answer of 200 to 299 counts."""
        _post(self.url, message.as_json())


@dataclass(frozen=True, slots=True)
class Mail:
    """E-mail by SMTP."""

    host: str
    port: int
    sender: str
    to: Sequence[str]
    security: Literal["tls", "starttls", "none"]
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = "email"

    def send(self, message: AlarmMessage) -> None:
        """As plain text."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.title, self.sender, ", ".join(self.to)
        mail.set_content(message.text)
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"SMTP {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotDelivered(type(error).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        if self.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server


@dataclass(frozen=True, slots=True)
class AlarmCommand:
    """A program of the firm's; the message is on its standard input, as JSON."""

    arguments: Sequence[str]
    name: str = "command"

    def send(self, message: AlarmMessage) -> None:
        """Run it; exit status 0 counts."""
        said = json.dumps(message.as_json(), ensure_ascii=False).encode()
        try:
            done = subprocess.run(
                self.arguments, input=said, capture_output=True, timeout=_COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotDelivered(f"the command did not end within {_COMMAND_SECONDS:g} s") from None
        except OSError as error:
            raise NotDelivered(f"the command cannot run: {error.strerror}") from None
        if done.returncode != 0:
            raise NotDelivered(f"the command ended with status {done.returncode}")
