"""When a relay can be replaced by its next process, and what that one inherits."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

import pytest

from relay.settings.settings import Settings
from relay.stop_signals import SUCCEEDS
from relay.succession import Inheritance, why_in_turn, why_no_succession
from tests.relay.test_server import settings


@pytest.mark.parametrize(
    ("changed", "word"),
    [({}, ""), ({"ledger": {"url": None}}, "SQLite"), ({"relay": {"mode": "many_to_one"}}, "operator")],
)
def test_two_generations_at_once_need_a_database_and_a_counter_for_both(
    tmp_path: object, changed: dict[str, dict[str, object]], word: str
) -> None:
    """Otherwise one takes the place of the other when that has ended; both is a replacement."""
    values = settings(tmp_path).model_dump(mode="json")  # type: ignore[arg-type]
    values["ledger"]["url"] = "postgresql+psycopg://relay@127.0.0.1/relay"
    for section, changes in changed.items():
        values[section] |= changes
    if changed.get("relay"):
        values["counter"]["operator"] = {"user_id": "op01"}
    there = Settings.model_validate(values)
    why = why_in_turn(there)

    assert (word in why, bool(why)) == (True, bool(word))
    assert why_no_succession(there) == ""


async def test_the_next_process_takes_over_when_it_is_told() -> None:
    """It has the listening socket, says that it is ready, and waits; the variable goes to no program it starts."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    named = {"channel": theirs.detach(), "listening": {"127.0.0.1:0": listening.detach()}, "in_turn": False}
    environment = {SUCCEEDS: json.dumps(named)}
    inherited = Inheritance.of_environment(environment, (sys.stdout, sys.stderr))
    taking = asyncio.ensure_future(inherited.take_over())
    loop = asyncio.get_running_loop()
    with ours, inherited.listening["127.0.0.1:0"] as door:
        ready = await loop.sock_recv(ours, 1)
        waits = not taking.done()
        await loop.sock_sendall(ours, b"G")
        await taking
        await inherited.say_serving()
        serving = await loop.sock_recv(ours, 1)

        assert (ready, waits, serving, environment) == (b"R", True, b"S", {})
        assert (door.getsockname()[1], os.get_inheritable(door.fileno())) == (port, False)


async def test_a_process_whose_predecessor_is_gone_does_not_serve() -> None:
    """It changed its mind, or was killed; without one there is nothing to wait for."""
    ours, theirs = socket.socketpair()
    named = {"channel": theirs.detach(), "listening": {}}
    inherited = Inheritance.of_environment({SUCCEEDS: json.dumps(named)}, (sys.stdout, sys.stderr))
    ours.close()
    with pytest.raises(OSError, match=r"ended|Broken pipe"):
        await inherited.take_over()
    await inherited.say_serving()

    await Inheritance().take_over()


@pytest.mark.parametrize("killed", [False, True])
async def test_a_process_that_takes_its_turn_waits_for_the_end_of_the_other(tmp_path: object, killed: bool) -> None:
    """It says that it is ready, waits for the word and then for the end, also of one that is killed; then for its counter."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    named = {"channel": theirs.detach(), "listening": {}, "in_turn": True}
    inherited = Inheritance.of_environment({SUCCEEDS: json.dumps(named)}, (sys.stdout, sys.stderr))
    waiting = asyncio.ensure_future(inherited.await_turn(settings(tmp_path)))  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    ready = await loop.sock_recv(ours, 1)
    await loop.sock_sendall(ours, b"G")
    early = await asyncio.wait({waiting}, timeout=0.05)
    if killed:
        ours.close()
    else:
        await loop.sock_sendall(ours, b"O")
    await waiting
    answers = iter([False, False, True])
    await inherited.take_over(lambda: next(answers))
    await inherited.say_serving()

    assert (ready, early[0], inherited.beside) == (b"R", set(), False)
    assert next(answers, None) is None
    ours.close()


async def test_a_process_that_takes_its_turn_ends_where_the_other_stays(tmp_path: object) -> None:
    """Before the word the other one has changed its mind, or was killed and is started again by somebody else."""
    ours, theirs = socket.socketpair()
    named = {"channel": theirs.detach(), "listening": {}, "in_turn": True}
    inherited = Inheritance.of_environment({SUCCEEDS: json.dumps(named)}, (sys.stdout, sys.stderr))
    ours.close()
    with pytest.raises(OSError, match=r"ended|Broken pipe"):
        await inherited.await_turn(settings(tmp_path))  # type: ignore[arg-type]
    await inherited.say_serving()
