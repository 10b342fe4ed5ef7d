"""The table of faults: what each is called, what a person does about it, and what it stops meanwhile.

A fault is a condition with a beginning and an end. Every text is a pair, Chinese and English. The name of a row, in
small letters, is the stable word in log, metrics, `/readyz`, alarms and the console, and the anchor of its section in
the manual's page of faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

Words = tuple[str, str]
"""Chinese and English"""
RUNBOOK_PAGE = "faults"
"""the manual's page, docs/manual/zh and docs/manual/en, whose sections have the rows' anchors"""


class Gravity(StrEnum):
    """How soon a person must look."""

    CRITICAL = "critical"
    """now: terminals cannot log in, or cannot trade"""
    WARNING = "warning"
    """today: it becomes critical when it is left alone, or what is recorded is not as it should be"""
    NOTICE = "notice"
    """a person wanted it so"""


class Stops(StrEnum):
    """What cannot be done while a fault stands."""

    LOGINS = "logins"
    """no login can succeed"""
    ORDERS = "orders"
    """a login may succeed, and its orders are refused: such a terminal is better served elsewhere"""
    MARKET_DATA = "market_data"
    """ticks, and the firm wants terminals only where there are some"""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """The columns of one row."""

    title: Words
    remedy: Words
    """what to do"""
    gravity: Gravity
    stops: Stops


class Fault(Enum):
    """Every fault there can be."""

    FRONT_DOWN = FaultRow(
        title=("柜台前置连接中断", "no front of the counter is connected"),
        remedy=(
            "检查到前置地址的网络与专线，确认柜台是否开放；API 会自动重连，无需重启中继",
            "check the line to the fronts and whether the counter is open; the API reconnects by itself, do not restart",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    COUNTER_SILENT = FaultRow(
        title=("柜台接受连接，但不应答登录", "the counter accepts connections and answers no login"),
        remedy=(
            "前置端口能通，后面的柜台没有应答：请柜台运维检查前置与交易核心；中继会自动重试，无需重启",
            "the front's port is open, and nothing behind it answers: call the counter's operations; the relay tries by itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    COUNTER_UNREADABLE = FaultRow(
        title=("柜台的应答无法解读", "what the counter answers cannot be read"),
        remedy=(
            "核对 [counter.cts] 的地址是否指向 CTS 柜台，以及柜台版本；请根网核对连接应答中的 passkey",
            "check that the address of [counter.cts] is a CTS counter's, and its version; have RootNet look at the passkey it sends",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    BRIDGE_UNREACHABLE = FaultRow(
        title=("连接不上网桥", "the bridge to the counter cannot be reached"),
        remedy=(
            "检查网桥进程、counter.bridge.address、防火墙与证书；中继会自动重连，无需重启",
            "look at the bridge's process, counter.bridge.address, firewall and certificates; the relay connects again by itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    BRIDGE_SILENT = FaultRow(
        title=("网桥没有应答", "the bridge answers nothing"),
        remedy=(
            "接口库可能卡住：看网桥的日志，必要时重启网桥；中继会自动重连",
            "the library may hang: read the bridge's log and restart it where needed; the relay connects again by itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    BRIDGE_UNREADABLE = FaultRow(
        title=("网桥的应答无法识别", "what the bridge says cannot be read"),
        remedy=(
            "该地址上不是网桥，或版本不同：核对 counter.bridge.address，安装与中继同版本的网桥",
            "no bridge is there, or one of another version: check counter.bridge.address, install the relay's version of it",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    BRIDGE_REFUSED = FaultRow(
        title=("网桥后面的接口库拒绝登录", "the library behind the bridge refuses"),
        remedy=(
            "按接口库的错误处理：授权到期或产品名称不符、操作员或 KCBP 用户密码错误；改好后执行 operator reconnect",
            "by the library's error: the licence or its product, the operator's or KCBP's password; then operator reconnect",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    OPERATOR_REFUSED = FaultRow(
        title=("柜台拒绝操作员登录", "the counter refuses the operator's login"),
        remedy=(
            "看柜台错误号：密码错或到期则更换密码文件后执行 operator reconnect；锁定或无权限则请柜台管理员处理",
            "by the counter's number: replace a wrong password's file, then operator reconnect; else ask its administrator",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    OPERATOR_FORCED_OUT = FaultRow(
        title=("操作员被柜台强制登出", "the counter forced the operator out"),
        remedy=(
            "查明是谁强退，或是否有别的程序使用同一操作员；中继会自动重新登录",
            "find who forced it out, or which other program uses this operator; the relay logs in again by itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    DATABASE_DOWN = FaultRow(
        title=("数据库不可写，台账无法记录", "the database cannot be written, so the ledger cannot record"),
        remedy=(
            "检查数据库进程、网络、磁盘空间与账号权限；恢复后台账自动补写",
            "check the database's process, network, disk and rights; what waits is written when it is back",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    DISK_FULL = FaultRow(
        title=("磁盘已满，状态目录不可写", "the disk is full: the state directory cannot be written"),
        remedy=(
            "立即腾出空间或扩容 relay.state_dir 所在磁盘；不要删除 state_dir 里的文件",
            "free or add space on the disk of relay.state_dir at once; delete no file of state_dir itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.ORDERS,
    )
    DISK_LOW = FaultRow(
        title=("磁盘剩余空间不足", "the disk of the state directory is nearly full"),
        remedy=(
            "腾出空间或扩容 relay.state_dir 所在磁盘",
            "free or add space on the disk of relay.state_dir",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    ORDER_MAP_UNWRITABLE = FaultRow(
        title=("报单映射文件不可写，报单被拒绝", "the order map cannot be written: orders are refused"),
        remedy=(
            "检查 state_dir/order_map 的磁盘空间、权限与文件描述符；恢复后报单自动放行",
            "check disk, rights and descriptors of state_dir/order_map; orders go on when it can be written",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.ORDERS,
    )
    VERIFIER_GONE = FaultRow(
        title=("采集信息校验进程不可用", "the process that judges system info does not answer"),
        remedy=(
            "看日志 genuineness_failed 的原因（采集库、内存、描述符）；中继会自动重启该进程",
            "read why in genuineness_failed in the log (library, memory, descriptors); the relay restarts it by itself",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    CERTIFICATE_EXPIRED = FaultRow(
        title=("TLS 证书已过期", "the TLS certificate has expired"),
        remedy=(
            "更换 listen.tls_certificate 与 listen.tls_key，然后重新加载（SIGHUP），无需重启",
            "replace listen.tls_certificate and listen.tls_key, then reload (SIGHUP); no restart is needed",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    CERTIFICATE_EXPIRING = FaultRow(
        title=("TLS 证书即将过期", "the TLS certificate expires soon"),
        remedy=(
            "申请新证书，更换文件后重新加载（SIGHUP）",
            "get a new certificate, replace the files, then reload (SIGHUP)",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    OTHER_CERTIFICATE_EXPIRED = FaultRow(
        title=(
            "管理接口或客户端 CA 的证书已过期",
            "a certificate of the admin API, or of an authority of clients, has expired",
        ),
        remedy=(
            "按原因里的设置名更换文件后重新加载（SIGHUP），无需重启",
            "replace the file of the setting that is named, then reload (SIGHUP); no restart is needed",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    CLOCK_OFF = FaultRow(
        title=("本机时钟与柜台时间不一致", "this machine's clock differs from the counter's"),
        remedy=(
            "检查时间同步（chrony、systemd-timesyncd）与时区；上报的登录时间取自本机时钟",
            "check time synchronisation (chrony, systemd-timesyncd); the login times that are reported are this clock's",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    RELAY_AUTH_CODE_WRONG = FaultRow(
        title=("柜台拒绝中继的 AppID 或授权码", "the counter refuses the relay's app id or auth code"),
        remedy=(
            "与柜台管理员核对 relay_app_id、broker_id 与授权码文件；更正授权码后重新读取设置并解除锁定，更正其余两项后重启",
            "check relay_app_id, broker_id and the auth code's file; after a new code reload and lift the lock, after a new id restart",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    RELAY_APP_TYPE_WRONG = FaultRow(
        title=("中继 AppID 的类型与模式不符", "the relay's app id is of another type than its mode needs"),
        remedy=(
            "请柜台管理员核对 AppID 类型：many_to_many 需要 2，many_to_one 需要 3；更正后重启中继",
            "let the counter's administrator check the app id's type: many_to_many needs 2, many_to_one 3; then restart",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    COUNTER_NOT_INITIALISED = FaultRow(
        title=("柜台尚未完成初始化", "the counter is not initialised yet"),
        remedy=(
            "等待柜台完成开盘前初始化；临近开盘仍未恢复请联系柜台运维",
            "wait for the counter's initialisation; call the counter's operations where the market opens soon",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    LEDGER_SPOOLING = FaultRow(
        title=("台账暂存于磁盘，等待数据库", "ledger entries wait on disk for the database"),
        remedy=(
            "恢复数据库后自动补写；期间不要删除 state_dir/ledger_spool",
            "they are written when the database is back; do not delete state_dir/ledger_spool meanwhile",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    ORDERS_NOT_RECORDED = FaultRow(
        title=("报单审计跟不上, 有报单没有记录", "orders are not recorded: their audited stream has no room"),
        remedy=(
            "恢复数据库或查明它为何太慢; 报单不受影响, 缺了多少、从何时到何时由台账 orders_lost 说明",
            "mend the database, or find why it is slow; orders go on, and orders_lost in the ledger says how many are missing",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    LOOP_STUCK = FaultRow(
        title=("中继主循环无响应", "the relay's loop does not answer"),
        remedy=(
            "看 CPU、磁盘与日志；持续不恢复则重启中继，已确认的报单不会丢失",
            "look at CPU, disk and log; restart the relay where it lasts: no acknowledged order is lost",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    DESCRIPTORS_GONE = FaultRow(
        title=("文件描述符用尽", "no file descriptors are left"),
        remedy=(
            "立即提高打开文件数上限（systemd: LimitNOFILE=）并重启；前置与数据库此时也会显得不通，以本条为准",
            "raise the limit of open files (systemd: LimitNOFILE=) and restart; fronts and database seem away for this alone",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    DESCRIPTORS_LOW = FaultRow(
        title=("文件描述符不足", "few descriptors are left"),
        remedy=(
            "提高打开文件数上限（systemd: LimitNOFILE=），然后重启",
            "raise the limit of open files (systemd: LimitNOFILE=), then restart",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    WORKER_DOWN = FaultRow(
        title=("有工作进程意外结束", "a worker has ended unasked"),
        remedy=(
            "无需操作：中继会重启它，它的终端自动重新登录；看日志 worker_ended 的原因，SIGKILL 多为内存不足，反复出现请报告",
            "nothing: it is started again, its terminals log in again; read why in worker_ended (SIGKILL: memory), report one that recurs",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    ALARMS_NOT_DELIVERED = FaultRow(
        title=("告警发不出去", "alarms cannot be delivered"),
        remedy=(
            "看原因（网络、代理、机器人地址或密钥），更正后用 ctp-relay alarm test 验证",
            "read why (network, proxy, the robot's address or secret); then try ctp-relay alarm test",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    MARKET_DATA_DOWN = FaultRow(
        title=("行情前置中断，终端收不到行情", "no front for market data: terminals get no ticks"),
        remedy=(
            "检查 market_data.fronts 的网络与地址；中继会自动重连并重新订阅，交易不受影响",
            "check the line to market_data.fronts; the relay connects and subscribes again by itself, and orders go on",
        ),
        gravity=Gravity.WARNING,
        stops=Stops.NOTHING,
    )
    REQUIRED_MARKET_DATA_DOWN = FaultRow(
        title=("行情前置中断，本中继因此未就绪", "no front for market data, and the relay is not ready without"),
        remedy=(
            "检查 market_data.fronts 的网络与地址；不希望新终端因此转走，则设 market_data.required = false",
            "check the line to market_data.fronts; set market_data.required = false where terminals shall come all the same",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.MARKET_DATA,
    )
    LOGINS_STOPPED = FaultRow(
        title=("柜台拒绝中继本身，登录暂停", "the counter refuses the relay itself: no login is tried for a time"),
        remedy=(
            "看柜台错误号（地址被锁、登录失败过多）；原因消除后执行 counter reconnect 或 locks lift --all-logins",
            "read the counter's number (address locked, failures); once mended, counter reconnect or locks lift --all-logins",
        ),
        gravity=Gravity.CRITICAL,
        stops=Stops.LOGINS,
    )
    LOGINS_PAUSED = FaultRow(
        title=("登录已由操作人员暂停", "a person paused all logins"),
        remedy=("处理完毕后执行 logins resume", "logins resume, when the work is done"),
        gravity=Gravity.NOTICE,
        stops=Stops.LOGINS,
    )
    DRAINING = FaultRow(
        title=("中继正在停机，不再接受登录", "the relay is about to stop and takes no login"),
        remedy=("无需处理；终端会连接到另一台中继", "nothing: terminals go to another relay"),
        gravity=Gravity.NOTICE,
        stops=Stops.LOGINS,
    )

    @property
    def word(self) -> str:
        """The stable name."""
        return self.name.lower()

    @property
    def title(self) -> Words:
        """What is wrong, in Chinese and English."""
        return self.value.title

    @property
    def remedy(self) -> Words:
        """What to do, in Chinese and English."""
        return self.value.remedy

    @property
    def gravity(self) -> Gravity:
        """How soon a person must look."""
        return self.value.gravity

    @property
    def stops(self) -> Stops:
        """What cannot be done meanwhile."""
        return self.value.stops

    @property
    def anchor(self) -> str:
        """Of its section on the manual's page of faults."""
        return self.word.replace("_", "-")
