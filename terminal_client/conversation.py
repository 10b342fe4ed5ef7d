"""The words on one stream: hello, challenge, then login or resume.

A stream is one try. What becomes of a session whose stream broke is `link`'s business.
"""

from __future__ import annotations

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.errors import LoginRejected, Refusal
from terminal_client.farewells import NextStep, last_word
from terminal_client.proof import auth_info
from terminal_client.secret import Secret
from terminal_client.session import Credentials
from terminal_client.stream import Stream, StreamBroken
from terminal_client.translation import refusal_of

PROTOCOL = 1
_PAUSE_SECONDS = 1
"""before the next login, where the relay said goodbye to this one and another may succeed"""


async def log_in(
    stream: Stream, app_id: str, auth_code: Secret, client_version: str, credentials: Credentials
) -> pb.LoggedIn:
    """Prove the terminal and log the investor in. LoginRejected with the relay's reason; StreamBroken."""
    timestamp = await _challenge(stream, app_id, client_version)
    collected = credentials.collected
    login = pb.Login(
        auth_info=auth_info(auth_code.reveal(), timestamp),
        broker_id=credentials.broker_id,
        investor_id=credentials.investor_id,
        password=credentials.password.reveal(),
        system_info=collected.system_info,
        system_info_length=collected.length,
        collector_code=collected.code,
        collector_version=collected.version,
        mac_address=credentials.mac_address,
        login_remark=credentials.login_remark,
        confirm_settlement=credentials.confirm_settlement,
        report_kind=pb.REPORT_KIND_TERMINAL,
        one_time_password=credentials.one_time_password.reveal(),
        start_from=pb.START_FROM_NOW if credentials.live_only else pb.START_FROM_DAY,
    )
    stream.send(pb.TerminalMessage(login=login))
    return await _logged_in(stream)


async def resume(stream: Stream, app_id: str, client_version: str, token: Secret, after: int) -> pb.LoggedIn:
    """Attach to the session of `token` again, with every event after sequence `after`."""
    await _challenge(stream, app_id, client_version)
    request = pb.Resume(resume_token=bytes.fromhex(token.reveal()), after_sequence=after)
    stream.send(pb.TerminalMessage(resume=request))
    return await _logged_in(stream)


async def _challenge(stream: Stream, app_id: str, client_version: str) -> bytes:
    hello = pb.Hello(protocol=PROTOCOL, app_id=app_id, client_version=client_version)
    stream.send(pb.TerminalMessage(hello=hello))
    message = await stream.receive()
    _refuse(message)
    if message.WhichOneof("body") != "challenge":
        raise StreamBroken(f"the relay answered hello with {message.WhichOneof('body')}")
    return message.challenge.timestamp


async def _logged_in(stream: Stream) -> pb.LoggedIn:
    message = await stream.receive()
    _refuse(message)
    if message.WhichOneof("body") != "logged_in":
        raise StreamBroken(f"the relay answered the login with {message.WhichOneof('body')}")
    return message.logged_in


def _refuse(message: pb.RelayMessage) -> None:
    match message.WhichOneof("body"):
        case "rejected":
            raise LoginRejected(refusal_of(message.rejected))
        case "goodbye":
            last = last_word(message.goodbye)
            pause = 0 if last.kind.next_step is NextStep.STOP else _PAUSE_SECONDS
            raise LoginRejected(Refusal("relay", last.kind.word, last.reason, retry_after_seconds=pause))
        case _:
            return
