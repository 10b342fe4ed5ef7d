"""The way to the counter."""

from __future__ import annotations

from relay.doctor.finding import FindingGravity, FindingRow

_OK, _WARNING, _GRAVE = FindingGravity.OK, FindingGravity.WARNING, FindingGravity.GRAVE

LIBRARY_RIGHT = FindingRow(
    "library_right",
    _OK,
    (
        "接口包 {binding} {version}，柜台类别 {edition}",
        "the binding is {binding} {version}, the counter's edition {edition}",
    ),
)
LIBRARY_OTHER = FindingRow(
    "library_other",
    _GRAVE,
    (
        "已安装的 {binding} 是 {version}，中继需要 {wanted}：版本不同，结构和方法的位置也不同",
        "{binding} {version} is installed, the relay needs {wanted}: another version has structs and methods elsewhere",
    ),
    ("请安装：pip install {binding}=={wanted}", "install it: pip install {binding}=={wanted}"),
)
LIBRARY_WRONG = FindingRow(
    "library_wrong",
    _GRAVE,
    ("CTP 接口库不可用：{why}", "the CTP library cannot be used: {why}"),
    (
        "按 requirements/relay.txt 重新安装；openctp-tts 另需 requirements/tts.txt，Debian 包与镜像的做法见手册“设置”",
        "install again from requirements/relay.txt; for openctp-tts requirements/tts.txt too; the manual's page on settings has package and image",
    ),
)
LIBRARY_REPLACED = FindingRow(
    "library_replaced",
    _WARNING,
    (
        "厂商库已被替换 (LD_PRELOAD={preload})：这是模拟，不是真实柜台",
        "LD_PRELOAD={preload} takes the vendor library's place: a simulation, no real counter",
    ),
    ("生产环境请去掉 LD_PRELOAD", "in production, start without LD_PRELOAD"),
)
COLLECTOR_JUDGED = FindingRow(
    "collector_judged",
    _OK,
    (
        "终端信息由厂商库 {version} 核验，采集库须为 {edition} 版",
        "system info is judged by the vendor's {version}; collectors must be of the {edition} edition",
    ),
)
COLLECTOR_NOT_JUDGED = FindingRow(
    "collector_not_judged",
    _WARNING,
    (
        "verification.genuineness 为 false，不核验终端信息真伪",
        "verification.genuineness is false: system info is not judged",
    ),
    ("生产环境请设为 true", "set it to true in production"),
)
COLLECTOR_UNJUDGEABLE = FindingRow(
    "collector_unjudgeable",
    _GRAVE,
    ("无法核验终端信息：{why}", "system info cannot be judged: {why}"),
    ("按 requirements/relay.txt 重新安装", "install again from requirements/relay.txt"),
)
FRONT_REACHED = FindingRow(
    "front_reached",
    _OK,
    ("前置 {front} 可连接，{milliseconds} 毫秒", "front {front} takes a connection, {milliseconds} ms"),
)
FRONT_UNREACHED = FindingRow(
    "front_unreached",
    _WARNING,
    ("前置 {front} 连不上：{why}", "front {front} cannot be reached: {why}"),
    (
        "核对地址与端口、防火墙与专线；非交易时段前置可能关闭",
        "check address, port, firewall and line; outside trading hours a front may be closed",
    ),
)
FRONTS_UNREACHED = FindingRow(
    "fronts_unreached",
    _GRAVE,
    ("所有 {count} 个前置都连不上", "none of {count} fronts can be reached"),
    (
        "核对地址与端口、防火墙与专线；非交易时段前置可能关闭",
        "check addresses, firewall and line; outside trading hours fronts may be closed",
    ),
    served_anyway=True,
)
MARKET_FRONT_UNREACHED = FindingRow(
    "market_front_unreached",
    _WARNING,
    ("行情前置 {front} 连不上", "front {front} for market data cannot be reached"),
    (
        "核对 market_data.fronts 的地址与端口、防火墙与专线；非交易时段前置可能关闭",
        "check market_data.fronts, firewall and line; outside trading hours a front may be closed",
    ),
)
APP_TYPE_RIGHT = FindingRow(
    "app_type_right",
    _OK,
    (
        "{at} 认证时柜台给出 AppType {app_type}，与 {mode} 相符",
        "at {at} the counter gave AppType {app_type}, which fits {mode}",
    ),
)
APP_TYPE_WRONG = FindingRow(
    "app_type_wrong",
    _GRAVE,
    (
        "{at} 认证时柜台给出 AppType {app_type}，{mode} 需要 {needed}",
        "at {at} the counter gave AppType {app_type}; {mode} needs {needed}",
    ),
    ("向期货公司申请该模式的中继 AppID，或改 relay.mode", "ask for a relay app id of this mode, or change relay.mode"),
    served_anyway=True,
)
APP_TYPE_UNKNOWN = FindingRow(
    "app_type_unknown",
    _OK,
    (
        "AppType 未检查：{relay_app_id} 尚未以 {mode} 在柜台认证过，登录前无从得知",
        "AppType not checked: {relay_app_id} was never authenticated in {mode}, and nothing says it before a login",
    ),
)
RELAY_REFUSED = FindingRow(
    "relay_refused",
    _WARNING,
    (
        "{at} 柜台最近一次拒绝中继认证：{error_id} {error_msg}",
        "at {at} the counter refused the relay's authentication: {error_id} {error_msg}",
    ),
    ("核对 counter.relay_app_id 与授权码文件", "check counter.relay_app_id and the file with its auth code"),
)
