"""What a terminal may call itself."""

from __future__ import annotations

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.self_description import check_hello, check_login
from tests.relay.test_outside_text import HARMFUL

TEXTS = [text for text in HARMFUL.values() if "\ud800" not in text]
"""protobuf takes no half of a pair"""


@pytest.mark.parametrize("app_id", ["", "x" * 33, "a@b", "终端_1.0", *TEXTS])
def test_an_app_id_that_no_firm_can_register_is_refused_by_name(app_id: str) -> None:
    """As `terminal add` refuses it; the value is not repeated."""
    refusal = check_hello(pb.Hello(app_id=app_id))

    assert refusal is not None
    assert refusal.reason == "request_malformed"
    assert "app_id" in refusal.message
    assert len(app_id) < 2 or app_id not in refusal.message


def login_with(member: str, text: str) -> pb.Login:
    login = pb.Login()
    setattr(login, member, text)
    return login


@pytest.mark.parametrize("member", ["client_version", "collector_version", "login_remark"])
@pytest.mark.parametrize("text", TEXTS)
def test_free_text_must_be_seen(member: str, text: str) -> None:
    """Of each text that is written somewhere; the refusal names the member."""
    if member == "client_version":
        refusal = check_hello(pb.Hello(app_id="a", client_version=text))
    else:
        refusal = check_login(login_with(member, text))

    assert refusal is not None
    assert member in refusal.message
    assert text not in refusal.message


@pytest.mark.parametrize(
    "login",
    [
        pb.Login(mac_address="00:11:22\n"),
        pb.Login(mac_address="[red]"),
        pb.Login(investor_id="1\u202e"),
        pb.Login(broker_id="\x1b9999"),
        pb.Login(investor_id="张三"),
        pb.Login(collector_version="v" * 129),
    ],
    ids=lambda login: str(login.ListFields()[0][0].name),
)
def test_names_and_addresses_have_their_characters(login: pb.Login) -> None:
    """Each by its member's name."""
    refusal = check_login(login)

    assert refusal is not None
    assert login.ListFields()[0][0].name in refusal.message


def test_too_long_a_version_is_refused() -> None:
    """64 bytes, as the protocol says; it is not cut."""
    assert check_hello(pb.Hello(app_id="a", client_version="版" * 21 + "1")) is None
    assert "client_version" in str(check_hello(pb.Hello(app_id="a", client_version="版" * 22)))


def test_what_honest_terminals_say_is_taken() -> None:
    """Chinese remarks, every way to write a hardware address, any password, and nothing at all."""
    assert check_hello(pb.Hello(app_id="client_demo_1.0", client_version="快期 3.2 (build 7)")) is None
    for mac in ("", "00:11:22:33:44:55", "00-11-22-33-44-55", "0011.2233.4455", "001122334455"):
        login = pb.Login(
            broker_id="9999", investor_id="100001", password="\x00\x1b", mac_address=mac, login_remark="张三\u3000电脑"
        )
        assert check_login(login) is None
    assert check_login(pb.Login()) is None
