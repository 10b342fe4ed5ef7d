"""What each step of the lesson is, and what the terminal's user does in it."""

from __future__ import annotations

from terminal_client.checking.lesson import LessonStep

STEP_WORDS: dict[LessonStep, tuple[str, str]] = {
    LessonStep.REFUSED: (
        "请让终端连接并登录；第一次登录会被拒绝",
        "let the terminal connect and log in; the first login is going to be refused",
    ),
    LessonStep.SLOW: (
        "登录已被拒绝；请等到可以重试时再登录，这次应答很慢",
        "the login was refused; log in again when it may be tried again, and this answer is slow",
    ),
    LessonStep.ORDER: ("已登录；请下一笔限价单", "logged in; place one limit order"),
    LessonStep.FIRST_BREAK: ("线路已切断；等待终端恢复会话", "the line was cut; waiting for the terminal to resume"),
    LessonStep.SECOND_BREAK: (
        "线路再次切断；等待终端恢复会话",
        "the line was cut again; waiting for the terminal to resume",
    ),
    LessonStep.SILENCE: (
        "线路没有声音了；等待终端发现，或由检查切断",
        "the line is silent; waiting for the terminal to notice, or for the check to cut it",
    ),
    LessonStep.STOPPING: (
        "中继说要停止；等待终端重新登录",
        "the relay said that it stops; waiting for the terminal to log in again",
    ),
    LessonStep.LOGOUT: ("已重新登录；请登出", "logged in again; log out now"),
    LessonStep.DONE: ("已登出；看终端是否不再连接", "logged out; seeing whether the terminal stays away"),
}
"""in Chinese and English"""
