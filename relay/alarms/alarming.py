"""Which ways the settings ask for, and what goes to them: the edges of faults, and single events without an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from relay.alarms.channels import AlarmCommand, Channel, Mail
from relay.alarms.message import event_item, item_of
from relay.alarms.recent import RecentAlarms
from relay.alarms.remedies import REMEDIES
from relay.alarms.sender import AlarmSender
from relay.faults.faults import FaultEdge, Faults
from relay.faults.table import Fault, Gravity
from relay.logs.alarms import AlarmName, Alarms, Hear
from relay.logs.event_texts import chinese_texts
from relay.settings.secret_files import read_secret
from relay.settings.values import split_address
from relay.settings.watch_section import AlarmSettings

_FAREWELL_SECONDS = 3.0
SAID_AS_FAULT = frozenset(
    {
        AlarmName.OPERATOR_PASSWORD_REFUSED,
        AlarmName.OPERATOR_PASSWORD_DUE,
        AlarmName.OPERATOR_REFUSED,
        AlarmName.OPERATOR_FORCED_OUT,
        AlarmName.LOGINS_STOPPED,
        AlarmName.RELAY_APP_TYPE_WRONG,
    }
)
"""their fault has a beginning and an end, which is sent instead"""


def channels_of(settings: AlarmSettings) -> list[Channel]:
    """Reads the secret files; raises SecretFileRefused naming the file."""
    ways = _web_channels(settings)
    if settings.smtp_address is not None and settings.email_to:
        host, port = split_address(settings.smtp_address)
        file = settings.smtp_password_file
        password = read_secret(file).get_secret_value() if file is not None else ""
        sender = settings.email_from or settings.email_to[0]
        ways.append(Mail(host, port, sender, settings.email_to, settings.smtp_security, settings.smtp_user, password))
    if settings.command:
        ways.append(AlarmCommand(settings.command))
    return ways


def _web_channels(settings: AlarmSettings) -> list[Channel]:
    if not (settings.wecom_url_file or settings.dingtalk_url_file or settings.webhook_url_file):
        return []
    # The HTTP client is large. It is imported with the settings that ask for it, not when the machine may be ill.
    from relay.alarms.web_channels import DingTalkRobot, PlainWebhook, WeComRobot  # noqa: PLC0415

    ways: list[Channel] = []
    if settings.wecom_url_file is not None:
        ways.append(WeComRobot(read_secret(settings.wecom_url_file).get_secret_value()))
    if settings.dingtalk_url_file is not None:
        secret = settings.dingtalk_secret_file
        signed_with = read_secret(secret).get_secret_value() if secret is not None else ""
        ways.append(DingTalkRobot(read_secret(settings.dingtalk_url_file).get_secret_value(), signed_with))
    if settings.webhook_url_file is not None:
        ways.append(PlainWebhook(read_secret(settings.webhook_url_file).get_secret_value()))
    return ways


class Alarming:
    """The ways of one process."""

    def __init__(self, relay: str, settings: AlarmSettings, channels: Sequence[Channel]) -> None:
        self._relay = relay
        self._set_fault: Callable[[Fault, str], object] = lambda *_: None
        self._states = threading.Lock()
        self.recent = RecentAlarms()
        self._chinese = chinese_texts()
        self.senders = [self._sender(channel, settings) for channel in channels]
        """replaced as a whole by `take`"""

    @property
    def works(self) -> bool:
        """Whether the latest alarm has reached a person by one of the ways."""
        return any(sender.works for sender in self.senders)

    def hear(self, faults: Faults, alarms: Alarms, *others: Hear) -> None:
        """Keep and send from now on what begins, ends and happens, and what stands or happened before.

        `others` hear the single events too: what came before there was a listener is handed on once.
        """
        self._set_fault = faults.set
        faults.listen(self._edge)
        alarms.listen(self._event, *others)

    def take(self, settings: AlarmSettings) -> None:
        """Put these ways in force: a way that stays keeps its queue and counts, one that goes sends what waits. Blocks.

        Reads the secret files; raises SecretFileRefused, and then nothing has changed.
        """
        wanted = {channel.name: channel for channel in channels_of(settings)}
        stays = [sender for sender in self.senders if sender.channel.name in wanted]
        goes = [sender for sender in self.senders if sender.channel.name not in wanted]
        for sender in stays:
            sender.channel = wanted.pop(sender.channel.name)
            sender.group_seconds, sender.gravity = settings.group_seconds, Gravity(settings.gravity)
        self.senders = [*stays, *(self._sender(channel, settings) for channel in wanted.values())]
        for sender in goes:
            sender.close(_FAREWELL_SECONDS)
        self._say_state()

    def _sender(self, channel: Channel, settings: AlarmSettings) -> AlarmSender:
        gravity = Gravity(settings.gravity)
        sender = AlarmSender(self._relay, channel, group_seconds=settings.group_seconds, gravity=gravity)
        sender.on_state = self._say_state
        sender.on_outcome = partial(self.recent.outcome, channel.name)
        return sender

    def _say_state(self) -> None:
        """The fault stands while any way does not work: one that works again says nothing of the others."""
        with self._states:
            whys = [f"{sender.channel.name}: {sender.failing}" for sender in self.senders if sender.failing]
            self._set_fault(Fault.ALARMS_NOT_DELIVERED, "; ".join(whys))

    def close(self) -> None:
        """Send what waits; blocks for some seconds at most."""
        for sender in self.senders:
            sender.close(_FAREWELL_SECONDS)

    def _edge(self, edge: FaultEdge) -> None:
        item = item_of(edge)
        self.recent.put(item)
        if edge.of.fault is not Fault.ALARMS_NOT_DELIVERED:
            for sender in self.senders:
                sender.put(item)

    def _event(self, name: AlarmName, facts: Mapping[str, object]) -> None:
        if name not in SAID_AS_FAULT:
            title = self._chinese.get(name.event, name.event), name.meaning
            item = event_item(name.event, title, facts, REMEDIES[name])
            self.recent.put(item)
            for sender in self.senders:
                sender.put(item)
