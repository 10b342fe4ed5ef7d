"""The counter systems of the demonstration: which counter plays, what its relay's settings say, and what of it is real.

What a terminal collects differs too; see `collecting`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ctpabi import locale
from ctpabi.catalog import Distribution, Interface
from ctpabi.catalog.data import load_catalog
from ctpabi.locale import LocaleMissing
from ctpabi.shim import substitute
from ctpabi.shim.build import build
from ctpabi.shim.substitute import BindingMissing
from demo.cast import Cast
from demo.collecting import Collection, collect_ctp, collect_cts
from demo.relay_site import CounterLines, clean_environment, ctp_settings
from demo.story import CARRIED, FOLLOWED, REGISTERED
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from simcounter.exec import program_environment

T2SDK = Path(__file__).resolve().parent.parent / ".cache" / "t2sdk" / "libt2sdk.so"
"""where scripts/set-up puts Hundsun's library"""


class SystemMissing(Exception):
    """What the system needs is not on this machine; the message says what to do, in Chinese and English."""


@dataclass(frozen=True, slots=True)
class DemoSystem:
    """One of them."""

    name: str
    title: str
    about: str
    """what the demonstration follows"""
    real: str
    simulated: str
    preparing: str
    """why the first step takes its time"""
    starting: str
    """how the relay comes to this counter"""
    collecting: str
    why_collected: str
    collect: Callable[[Path], Collection]
    """what the terminal collects, in its folder; blocks"""
    counter: Callable[[CounterConfig], SimulatedCounter]
    settings: Callable[[Cast, SimulatedCounter], CounterLines]
    needs: Callable[[], None] = lambda: None
    """raises SystemMissing"""
    distribution: Distribution | None = None
    """the binding that the relay calls its counter through; None: it calls no library of CTP's"""
    one_each: bool = False
    """the counter serves one relay, so each mode has its own"""

    def relay_environment(self, temporary: Path) -> dict[str, str]:
        """The environment of relay processes; builds the simulated library the first time (about 20 s), and the locale of CTP's.

        What they leave in their `temporary` directory even when they are killed is gone with the demonstration.
        """
        temporary.mkdir(mode=0o700)
        try:
            locale.ensure()  # once, and not in the relays of both modes at a time
        except LocaleMissing as missing:
            raise SystemMissing(str(missing)) from None
        environment = {**clean_environment(os.environ), "TMPDIR": str(temporary)}
        if self.distribution is None:
            return environment
        try:
            shim = build(substitute.installed(distribution=self.distribution))
        except BindingMissing as missing:
            raise SystemMissing(str(missing)) from None
        return program_environment(environment, shim=shim)


_COLLECTOR = "CTP_GetSystemInfo（官方采集库）"
_OURS = "gRPC/TLS，ctp-relay 进程与命令"
_CENTERS = "柜台，交易所，监控中心 · counter, exchange, monitoring center"
_COMPILED = "替代官方交易库的替身库只在第一次编译，约 20 秒。\nThe stand-in for the vendor's library is compiled once, about 20 s."
_NOTHING_COMPILED = "柜台在本进程内，只用本机回环地址。\nThe counter runs in this process, on loopback addresses alone."


_STARTED_AS_CTP = "终端经 TLS 连接中继；中继用自己的 AppID 向柜台认证。\nTerminals come over TLS; the relay's own app id opens the counter."
_COLLECTING_CTP = "采集本机信息 CTP_GetSystemInfo"
_WHY_CTP = "官方采集库把本机地址、硬盘、CPU 等写成一串加密字节。\nThe vendor's collector encrypts what identifies this machine."


def _of_binding(name: str, title: str, distribution: Distribution) -> DemoSystem:
    def counter(config: CounterConfig) -> SimulatedCounter:
        market = load_catalog(Interface.MARKET_DATA, distribution)
        return SimulatedCounter(config, catalog=load_catalog(distribution=distribution), market_data=market)

    def settings(cast: Cast, counter: SimulatedCounter) -> CounterLines:
        return ctp_settings(cast, counter.address, distribution.value)

    real = f"{_COLLECTOR}，{distribution.value}，{_OURS}"
    return DemoSystem(
        name=name,
        title=title,
        about=FOLLOWED,
        real=real,
        simulated=_CENTERS,
        preparing=_COMPILED,
        starting=_STARTED_AS_CTP,
        collecting=_COLLECTING_CTP,
        why_collected=_WHY_CTP,
        collect=lambda _: collect_ctp(),
        counter=counter,
        settings=settings,
        distribution=distribution,
    )


def _playing(system: str) -> Callable[[CounterConfig], SimulatedCounter]:
    return lambda config: SimulatedCounter(replace(config, system=system))


def _cts_settings(_: Cast, counter: SimulatedCounter) -> CounterLines:
    return CounterLines("cts", "", f'[counter.cts]\naddress = "127.0.0.1:{counter.port}"\ncheck_order_seconds = 0.2\n')


def _ufx_settings(_: Cast, counter: SimulatedCounter) -> CounterLines:
    return CounterLines("ufx", "", f'[counter.ufx]\nservers = ["127.0.0.1:{counter.port}"]\nlibrary = "{T2SDK}"\n')


def _needs_t2sdk() -> None:
    if platform.machine() != "x86_64":
        raise SystemMissing(
            "恒生 T2SDK 只有 x86_64 版：请在 x86_64 机器上演示\n"
            "Hundsun's T2SDK is there for x86_64 alone: run this demonstration on such a machine"
        )
    if not T2SDK.exists():
        raise SystemMissing(
            f"没有恒生 T2SDK（{T2SDK}），UFX 演示只用它本身，不以别的代替；scripts/set-up demo ufx 从 PyPI 的 vnpy_uft 源码包取得\n"
            f"there is no T2SDK of Hundsun's ({T2SDK}); the demonstration of UFX uses it and nothing in its place."
            " `scripts/set-up demo ufx` takes it out of PyPI's source distribution of vnpy_uft"
        )


def _collect_ufx(_: Path) -> Collection:
    hundsun = T2SDK.with_name("libHsFutuSystemInfo.so")
    return collect_ctp(hundsun if hundsun.exists() else None)


def _bridge_settings(_: Cast, counter: SimulatedCounter) -> CounterLines:
    section = (
        f'[counter.bridge]\naddress = "127.0.0.1:{counter.port}"\noperator_user = "{demo_accounts.OPERATOR_ID}"\n'
        'operator_password_file = "operator.secret"\n'
    )
    return CounterLines("bridge", "", section)


SYSTEMS = {
    "ctp": _of_binding("ctp", "上期技术 CTP", Distribution.CTP),
    "tts": _of_binding("tts", "openctp TTS（CTP 接口 · CTP's interface）", Distribution.TTS),
    "cts": DemoSystem(
        name="cts",
        title="根网 RootNet CTS",
        about=CARRIED,
        real=_OURS,
        simulated=f"{_CENTERS}\n           厂商采集程序 the vendor's helper",
        preparing=_NOTHING_COMPILED,
        starting="终端经 TLS 连接中继；中继对柜台说根网的协议：每行一个 JSON，密码按连接密钥加密。\n"
        "Terminals come over TLS; the relay speaks RootNet's lines of JSON, passwords under a connection's key.",
        collecting="采集本机信息 the vendor's helper",
        why_collected="柜台要求哪个厂商的终端信息，终端就运行哪个采集程序；此处以文件代替。\n"
        "The counter names a vendor, and the terminal runs that vendor's helper; here a file takes its place.",
        collect=collect_cts,
        counter=_playing("cts"),
        settings=_cts_settings,
    ),
    "ufx": DemoSystem(
        name="ufx",
        title="恒生 Hundsun UFX",
        about=CARRIED,
        real=f"恒生 T2SDK 与采集库 Hundsun's T2SDK and collector\n           {_COLLECTOR}，{_OURS}",
        simulated=_CENTERS,
        preparing=_NOTHING_COMPILED,
        starting="终端经 TLS 连接中继；中继经恒生自己的 T2SDK 与柜台通信，每个终端一个令牌。\n"
        "Terminals come over TLS; the relay calls Hundsun's own T2SDK, with a token for each terminal.",
        collecting="采集本机信息 CTP_GetSystemInfo",
        why_collected="柜台要 CTP 采集库的信息；有恒生采集库的终端，登录时再附上它的一行。\n"
        "The counter wants what CTP's collector gives; a terminal with Hundsun's brings that too, in a row of its own.",
        collect=_collect_ufx,
        counter=_playing("ufx"),
        settings=_ufx_settings,
        needs=_needs_t2sdk,
    ),
    "bridge": DemoSystem(
        name="bridge",
        title="桥接 bridge（金证 Kingdom KSMM）",
        about=REGISTERED,
        real=_OURS,
        simulated="桥接进程与它背后的柜台库 · the bridge and the library behind it",
        preparing=_NOTHING_COMPILED,
        starting="中继连接桥接进程，登录其柜台库，取得可交易列表。\n"
        "The relay opens the bridge, logs in to the library behind it and gets its list of what may be traded.",
        collecting="采集本机信息 CTP_GetSystemInfo",
        why_collected=_WHY_CTP,
        collect=lambda _: collect_ctp(),
        counter=_playing("bridge"),
        settings=_bridge_settings,
        one_each=True,
    ),
}
