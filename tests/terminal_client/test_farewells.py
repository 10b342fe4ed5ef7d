"""Each of the relay's goodbyes, and that the terminal does what terminal.proto says about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from ctprelay.ctp.v1 import structs_pb2
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, Farewell, RelayTerminal, SessionEnded, State
from terminal_client.farewells import NextStep, last_word
from terminal_client.subscriptions import Subscription
from terminal_client.translation import status_of
from tests.terminal_client.scripted_relay import LOGIN, Provider, ScriptedRelay

Connect = Callable[..., RelayTerminal]
PROTO = Path(__file__).parents[2] / "proto/ctprelay/v1/terminal.proto"
WORDS = {NextStep.RESUME: "Resume", NextStep.LOG_IN: "Log in again", NextStep.STOP: "Stop"}


def comment(kind: str) -> str:
    """What the proto says above KIND_…; one line."""
    found = re.search(rf"((?:[ ]+//.*\n)+) +KIND_{kind} =", PROTO.read_text())
    assert found is not None
    return " ".join(line.strip().removeprefix("//").strip() for line in found[1].splitlines())


@pytest.mark.parametrize("kind", Farewell)
def test_the_proto_says_what_this_client_does(kind: Farewell) -> None:
    """A stranger's client is written from it."""
    said = comment("UNSPECIFIED" if kind is Farewell.UNKNOWN else kind.name)

    assert re.search(rf"(^|[.:] ){WORDS[kind.next_step]}\b", said), said


def test_every_goodbye_of_the_proto_is_known() -> None:
    """And one that a later relay says ends the session, as the proto demands."""
    assert {int(kind.wire) for kind in Farewell} == set(pb.Goodbye.Kind.values())
    later = pb.Goodbye.FromString(pb.Goodbye(reason="later").SerializeToString() + b"\x10\x63")
    assert last_word(later).kind is Farewell.UNKNOWN
    assert last_word(later).kind.next_step is NextStep.STOP


@pytest.mark.parametrize("kind", [kind for kind in Farewell if kind.next_step is NextStep.STOP])
async def test_after_these_it_stops(
    relay: ScriptedRelay, connect: Connect, collected: Collected, kind: Farewell
) -> None:
    """Neither resumed nor logged in again; the program learns which it was, without reading sentences."""
    provider = Provider(collected)
    terminal, orders = await logged_in(connect, provider, collected)

    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=kind.wire, reason="whatever it says")))

    with pytest.raises(SessionEnded, match="whatever it says") as ended:
        await anext(orders)
    assert ended.value.kind is kind
    assert kind.advice in str(ended.value)
    assert (provider.asked, terminal.state) == (0, State.ENDED)
    with pytest.raises(SessionEnded) as again:
        await terminal.request("qry_order", structs_pb2.QryOrder())
    assert again.value.kind is kind


@pytest.mark.parametrize("kind", [kind for kind in Farewell if kind.next_step is not NextStep.STOP])
async def test_after_these_it_goes_on_by_itself(
    relay: ScriptedRelay, connect: Connect, collected: Collected, kind: Farewell
) -> None:
    """The session resumed where it is still there, another one opened where it is not."""
    provider = Provider(collected)
    terminal, _ = await logged_in(connect, provider, collected)
    statuses = terminal.statuses()

    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(kind=kind.wire, reason="whatever it says")))
    seen = [await anext(statuses) for _ in range(2)]

    assert [(status.state, status.cause) for status in seen] == [("reconnecting", kind.word), ("live", "")]
    resumes = sum(message.HasField("resume") for message in relay.received)
    expected = (1, 0) if kind.next_step is NextStep.RESUME else (0, 1)
    assert (resumes, provider.asked) == expected


@pytest.mark.parametrize("name", pb.SessionStatus.Cause.keys())
def test_a_change_at_the_counter_has_its_cause_as_a_word(name: str) -> None:
    """For programs; the reason is for people."""
    status = status_of(pb.SessionStatus(cause=cast("pb.SessionStatus.Cause", name)))

    assert status.cause == ("" if name == "CAUSE_UNSPECIFIED" else name.removeprefix("CAUSE_").lower())
    assert status_of(pb.SessionStatus.FromString(b"\x28\x63")).cause == ""


async def logged_in(
    connect: Connect, provider: Provider, collected: Collected
) -> tuple[RelayTerminal, Subscription[structs_pb2.Order]]:
    terminal = connect(credentials=provider)
    orders = terminal.orders()
    await terminal.login(*LOGIN, collected)
    return terminal, orders
