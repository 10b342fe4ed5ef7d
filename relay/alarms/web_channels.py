"""The ways to a person by HTTP: WeCom and DingTalk robots, any webhook. Each blocks, and raises NotDelivered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import httpx

from relay.alarms.channels import SECONDS, NotDelivered
from relay.alarms.message import AlarmMessage

_MOST_WECOM_BYTES = 4000


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
