"""Why the relay is not reached, for the person at vn.py's window: the terminal says it in English, and not which field is wrong."""

from __future__ import annotations

from terminal_client.channel import NotReached

_KNOWN = {
    NotReached.ANOTHER_NAME: "证书里没有这个地址，请核对「中继地址」或填写「证书名称」 The certificate has another name: check both",
    NotReached.NOT_TRUSTED: "证书不被信任，请核对「CA证书」 The certificate is not trusted: check 「CA证书」",
    NotReached.NO_TLS: "对方不是TLS，请核对「中继地址」和「传输方式」 No TLS there: check 「中继地址」 and 「传输方式」",
    NotReached.NOTHING_LISTENS: "该端口没有程序在监听，请核对「中继地址」，或等中继启动 Nothing listens there: check 「中继地址」",
    NotReached.NO_SUCH_HOST: "找不到这台主机，请核对「中继地址」 There is no such host: check 「中继地址」",
    NotReached.NO_ANSWER: "没有应答，请检查网络和防火墙 No answer: check the network and firewalls",
}
"""by what the terminal says"""


def with_advice(why: str) -> str:
    """What went wrong, and before it what can be done, where that is known."""
    return next((f"{advice} ({why})" for words, advice in _KNOWN.items() if words in why), why)
