"""The ways to a person: what each is, and e-mail and a command. Each blocks, and raises NotDelivered. By HTTP: `web_channels`."""

from __future__ import annotations

import json
import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal, Protocol

from relay.alarms.message import AlarmMessage

SECONDS = 10.0
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
