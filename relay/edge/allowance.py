"""What one connection may spend: little in all before it has proved itself, a rate afterwards.

A connection that has proved nothing may send some messages of the largest size and open a few streams; that is what
bounds unfinished messages and floods of frames, also before TLS is agreed on. One that has proved itself is never ended for
what it sends: its bytes are read later.
"""

from __future__ import annotations

from relay.http2.bucket import Bucket

STREAMS = 3
"""streams that a connection may open without proving itself on one of them"""
_MESSAGES = 3
"""of the largest size"""
_BESIDE_MESSAGES = 16 * 1024
"""bytes for TLS and HTTP/2 themselves"""
_STRANGER_RATE, _STRANGER_BURST = 64 * 1024, 32 * 1024
_PROVED_RATE, _PROVED_BURST = 512 * 1024, 2 * 1024 * 1024
_LONGEST_PAUSE = 4.0
FRAMES_OF_A_STRANGER, _FRAMES_OF_A_PROVED_ONE = (50.0, 40.0), (50.0, 200.0)
"""frames a second, and at once, that are dear or for nothing; opening a stream is one. One may take 50 µs, and all that come in
one read are worked on before anything else has its turn"""
_STREAM = 32 * 1024
"""bytes that a stream counts for after a proof, so that opening and resetting streams has a rate, too"""


class Allowance:
    """The bytes and streams of one connection."""

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._bytes = 0
        self._streams = 0
        self._stranger = True
        self._bucket = self._of_a_stranger()
        self.frames = Bucket(*FRAMES_OF_A_STRANGER)
        """for frames that are dear or for nothing"""

    @property
    def spent(self) -> bool:
        """Whether it has sent all it may before it proves itself."""
        return self._stranger and self._bytes > _MESSAGES * self._max_message + _BESIDE_MESSAGES

    @property
    def streams_spent(self) -> bool:
        """Whether it has opened all the streams it may before it proves itself."""
        return self._stranger and self._streams >= STREAMS

    def took(self, size: int, now: float) -> float:
        """It sent so many bytes; returns for how many seconds no more are read."""
        self._bytes += size
        left = self._bucket.take(size, now)
        return 0.0 if left >= 0 else min(_LONGEST_PAUSE, -left / self._bucket.rate)

    def opened(self, now: float) -> bool:
        """It opened a stream; false where that is one too many."""
        if self.streams_spent:
            return False
        if not self._stranger:
            self._bucket.take(_STREAM, now)
        self._streams += 1
        return True

    def proved(self) -> None:
        """It has proved itself on a stream: from here on it has a rate."""
        self._stranger = False
        rate = max(_PROVED_RATE, 4 * self._max_message)
        self._bucket = Bucket(rate, max(_PROVED_BURST, rate))
        self.frames.rate, self.frames.burst = _FRAMES_OF_A_PROVED_ONE

    def stranger_again(self) -> None:
        """The last stream on which it proved itself is over."""
        self._stranger, self._bytes, self._streams = True, 0, 0
        self._bucket = self._of_a_stranger()
        self.frames.rate, self.frames.burst = FRAMES_OF_A_STRANGER

    @staticmethod
    def _of_a_stranger() -> Bucket:
        return Bucket(_STRANGER_RATE, _STRANGER_BURST)
