"""Why a terminal, an investor or the terminal's system info is not accepted.

The reasons are precise, as the ledger and the log need them. What would help somebody who guesses app ids or
investors is replaced for the terminal: see `instead`.
"""

from __future__ import annotations

from relay.refusals.reason import Ends, Retry, Rows

reason = Rows(Ends.STREAM)

_CHECK_APP_ID = (
    "请向期货公司核对终端 AppID 与授权码",
    "check the terminal's app id and auth code with your futures firm",
)
_ASK_FIRM = ("请联系期货公司", "ask your futures firm")
_CHECK_INVESTOR = ("请核对投资者代码与密码", "check the investor id and the password")
_COLLECT_AGAIN = (
    "请用官方采集库 CTP_GetSystemInfo 重新采集，按字节原样发送",
    "collect again with the official CTP_GetSystemInfo and send its bytes unchanged",
)
_SET_THE_CLOCK = ("请校准终端时钟与时区（Asia/Shanghai）", "set the terminal's clock and time zone (Asia/Shanghai)")


# The terminal ---------------------------------------------------------------------------------------------------


@reason(("终端 AppID 或授权码未通过认证", "app id or auth code not accepted"), advice=_CHECK_APP_ID)
def terminal_not_accepted() -> None:
    """The one answer before the proof: the app id is unknown, the auth code is wrong, or the answer was used before."""


@reason(
    ("未登记的终端 {app_id!r}", "app id {app_id!r} is not registered"),
    advice=_CHECK_APP_ID,
    instead=terminal_not_accepted,
)
def unknown_terminal(*, app_id: str) -> None:
    """The app id is not in the directory."""


@reason(
    ("终端 {app_id!r} 的授权码不符", "wrong auth code for app id {app_id!r}"),
    advice=_CHECK_APP_ID,
    instead=terminal_not_accepted,
)
def wrong_proof(*, app_id: str) -> None:
    """The answer to the challenge was not made with the terminal's auth code."""


@reason(
    ("认证超时", "the challenge was answered too late"),
    advice=("请重新连接后登录", "connect again and log in at once"),
)
def challenge_expired() -> None:
    """The login came later than the challenge is valid."""


@reason(
    ("认证应答只能使用一次", "this challenge was answered before"),
    advice=("请重新连接后登录", "connect again: each connection has one challenge"),
    instead=terminal_not_accepted,
)
def challenge_replayed() -> None:
    """The answer of an earlier connection: somebody listened, or a terminal is broken."""


@reason(
    ("终端 {app_id!r} 已停用", "app id {app_id!r} is disabled"),
    advice=_ASK_FIRM,
    ends=Ends.STREAM | Ends.SESSION,
    retry=Retry.NO,
)
def terminal_disabled(*, app_id: str) -> None:
    """The terminal proved itself, but the firm has disabled it."""


@reason(
    ("终端 {app_id!r} 不可用于 {mode} 模式", "app id {app_id!r} is not admitted in mode {mode}"),
    advice=_ASK_FIRM,
    retry=Retry.NO,
)
def mode_not_allowed(*, app_id: str, mode: str) -> None:
    """The terminal is registered for the other mode only."""


@reason(
    ("终端 {app_id!r} 无权上报 {kind} 类信息", "app id {app_id!r} may not send reports of kind {kind}"),
    advice=(
        "请发送官方采集库的信息（REPORT_KIND_TERMINAL），或请期货公司开通（ctp-relay terminal kinds）",
        "send the official collector's bytes (REPORT_KIND_TERMINAL), or ask your futures firm for the right (ctp-relay terminal kinds)",
    ),
    retry=Retry.NO,
)
def report_kind_not_allowed(*, app_id: str, kind: str) -> None:
    """The login's report_kind is one that the firm has not allowed this app id."""


# Its certificate -----------------------------------------------------------------------------------------------


@reason(
    ("终端 {app_id!r} 未登记证书", "no certificate is registered for app id {app_id!r}"),
    advice=(
        "请期货公司登记该终端的证书（ctp-relay terminal certificate）",
        "ask your futures firm to register the terminal's certificate (ctp-relay terminal certificate)",
    ),
    retry=Retry.NO,
)
def certificate_not_registered(*, app_id: str) -> None:
    """listen.client_certificates is required, and the firm has registered none for this app id."""


@reason(
    ("终端 {app_id!r} 未出示证书", "app id {app_id!r} showed no certificate"),
    advice=(
        "请为终端配置证书与密钥，并连接 listen.address_with_certificates",
        "give the terminal its certificate and key, and let it connect where certificates are asked for",
    ),
    retry=Retry.NO,
)
def certificate_missing(*, app_id: str) -> None:
    """A certificate is registered for the app id, and the terminal showed none: it came in where none is asked for."""


@reason(
    (
        "终端 {app_id!r} 出示的证书不是登记的证书（{sha256}）",
        "the certificate shown is none of app id {app_id!r} ({sha256})",
    ),
    advice=(
        "请使用登记的证书，或请期货公司登记新证书（ctp-relay terminal certificate）",
        "use the registered certificate, or ask your futures firm to register this one (ctp-relay terminal certificate)",
    ),
    retry=Retry.NO,
)
def certificate_of_another(*, app_id: str, sha256: str) -> None:
    """The certificate is valid and of a known authority, but registered for another app id or for none."""


# The investor ---------------------------------------------------------------------------------------------------


@reason(("不合法的登录", "investor id or password not accepted"), advice=_CHECK_INVESTOR, code=3)
def investor_not_accepted() -> None:
    """The investor is unknown or the password is wrong; which of the two is not said. CTP's ErrorID for both is 3."""


@reason(
    ("投资者 {investor_id!r} 未登记", "investor {investor_id!r} is not registered"),
    advice=_CHECK_INVESTOR,
    instead=investor_not_accepted,
)
def investor_unknown(*, investor_id: str) -> None:
    """Many-to-one: the investor is not in the relay's directory."""


@reason(
    ("投资者 {investor_id!r} 密码错误", "wrong password for investor {investor_id!r}"),
    advice=_CHECK_INVESTOR,
    instead=investor_not_accepted,
)
def wrong_investor_password(*, investor_id: str) -> None:
    """Many-to-one: the password is not the one of the relay's directory."""


@reason(
    ("投资者 {investor_id!r} 已停用", "investor {investor_id!r} is disabled"),
    advice=_ASK_FIRM,
    ends=Ends.STREAM | Ends.SESSION,
    retry=Retry.NO,
)
def investor_disabled(*, investor_id: str) -> None:
    """Many-to-one: the password was right, but the firm has disabled the investor."""


@reason(
    ("本中继不服务经纪公司 {broker_id!r}", "this relay does not serve broker {broker_id!r}"),
    advice=("请核对经纪公司代码", "check the broker id"),
)
def wrong_broker(*, broker_id: str) -> None:
    """The login names another broker than the relay's."""


@reason(
    ("登录失败次数过多，{what} 暂被锁定", "too many failed logins: the {what} is locked for a while"),
    advice=(
        "请先核对密码再试，或请期货公司解锁",
        "check the password and wait, or ask your futures firm to lift the lock",
    ),
    retry="seconds",
)
def locked_out(*, what: str, seconds: float) -> None:
    """Too many logins failed; `what` is the investor, the app id or the address."""


@reason(
    (
        "该投资者密码错误次数过多，来自新地址的登录暂不送往柜台",
        "too many wrong passwords: logins from new addresses are kept from the counter, which would lock the investor",
    ),
    advice=(
        "请从曾登录过的地址登录，或请期货公司解锁",
        "log in from an address used before, or ask your futures firm to lift the lock",
    ),
    retry="seconds",
    word="locked_out",
)
def locked_out_at_new_address(*, seconds: float) -> None:
    """Many-to-many: what strangers may use of the investor's tries at the counter is used up, and this is not the password it took last."""


@reason(
    ("正在进行的登录过多", "too many logins are under way"),
    advice=("请稍后重试", "try again in a few seconds"),
    retry="seconds",
)
def too_many_logins(*, seconds: float) -> None:
    """The login waited for its turn among others of the same address, app id or investor, and none came in time."""


@reason(
    ("会话数已达上限 {most}", "there are {most} sessions already, the most allowed"),
    advice=("请先退出其他终端", "log out elsewhere first"),
    retry="seconds",
)
def too_many_sessions(*, most: int, seconds: float = 0.0) -> None:
    """The investor has as many sessions as one may have; `seconds` until one without a stream ends, 0 for none."""


# The system info ------------------------------------------------------------------------------------------------


@reason(
    (
        "采集信息长度错误：收到 {received} 字节，声明 {stated} 字节，应为 264 至 273 字节且两者相等",
        "system info has {received} bytes and states {stated}; 264 to 273 are right, and both must be equal",
    ),
    advice=(
        "信息含二进制 0，请勿按字符串处理",
        "it contains NUL bytes: do not handle it as a string, send the returned length",
    ),
)
def system_info_length(*, received: int, stated: int) -> None:
    """Bytes were lost or added on the way, or these are not the collector's."""


@reason(
    ("柜台拒绝登录 [{number}] {text}", "the counter refuses the login [{number}]: {text}"),
    advice=(
        "请核对账号与密码；仍不成功请联系期货公司",
        "check account and password; if it stays, ask your futures firm",
    ),
)
def refused_by_counter(*, number: str, text: str) -> None:
    """A counter that is not CTP's, in its own words; its error is beside the refusal."""


@reason(
    ("缺少 {kind} 采集信息", "info collected by {kind} is missing"),
    advice=(
        "本柜台要求该采集信息：请在终端配置其采集器（ctp-terminal --collectors）后重新登录",
        "this counter requires it: set up its collector on the terminal (ctp-terminal --collectors) and log in again",
    ),
)
def collected_info_missing(*, kind: str) -> None:
    """The counter wants what this kind of collector gives, and the login has none."""


@reason(
    ("本柜台不需要 {kind} 采集信息", "the counter behind this relay does not want info collected by {kind}"),
    advice=(
        "只发送质询（Challenge.wanted）中列出的种类",
        "send the kinds alone that the challenge names (Challenge.wanted)",
    ),
    retry=Retry.NO,
)
def collected_info_not_wanted(*, kind: str) -> None:
    """The relay takes no more of a machine than its counter needs."""


@reason(
    (
        "{kind} 采集信息长度错误：收到 {received} 字节，声明 {stated} 字节，应为 {shortest} 至 {longest} 字节且两者相等",
        "info collected by {kind} has {received} bytes and states {stated}; {shortest} to {longest} are right, and both must be equal",
    ),
    advice=("请按字节原样发送采集结果", "send what the collector gave, unchanged, with the length it returned"),
)
def collected_info_length(*, kind: str, received: int, stated: int, shortest: int, longest: int) -> None:
    """Bytes were lost or added on the way, or these are not the collector's."""


@reason(
    ("{kind} 采集信息含有不可打印字符", "info collected by {kind} has characters that are not printable ASCII"),
    advice=("请按字节原样发送采集结果", "send what the collector gave, unchanged"),
)
def collected_info_not_text(*, kind: str) -> None:
    """This kind is text, so these bytes are not the collector's."""


@reason(
    ("{kind} 采集器返回错误 {number}", "the {kind} collector returned {number}"),
    advice=(
        "请按采集器的说明排除错误（如以管理员身份运行、安装 dmidecode）后重新登录",
        "mend what the collector complains of (run it with more rights, install dmidecode) and log in again",
    ),
)
def collector_not_clean(*, kind: str, number: int) -> None:
    """verification.require_clean names this kind, and its collector did not return 0."""


@reason(
    (
        "本柜台的接口不能上报 {name}",
        "the interface of the counter behind this relay has no report {name}",
    ),
    advice=("请用普通终端登录", "log in with an ordinary terminal"),
    retry=Retry.NO,
)
def report_kind_not_offered_by_counter(*, name: str) -> None:
    """The binding has no such report; the terminal could not be reported, so it does not log in."""


@reason(
    (
        "缺少 MAC 地址：柜台要求中继上报终端的 MAC",
        "mac_address is empty, and this counter's report must have the terminal's",
    ),
    advice=("请在登录时填写本机网卡的 MAC 地址", "send the machine's MAC address with the login"),
)
def mac_address_missing() -> None:
    """The counter's library has MAC in the report, which a relay must fill in: CTP 6.7.13 and later."""


@reason(("采集信息无有效时间", "system info carries no readable time"), advice=_COLLECT_AGAIN)
def system_info_not_genuine() -> None:
    """The vendor's library let it pass, but the unwrapped time is no date, so its collector did not make it."""


@reason(
    ("该采集信息已使用过", "this system info was used before"),
    advice=("每次登录都须重新采集", "collect anew for every login"),
)
def system_info_replayed() -> None:
    """The same bytes came with an earlier login; the collector never makes the same bytes twice."""


@reason(
    ("终端信息与以往登录不同：{what}", "the machine is unlike those of earlier logins: {what}"),
    advice=(
        "如已更换机器或采集库，请联系期货公司确认后再登录",
        "where it is a new machine, ask your futures firm to let it in (ctp-relay investor forget-machines)",
    ),
)
def system_info_unlike_before(*, what: str) -> None:
    """verification.unlike_before is refuse, and what the relay can see of the machine fits none of those known at this place."""


@reason(
    (
        "采集信息已过期：{age:.0f} 秒前采集，最多 {oldest:.0f} 秒",
        "system info was collected {age:.0f} s ago, {oldest:.0f} s at most",
    ),
    advice=(
        "请登录时采集，并检查终端时钟与时区（Asia/Shanghai）",
        "collect at login, and check the terminal's clock and time zone (Asia/Shanghai)",
    ),
)
def system_info_stale(*, age: float, oldest: float) -> None:
    """Collected too long before the login; both in seconds."""


@reason(
    (
        "采集时间超前 {ahead:.0f} 秒，最多 {most:.0f} 秒",
        "system info was collected {ahead:.0f} s in the future, {most:.0f} s at most",
    ),
    advice=_SET_THE_CLOCK,
    word="system_info_stale",
)
def system_info_from_the_future(*, ahead: float, most: float) -> None:
    """Collected later than now by the relay's clock; both in seconds."""
