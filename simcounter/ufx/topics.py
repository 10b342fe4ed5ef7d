"""The message center: which topic there is, who subscribed it on which connection, and what is pushed there.

Step 1 of a session is a client's, with its number; step 2 answers with the server's number beside it; step 3 confirms and
step 4 ends it. A subscription names the session's two numbers and the operator whose pushes it wants. The server sends a
heartbeat to each session, 620703; a client that misses them begins again with step 1.
"""

from __future__ import annotations

import hmac
import itertools
from dataclasses import dataclass, field

from simcounter.accounts import Accounts
from simcounter.ufx.connection import Outgoing, UfxConnection, message_frame
from simcounter.ufx.pack import PackTable, decode_pack, encode_pack, table_of
from simcounter.ufx.rows import UfxRow
from simcounter.ufx.tags import Tag, Tags, bytes_of, number_of, numbers_of

SUBSCRIBE, UNSUBSCRIBE, BEAT, SESSION, PUSH, LIST, KICK = 620701, 620702, 620703, 620705, 620706, 620707, 620715
TOPIC, TOPIC_NUMBER = "ufx_topic", 12
BEAT_SECONDS = 1.5
NO_SUCH_TOPIC, CHECK_FAILED = -1001, -1002
"""error numbers of this counter's own"""
_MAX_SUBSCRIPTIONS = 1000
_CONTROL = (
    "TopicName", "TopicNo", "ReliableLevel", "IssuePriority", "MsgLifetime", "Stutas", "TickStrategy",
    "BusinessVerify", "Local",
)  # fmt: skip
_FILTER_FIELDS = tuple(f"FilterField{number}" for number in range(1, 17))


@dataclass(slots=True)
class TopicSession:
    """One session of the message center."""

    connection: UfxConnection
    client: int
    server: int
    subscriptions: dict[str, list[bytes]] = field(default_factory=dict)
    """operator_no -> the key that the client gave"""

    def tags(self) -> Outgoing:
        return {Tag.SESSION_NUMBERS: [b"%d" % self.server, b"%d" % self.client]}


def topic_list() -> list[PackTable]:
    """The answer to 620707."""
    row: dict[str, object] = dict.fromkeys((*_CONTROL, *_FILTER_FIELDS, "SubscribeStr", "PublishStr"), "")
    row |= {"TopicName": TOPIC, "TopicNo": TOPIC_NUMBER, "ReliableLevel": 1, "IssuePriority": 1, "MsgLifetime": 0}
    row |= {"Stutas": 1, "TickStrategy": 0, "BusinessVerify": 1, "Local": 0, "FilterField1": "operator_no"}
    return [table_of([row])]


class UfxTopics:
    """All sessions of one front."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._numbers = itertools.count(7)
        self.sessions: list[TopicSession] = []

    def open_session(self, connection: UfxConnection, tags: Tags) -> Outgoing:
        """Step 1 -> what step 2 says."""
        numbers = numbers_of(tags, Tag.SESSION_NUMBERS) or [0]
        session = TopicSession(connection, numbers[0], next(self._numbers))
        self.sessions.append(session)
        pair = [b"%d" % session.server, b"%d" % session.client, b"0", b"0"]
        return {Tag.STEP: 2, Tag.SESSION_NUMBERS: pair}

    def close_session(self, connection: UfxConnection, tags: Tags) -> None:
        """Step 4."""
        session = self._of(connection, tags)
        if session is not None:
            self.sessions.remove(session)

    def subscribe(self, connection: UfxConnection, tags: Tags) -> int:
        """620701: the error number; 0 where pushes come from now on. Raises PackError."""
        session = self._of(connection, tags)
        if session is None or bytes_of(tags, Tag.TOPIC_NAME) != TOPIC.encode():
            return NO_SUCH_TOPIC
        operator_no = bytes_of(tags, Tag.FILTER_VALUE).decode("gb18030", "replace")
        if not self._may(operator_no, bytes_of(tags, Tag.CONTENT)) or len(session.subscriptions) >= _MAX_SUBSCRIPTIONS:
            return CHECK_FAILED
        session.subscriptions[operator_no] = _key(tags)
        return 0

    def _may(self, operator_no: str, check: bytes) -> bool:
        """The business check: the filter's own operator, with its password."""
        tables = decode_pack(check) if check else []
        row = next((row for table in tables for row in table.texts()), {})
        user = self._accounts.users.get(operator_no)
        if user is None or row.get("login_operator_no") != operator_no:
            return False
        return hmac.compare_digest(user.password.encode(), row.get("password", "").encode())

    def unsubscribe(self, connection: UfxConnection, tags: Tags) -> None:
        """620702."""
        session, key = self._of(connection, tags), _key(tags)
        if session is not None:
            session.subscriptions = {o: k for o, k in session.subscriptions.items() if k[:1] != key[:1]}

    def _of(self, connection: UfxConnection, tags: Tags) -> TopicSession | None:
        numbers = set(numbers_of(tags, Tag.SESSION_NUMBERS))
        found = [s for s in self.sessions if s.connection is connection and {s.client, s.server} <= numbers]
        return found[0] if found else None

    def lose(self, connection: UfxConnection) -> None:
        self.sessions = [session for session in self.sessions if session.connection is not connection]

    def audience(self, names: set[str]) -> list[tuple[TopicSession, list[bytes]]]:
        """Who hears what concerns one of these operators."""
        return [
            (session, key)
            for session in self.sessions
            for operator_no, key in session.subscriptions.items()
            if operator_no in names
        ]

    def push_frame(self, session: TopicSession, key: list[bytes], row: UfxRow) -> bytes:
        """620706."""
        return message_frame(
            {
                Tag.PACKET_TYPE: 0,
                Tag.FUNCTION: PUSH,
                **session.tags(),
                Tag.TOPIC_NUMBER: TOPIC_NUMBER,
                Tag.TOPIC_NAME: TOPIC,
                Tag.SUBSCRIPTION_KEY: key,
                Tag.CONTENT: encode_pack([table_of([row])]),
            }
        )

    def beat_frame(self, session: TopicSession) -> bytes:
        """620703."""
        return message_frame({Tag.PACKET_TYPE: 0, Tag.FUNCTION: BEAT, **session.tags(), Tag.STEP: 0})

    def kick(self, operator_no: str = "") -> int:
        """620715 to the sessions of this operator, or all; how many subscriptions ended."""
        kicked = 0
        for session in self.sessions:
            for name in [n for n in session.subscriptions if operator_no in {"", n}]:
                key = session.subscriptions.pop(name)
                kicked += 1
                session.connection.send(
                    message_frame(
                        {
                            Tag.PACKET_TYPE: 0,
                            Tag.FUNCTION: KICK,
                            **session.tags(),
                            Tag.TOPIC_NUMBER: TOPIC_NUMBER,
                            Tag.TOPIC_NAME: TOPIC,
                            Tag.SUBSCRIPTION_KEY: key,
                        }
                    )
                )
        return kicked


def _key(tags: Tags) -> list[bytes]:
    key = tags.get(Tag.SUBSCRIPTION_KEY, [])
    return key if isinstance(key, list) else [key]


def step_of(tags: Tags) -> int:
    """Of 620705. Raises BodyError."""
    return number_of(tags, Tag.STEP)
