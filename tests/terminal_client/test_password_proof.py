"""A terminal proves the investor's password, and keeps it where the relay needs it no more."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from argon2.low_level import Type, hash_secret_raw

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, LoginRejected, RelayTerminal
from terminal_client.errors import PasswordNotProvable
from terminal_client.password_proof import DerivedPasswords, SaltedName, salted_name
from terminal_client.secret import Secret
from tests.terminal_client.scripted_relay import ScriptedRelay

Connect = Callable[..., RelayTerminal]
PASSWORD = "correct horse 密码"
LOGIN = ("9999", "100001", PASSWORD)
OFFER = pb.PasswordOffer(firm_salt=b"f" * 16, passes=2, memory_kib=19456)


class AnsweringRelay:
    """Answers proofs as a relay does that has the password's keys."""

    def __init__(self, relay: ScriptedRelay) -> None:
        self.relay = relay
        relay.offer = OFFER
        admit = relay.admit

        def answered(request: pb.TerminalMessage) -> object:
            said = self._said(request.login)
            relay.relay_proof = hmac.digest(self._key(b"Server Key"), said, "sha256")
            client = self._key(b"Client Key")
            mask = hmac.digest(hashlib.sha256(client).digest(), said, "sha256")
            expected = bytes(a ^ b for a, b in zip(client, mask, strict=True))
            self.right = request.login.password_proof.proof == expected
            return admit(request)

        relay.admit = answered  # type: ignore[method-assign,assignment]

    def _said(self, login: pb.Login) -> bytes:
        names = (b"demo_terminal_1.0", b"9999", b"100001")
        texts = b"".join(len(name).to_bytes(2, "big") + name for name in names)
        return b"ctp-relay password proof 1" + self.relay.timestamp + login.password_proof.nonce + texts

    def _key(self, name: bytes) -> bytes:
        salt = hmac.digest(b"f" * 16, b"9999\x00100001", "sha256")[:16]
        return hmac.digest(hash_secret_raw(PASSWORD.encode(), salt, 2, 19456, 1, 32, Type.ID), name, "sha256")


async def test_the_password_is_sent_beside_its_proof_until_the_relay_has_shown_its_keys(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """From then on the proof stands alone, each time another one."""
    answering, keys = AnsweringRelay(relay), DerivedPasswords()

    for _ in range(2):
        await connect(passwords=keys).login(*LOGIN, collected)
        assert answering.right

    assert [login.password for login in relay.logins] == [PASSWORD, ""]
    first, second = (login.password_proof for login in relay.logins)
    assert first.nonce != second.nonce
    assert first.proof != second.proof


async def test_after_a_refusal_the_password_is_sent_again(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """The firm may have kept another one meanwhile."""
    AnsweringRelay(relay)
    keys = DerivedPasswords()
    await connect(passwords=keys).login(*LOGIN, collected)
    relay.login_refusals.append(pb.Rejected(source=pb.SOURCE_RELAY, reason="investor_not_accepted"))
    with pytest.raises(LoginRejected):
        await connect(passwords=keys).login(*LOGIN, collected)

    await connect(passwords=keys).login(*LOGIN, collected)

    assert [login.password for login in relay.logins] == [PASSWORD, "", PASSWORD]


async def test_a_relay_that_takes_proofs_only_gets_no_password(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """From the first login on."""
    AnsweringRelay(relay)
    assert relay.offer is not None
    relay.offer = pb.PasswordOffer(firm_salt=OFFER.firm_salt, passes=2, memory_kib=19456, proof_only=True)

    await connect().login(*LOGIN, collected)

    assert [login.password for login in relay.logins] == [""]


@pytest.mark.parametrize(
    "offer",
    [
        None,
        pb.PasswordOffer(firm_salt=b"f" * 16, passes=1, memory_kib=19456),
        pb.PasswordOffer(firm_salt=b"f" * 16, passes=2, memory_kib=1024),
        pb.PasswordOffer(firm_salt=b"f" * 16, passes=2, memory_kib=1 << 30),
        pb.PasswordOffer(firm_salt=b"", passes=2, memory_kib=19456),
    ],
    ids=["none", "one pass", "little memory", "too much memory", "no salt"],
)
async def test_a_password_that_is_to_stay_is_sent_to_no_relay_that_asks_for_less(
    relay: ScriptedRelay, connect: Connect, collected: Collected, offer: pb.PasswordOffer | None
) -> None:
    """A false relay gets neither the password nor something that is cheap to guess it by."""
    relay.offer = offer

    with pytest.raises(PasswordNotProvable):
        await connect().login(*LOGIN, collected, proof_only=True)

    assert relay.logins == []


async def test_a_relay_that_does_not_show_the_keys_is_left(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """It let the terminal in without being able to judge its proof."""
    relay.offer, relay.relay_proof = OFFER, b"x" * 32

    with pytest.raises(PasswordNotProvable):
        await connect().login(*LOGIN, collected, proof_only=True)


async def test_what_was_derived_is_printed_nowhere_and_bound_to_name_and_password() -> None:
    """Another password, another investor: another key."""
    name = salted_name(OFFER, "9999", "100001")
    assert name is not None
    keys = DerivedPasswords()
    first = await keys.key(name, Secret("one"))
    others = [
        await keys.key(name, Secret("two")),
        await keys.key(SaltedName(name.firm_salt, 2, 19456, "9999", "100002"), Secret("one")),
    ]

    assert first is not None
    assert await keys.key(name, Secret("one")) is first
    assert all(other is not None and other.derived != first.derived for other in others)
    assert repr(first.derived) not in repr(first)
    assert "one" not in repr(keys)
