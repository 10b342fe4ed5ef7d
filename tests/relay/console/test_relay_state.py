"""One honest state for all relays."""

from __future__ import annotations

from typing import Any

import pytest

from relay.console.live import WatchedRelay
from relay.console.relay_state import BigState, big_state, worker_lines
from relay.console.words import Language, load_sentences

NOW = 1_767_576_600.0
WELL: dict[str, Any] = {
    "readiness": {"ready": True},
    "process": {"started_at": "2026-01-05T08:30:01+08:00"},
    "counter": {"since": "2026-01-05T08:31:07+08:00"},
}
FRONT_DOWN = {
    "kind": "front_down",
    "title": {"zh": "柜台前置连接中断", "en": "no front is connected"},
    "advice": {"zh": "检查网络", "en": "check the network"},
    "why": "tcp://192.0.2.1:41205",
    "since": "2026-01-05T09:14:02+08:00",
    "grave": True,
}
NOT_READY = {"ready": False, "reason": "front_down", "message": "前置断开 / front down", "advice": "稍后 / later"}


def relay(name: str = "a", *, reachable: bool = True, **status: Any) -> WatchedRelay:
    return WatchedRelay(name, reachable=reachable, why="", since=NOW - 60, status={**WELL, **status})


def state_of(*relays: WatchedRelay, language: Language = Language.ZH) -> BigState:
    sentences = load_sentences()
    return big_state(relays, lambda key, **facts: sentences.say(language, key, **facts), language, NOW)


@pytest.mark.parametrize(
    ("relays", "kind", "words"),
    [
        ([relay("a"), relay("b")], "ok", "运行正常"),
        ([relay(readiness=NOT_READY)], "bad", "无法登录"),
        ([relay(readiness=NOT_READY, faults=[FRONT_DOWN])], "bad", "无法登录"),
        ([relay("a"), relay("b", readiness=NOT_READY, faults=[FRONT_DOWN])], "bad", "部分异常"),
        ([relay("a"), relay("b", reachable=False)], "bad", "部分异常"),
        ([relay(reachable=False)], "unknown", "状态未知"),
        ([relay(faults=[{**FRONT_DOWN, "grave": False}])], "warn", "需要处理"),
        ([relay(paused={"paused": True, "by": "ops", "reason": "演练"})], "warn", "暂停登录"),
        ([], "ok", "没有中继"),
    ],
)
def test_the_state_is_that_of_the_worst(relays: list[WatchedRelay], kind: str, words: str) -> None:
    """A fault at one relay is not hidden by the others, and silence is not taken for health."""
    state = state_of(*relays)

    assert (state.kind, state.words) == (kind, words)


def test_a_fault_says_since_when_why_and_what_to_do() -> None:
    """In the language of the page, and once: what readiness repeats of a fault is not said again."""
    (why,) = state_of(relay(readiness=NOT_READY, faults=[FRONT_DOWN])).why

    assert (why.words, why.todo, why.why) == ("柜台前置连接中断", "检查网络", "tcp://192.0.2.1:41205")
    assert state_of(relay(faults=[FRONT_DOWN])).since is not None


def test_each_worker_is_shown_and_one_that_ended_is_something_to_look_at() -> None:
    """Terminals can log in at the others. While the relay starts, nothing has ended."""
    serving = {
        "number": 1,
        "state": "serving",
        "starts": 1,
        "why": "",
        "status": {"sessions": {"total": 3, "most": 50}},
    }
    resting = {"number": 2, "state": "resting", "starts": 2, "why": "signal SIGKILL", "status": None}
    state = state_of(relay(workers=[serving, resting]))
    sentences = load_sentences()
    lines = list(
        worker_lines({"workers": [serving, resting]}, lambda key, **facts: sentences.say(Language.ZH, key, **facts))
    )

    assert state.kind == "warn"
    assert [(why.words, why.why) for why in state.why] == [("工作进程 2 意外结束，正在重启", "signal SIGKILL")]
    assert state_of(relay(workers=[serving, {**resting, "state": "starting", "starts": 1}])).kind == "ok"
    assert lines == ["工作进程 1：服务中，会话 3 / 50，启动 1 次", "工作进程 2：等待重启，会话 –，启动 2 次"]


def test_a_pause_and_a_drain_are_said_once() -> None:
    """They are faults as well, which say less: not by whom."""
    paused = {"paused": True, "by": "ops", "reason": "演练"}
    pauses = state_of(relay(paused=paused, faults=[{**FRONT_DOWN, "kind": "logins_paused", "grave": False}]))
    drains = state_of(
        relay(readiness={"ready": False, "draining": True}, faults=[{**FRONT_DOWN, "kind": "draining", "grave": False}])
    )

    assert (len(pauses.why), len(drains.why)) == (1, 1)
    assert "ops" in pauses.why[0].why


def test_a_good_state_counts_from_when_the_last_relay_came_up() -> None:
    """The operator's login at the counter, where that was later than the start."""
    since = state_of(relay()).since

    assert str(since) == "2026-01-05 08:31:07+08:00"


def test_every_state_has_its_words_in_english() -> None:
    """The same kinds, other words."""
    assert state_of(relay(), language=Language.EN).words == "All is well"
