"""One stream to the relay, message by message in both directions."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, Self, TypeVar

from google.protobuf.message import DecodeError

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.call import RelayCallOver
from terminal_client.channel import RelayChannel


class StreamBroken(Exception):
    """The stream ended without a word from the relay; trying again can help."""


class Message(Protocol):
    """One of protobuf's."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name

    @classmethod
    def FromString(cls, data: bytes) -> Self: ...  # noqa: N802


Sent = TypeVar("Sent", bound=Message)
Batch = TypeVar("Batch", bound=Message)


class BatchStream(Generic[Sent, Batch]):
    """One open stream: messages out, batches of them in."""

    method: str
    """the call's path"""
    batch: type[Batch]

    def __init__(self, channel: RelayChannel) -> None:
        self._unsent: deque[Sent] = deque()
        self._call = channel.call(self.method)
        self._call.on_room = self._write

    def send(self, message: Sent) -> None:
        """Send one message, or keep it until the relay takes it; that it never will shows in `receive_batch`."""
        self._unsent.append(message)
        self._write()

    def withdraw(self, message: Sent) -> bool:
        """Take back a message that is not written yet; whether it was."""
        for index, waiting in enumerate(self._unsent):
            if waiting is message:
                del self._unsent[index]
                return True
        return False

    async def receive_batch(self) -> Batch:
        """The next batch. StreamBroken at the stream's end."""
        try:
            data = await self._call.read()
            return self.batch.FromString(data)
        except RelayCallOver as over:
            raise StreamBroken(str(over)) from None
        except DecodeError:
            self.cancel()
            raise StreamBroken("INTERNAL: a message of the relay cannot be read") from None

    def cancel(self) -> None:
        """End the stream at once; may be called again."""
        self._call.cancel()

    def _write(self) -> None:
        while self._unsent and self._call.has_room:
            self._call.write(self._unsent.popleft().SerializeToString())


class Stream(BatchStream[pb.TerminalMessage, pb.RelayBatch]):
    """The stream of a terminal's session, message by message in both directions."""

    method = "/ctprelay.v1.TerminalService/Session"
    batch = pb.RelayBatch

    def __init__(self, channel: RelayChannel) -> None:
        super().__init__(channel)
        self._received: deque[pb.RelayMessage] = deque()

    async def receive(self) -> pb.RelayMessage:
        """The next message. StreamBroken at the stream's end."""
        while not self._received:
            self._received.extend((await self.receive_batch()).messages)
        return self._received.popleft()
