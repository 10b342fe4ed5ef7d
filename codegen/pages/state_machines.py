"""docs/state-machines.md: drawn by asking the machines themselves, so that picture and code cannot disagree.

Every state is offered every kind of event; what the machine answers becomes a line of the table and an arrow of the
picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codegen.pages import marked
from relay.admission.challenge import VALID_SECONDS
from relay.counter.ctp.session import events
from relay.counter.ctp.session import machine as session
from relay.counter.ctp.session.patience import Patience
from relay.sessions import conversation as talk

_HEAD = """\
# State machines

Both machines are pure: they take a fact and answer with what is to be done. The tables are their answers to every kind of fact in every
state; an event without a line is a mistake of the other side and is refused as such. In the conversation any refusal leads to CLOSED: the
terminal gets one of the reasons in [refusals.md](refusals.md), and the stream ends.
"""

_NOT_READY, _PASSING, _LOCKED, _WRONG_PASSWORD, _PASSWORD_DUE, _RELAY_REFUSED = 7, 60, 75, 3, 140, 63
_RELAY, _OPERATOR = "2", "3"
_MESSAGES = (
    ("Hello", "hello", 0.0),
    ("Login", "login", 0.0),
    ("Login, too late", "login", VALID_SECONDS + 1),
    ("Resume", "resume", 0.0),
    ("Call", "call", 0.0),
    ("Logout", "logout", 0.0),
)
_OUT_OF_TURN = {"unexpected_message", "not_logged_in"}


@dataclass(frozen=True, slots=True)
class MachineStep:
    """One answer of a machine."""

    state: str
    fact: str
    commands: str
    after: str


def counter_session_steps(*, operator: bool, ever_live: bool) -> Iterator[MachineStep]:
    """All answers of the counter session's machine, before or after its first successful login."""
    for state in session.LifeState:
        for fact, event, *prepared in _counter_events(operator=operator):
            machine = session.SessionMachine(operator=operator, patience=Patience())
            machine.state, machine.ever_live, machine.trading_day = state, ever_live, "20260105"
            machine.connected, machine.has_turn = True, not ever_live
            machine.step = "authenticate" if state is session.LifeState.AUTHENTICATING else "login"
            machine.unclear, machine.failures = "unclear" in prepared, int("again" in prepared)
            try:
                decision = machine.on(event)
            except session.UnexpectedEvent:
                continue
            if decision or machine.state is not state:
                yield MachineStep(state.name, fact, _named(decision), machine.state.name)


def conversation_steps() -> Iterator[MachineStep]:
    """All answers of the conversation with a terminal that are not 'said out of turn'."""
    for state in talk.Phase:
        for fact, kind, now in _MESSAGES:
            conversation = talk.Conversation()
            conversation.state = state
            refusal = conversation.expect(kind, now)
            if refusal is None:
                yield MachineStep(state.name, fact, "taken", conversation.state.name)
            elif refusal.reason not in _OUT_OF_TURN:
                yield MachineStep(state.name, fact, f"refused: {refusal.reason}", talk.Phase.CLOSED.name)
        if state is talk.Phase.ADMITTING:
            conversation = talk.Conversation()
            conversation.state = state
            conversation.admitted()
            yield MachineStep(state.name, "admitted", "LoggedIn", conversation.state.name)


def _counter_events(*, operator: bool) -> list[tuple[str, events.Event, *tuple[str, ...]]]:
    right, wrong = (_OPERATOR, _RELAY) if operator else (_RELAY, _OPERATOR)
    return [
        ("front connected", events.FrontConnected()),
        ("its turn came", events.TurnCame()),
        ("its turn came, a login is unclear", events.TurnCame(), "unclear"),
        ("front disconnected", events.FrontDisconnected(4097)),
        ("front disconnected, once more", events.FrontDisconnected(4097), "again"),
        (f"authenticated, AppType {right}", events.Authenticated(right)),
        (f"authenticated, AppType {wrong}", events.Authenticated(wrong)),
        ("reported, return code 0", events.Reported(0)),
        ("reported, other return code", events.Reported(-6)),
        ("logged in", events.LoggedIn("20260105")),
        ("logged in, another trading day", events.LoggedIn("20260106")),
        ("refused, counter not ready", events.StepRefused(_NOT_READY, "")),
        ("refused, may pass", events.StepRefused(_PASSING, "")),
        ("refused, wrong password", events.StepRefused(_WRONG_PASSWORD, "")),
        ("refused, password due", events.StepRefused(_PASSWORD_DUE, "")),
        ("refused, for a person to mend", events.StepRefused(_LOCKED, "")),
        ("refused, the relay itself", events.StepRefused(_RELAY_REFUSED, "")),
        ("logged out by the counter", events.ForcedOut()),
        ("deadline passed", events.DeadlinePassed()),
        ("password changed", events.PasswordChanged()),
        ("password read", events.PasswordRead(changed=True)),
        ("password read, a person asked", events.PasswordRead(changed=False, asked=True)),
        ("a person asks to read the password", events.ReadAgain()),
        ("renewal wanted", events.RenewalWanted("")),
        ("step could not be sent or written", events.StepFailed("")),
    ]


def _named(commands: tuple[object, ...]) -> str:
    return ", ".join(type(command).__name__ for command in commands) or "nothing"


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "## The conversation with a terminal\n", _drawn(list(conversation_steps()))]
    for mode, operator in (("many-to-many", False), ("many-to-one", True)):
        first = _reached(counter_session_steps(operator=operator, ever_live=False), "CONNECTING")
        later = _reached(counter_session_steps(operator=operator, ever_live=True), "LIVE")
        parts += [f"\n## The counter session, {mode}\n\nUntil the first login has succeeded:\n", _drawn(first)]
        parts += ["\nFrom then on, what differs:\n", _drawn([step for step in later if step not in first])]
    return "\n".join(parts) + "\n"


def _reached(steps: Iterator[MachineStep], start: str) -> list[MachineStep]:
    """Only the steps of states the machine can come to from `start`; LIVE is where another phase begins."""
    known, reached, begun = list(steps), {start}, 0
    while begun != len(reached):
        begun = len(reached)
        leaving = reached if start == "LIVE" else reached - {"LIVE"}
        reached |= {step.after for step in known if step.state in leaving}
    if start != "LIVE":
        reached.discard("LIVE")
    return [step for step in known if step.state in reached]


def _drawn(steps: list[MachineStep]) -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        if step.state != step.after:
            arrows.setdefault((step.state, step.after), []).append(step.fact)
    lines = [f"    {a} --> {b}: {_label(facts)}" for (a, b), facts in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", "", _table(steps)])


def _label(facts: list[str]) -> str:
    return " / ".join(facts) if len(facts) < 3 else f"{len(facts)} facts, see the table"


def _table(steps: list[MachineStep]) -> str:
    rows = [f"| {s.state} | {s.fact} | {s.commands} | {s.after} |" for s in steps]
    return "\n".join(["| state | fact | what is done | next |", "|---|---|---|---|", *rows])


def files() -> dict[Path, str]:
    """The page."""
    return {Path("docs/state-machines.md"): marked(page())}
