"""The machine, and whether another process is in the way."""

from __future__ import annotations

from relay.doctor.finding import About, FindingGravity, FindingRow

_OK, _WARNING, _GRAVE = FindingGravity.OK, FindingGravity.WARNING, FindingGravity.GRAVE

PORT_FREE = FindingRow("port_free", _OK, ("{key} {address} 可用", "{key} {address} is free"))
PORT_OURS = FindingRow(
    "port_ours",
    _OK,
    ("{key} {address} 由运行中的本中继使用", "{key} {address} is in use by this relay, which is running"),
)
PORT_TAKEN = FindingRow(
    "port_taken",
    _GRAVE,
    ("{key} {address} 已被占用：{by}", "{key} {address} cannot be used: {by} has it"),
    ("停掉该程序，或换一个端口", "stop that program, or take another port"),
)
PORT_NOT_OURS = FindingRow(
    "port_unusable",
    _GRAVE,
    ("{key} {address} 不可用：{why}", "{key} {address} cannot be used: {why}"),
    (
        "地址须是本机的；1024 以下的端口需要 AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "the address must be this machine's; a port below 1024 needs AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ),
)
PORT_TWICE = FindingRow(
    "port_twice",
    _GRAVE,
    ("{key} {address} 与 {other} 相同", "{key} {address} is {other} too"),
    ("为其中之一另取一个端口", "take another port for one of them"),
    About.SETTINGS,
)
DESCRIPTORS_ENOUGH = FindingRow(
    "descriptors_enough", _OK, ("文件描述符上限 {limit}，需要 {needed}", "{limit} open files allowed, {needed} needed")
)
DESCRIPTORS_FEW = FindingRow(
    "descriptors_few",
    _WARNING,
    (
        "文件描述符上限 {limit}，{sessions} 个会话需要 {needed}：未登录的连接会少于设置",
        "{limit} open files allowed, {needed} needed for {sessions} sessions: fewer strangers than set are let in",
    ),
    ("设 LimitNOFILE=65536 (systemd) 或 ulimit -n 65536", "set LimitNOFILE=65536 (systemd) or ulimit -n 65536"),
)
DESCRIPTORS_TOO_FEW = FindingRow(
    "descriptors_too_few",
    _GRAVE,
    (
        "文件描述符上限 {limit} 太低，一个会话也不够，至少 {least}",
        "{limit} open files allowed: not enough for a single session, {least} at least",
    ),
    ("设 LimitNOFILE=65536 (systemd) 或 ulimit -n 65536", "set LimitNOFILE=65536 (systemd) or ulimit -n 65536"),
)
WORKERS_COUNT_EACH = FindingRow(
    "workers_count_each",
    _OK,
    (
        "{workers} 个工作进程各自计数：每个投资者合计最多 {sessions} 个会话，每个地址每分钟合计最多 {refusals} 条未证明终端的拒绝记录",
        "each of {workers} workers counts its own: {sessions} sessions of an investor, {refusals} of a stranger's refusals a minute",
    ),
)
LOCALE_THERE = FindingRow("locale_there", _OK, ("区域设置 {name} 可用", "locale {name} is there"))
LOCALE_TO_BE_BUILT = FindingRow(
    "locale_to_be_built",
    _OK,
    ("区域设置 {name} 未安装，首次使用时自建", "locale {name} is not installed; it is built at the first use"),
)
LOCALE_MISSING = FindingRow(
    "locale_missing",
    _GRAVE,
    (
        "缺少区域设置 {name}，也没有 localedef 可生成：厂商库会使进程中止",
        "locale {name} is missing and so is localedef to build it: the vendor's library would abort the process",
    ),
    ("执行 {command}", "run {command}"),
)
ZONE_OF_CHINA = FindingRow("zone_of_china", _OK, ("本机时区为 {offset}", "the machine's time zone is {offset}"))
ZONE_ANOTHER = FindingRow(
    "zone_another",
    _WARNING,
    (
        "本机时区为 {offset}，不是 +08:00：中继自身按 +08:00 记时，但 cron、systemd 与其他日志按本机时区",
        "the machine's time zone is {offset}, not +08:00: the relay writes +08:00 itself, but cron, systemd and other logs do not",
    ),
    ("timedatectl set-timezone Asia/Shanghai", "timedatectl set-timezone Asia/Shanghai"),
)
CLOCK_SYNCHRONIZED = FindingRow(
    "clock_synchronized",
    _OK,
    (
        "时钟由 NTP 校准，误差不超过 {error} 毫秒；与柜台的时差未检查：CTP 只在登录后给出时间",
        "the clock is kept by NTP, {error} ms off at most; not compared with the counter's: CTP gives a time only after a login",
    ),
)
CLOCK_NOT_SYNCHRONIZED = FindingRow(
    "clock_not_synchronized",
    _WARNING,
    (
        "内核报告时钟未由 NTP 校准；与柜台的时差也未检查：CTP 只在登录后给出时间",
        "the kernel says that no NTP keeps the clock; nor was it compared with the counter's: CTP gives a time only after a login",
    ),
    (
        "启用 chrony 或 systemd-timesyncd，以 timedatectl 查看；容器内由宿主机校时",
        "run chrony or systemd-timesyncd and look with timedatectl; in a container the host does it",
    ),
)
CLOCK_UNKNOWN = FindingRow(
    "clock_unknown",
    _WARNING,
    ("无法向内核查询时钟状态，未检查", "the kernel does not say how the clock is kept; it was not checked"),
    ("以 timedatectl 或 chronyc tracking 查看", "look with timedatectl or chronyc tracking"),
)
DISK_FREE = FindingRow("disk_free", _OK, ("{path} 所在磁盘剩余 {free}", "{free} free on the disk of {path}"))
DISK_SCARCE = FindingRow(
    "disk_scarce",
    _WARNING,
    ("{path} 所在磁盘只剩 {free}", "only {free} free on the disk of {path}"),
    ("清理或扩大磁盘；委托对照与台账都写在那里", "free or add disk space; order map and ledger are written there"),
)
DISK_FULL = FindingRow(
    "disk_full",
    _GRAVE,
    (
        "{path} 所在磁盘只剩 {free}：委托对照写不下，委托会被拒绝",
        "only {free} free on the disk of {path}: orders would be refused",
    ),
    ("清理或扩大磁盘后再启动", "free or add disk space, then start"),
)
