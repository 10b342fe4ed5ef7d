"""State directory, databases, and the key of the auth codes."""

from __future__ import annotations

from relay.doctor.finding import About, FindingGravity, FindingRow
from relay.doctor.rows.advice import MEND_FILE

_OK, _WARNING, _GRAVE = FindingGravity.OK, FindingGravity.WARNING, FindingGravity.GRAVE

STATE_RIGHT = FindingRow("state_right", _OK, ("状态目录 {path} 可用", "the state directory {path} can be used"))
STATE_NEW = FindingRow(
    "state_new", _OK, ("状态目录 {path} 尚不存在，启动时创建", "the state directory {path} is made at the start")
)
STATE_RUNNING = FindingRow("state_running", _OK, ("本中继正在运行，进程 {pid}", "this relay is running, process {pid}"))
STATE_UNWRITABLE = FindingRow(
    "state_unwritable",
    _GRAVE,
    ("状态目录 {path} 不可写：{why}", "the state directory {path} cannot be written: {why}"),
    ("chown 给中继用户，或换一个 relay.state_dir", "chown it to the relay's user, or set another relay.state_dir"),
    About.SETTINGS,
)
STATE_IN_USE = FindingRow(
    "state_in_use",
    _GRAVE,
    (
        "另一个中继进程 {pid} 正在使用状态目录 {path}",
        "another relay process runs on the state directory {path}: process {pid}",
    ),
    ("每个进程用各自的 relay.state_dir，或停掉另一个", "give each process its own, or stop the other one"),
)
DATABASE_RIGHT = FindingRow(
    "database_right",
    _OK,
    (
        "{name} 数据库可连接、可写，表为版本 {revision}",
        "{name}: the database answers, can be written, tables are at {revision}",
    ),
)
DATABASE_NEW = FindingRow(
    "database_new", _OK, ("{name} 数据库 {file} 启动时创建", "{name}: the database {file} is made at the start")
)
DATABASE_UPGRADED_AT_START = FindingRow(
    "database_upgraded_at_start",
    _OK,
    (
        "{name} 数据库由版本 {present} 在启动时升到 {wanted}",
        "{name}: the tables go from {present} to {wanted} at the start",
    ),
)
DATABASE_DOWN = FindingRow(
    "database_down",
    _GRAVE,
    ("{name} 数据库不可用：{why}", "{name}: the database cannot be used: {why}"),
    (
        "查看数据库是否运行、地址与口令、防火墙；psql 以同一 URL 试连",
        "see whether it runs, its address, password and firewall; try psql with the same URL",
    ),
    About.DATABASE,
)
DATABASE_OLD = FindingRow(
    "database_old",
    _GRAVE,
    ("{name} 数据库的表为 {present}，需要 {wanted}", "{name}: the tables are at {present}, {wanted} is needed"),
    ("先备份，再执行 ctp-relay database upgrade", "back it up, then run: ctp-relay database upgrade"),
    About.DATABASE,
)
DATABASE_READ_ONLY = FindingRow(
    "database_read_only",
    _GRAVE,
    ("{name} 数据库不可写：{why}", "{name}: the database cannot be written: {why}"),
    (
        "连到主库，并授予中继用户读写权限 (GRANT)",
        "connect to the primary, and GRANT the relay's user the right to write",
    ),
    About.DATABASE,
)
KEY_FITS = FindingRow(
    "key_fits",
    _OK,
    ("授权码密钥文件可解密全部 {count} 个终端", "the key file of the auth codes reads all {count} terminals"),
)
KEY_NEW = FindingRow(
    "key_new", _OK, ("尚无终端；授权码密钥 {file}", "there are no terminals yet; the key of auth codes is {file}")
)
KEY_MISSING = FindingRow(
    "key_missing",
    _GRAVE,
    (
        "缺少授权码密钥文件 {file}，而数据库中已有 {count} 个终端",
        "the key file {file} is missing, and the database has {count} terminals",
    ),
    (
        "从登记终端的中继或备份复制该文件；确已丢失则 ctp-relay terminal rotate --key-lost",
        "copy the file of the relay that registered them, or of the backup; where it is lost: ctp-relay terminal rotate --key-lost",
    ),
    About.SETTINGS,
)
KEY_UNUSABLE = FindingRow(
    "key_unusable",
    _GRAVE,
    ("授权码密钥文件不可用：{why}", "the key file of the auth codes cannot be used: {why}"),
    MEND_FILE,
    About.SETTINGS,
)
KEY_OF_ANOTHER_DATABASE = FindingRow(
    "key_of_another_database",
    _GRAVE,
    (
        "密钥文件 {file} 与数据库不符，{count} 个终端的授权码都解不开",
        "the key file {file} is another one: it reads none of {count} auth codes",
    ),
    (
        "从登记终端的中继或备份复制该文件；确已丢失则 ctp-relay terminal rotate --key-lost",
        "copy the file of the relay that registered them, or of the backup; where it is lost: ctp-relay terminal rotate --key-lost",
    ),
    About.SETTINGS,
)
KEY_READS_SOME = FindingRow(
    "key_reads_some",
    _WARNING,
    (
        "密钥文件 {file} 解不开这些终端的授权码，它们会被拒绝：{app_ids}",
        "the key file {file} does not read the auth codes of {app_ids}: they are refused",
    ),
    (
        "ctp-relay terminal rotate 逐个换码，或找回原密钥",
        "give each a new code with ctp-relay terminal rotate, or bring the old key",
    ),
)
