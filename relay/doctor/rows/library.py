"""A library of the firm's in the place of the package's: what it must be."""

from __future__ import annotations

from relay.doctor.finding import About, FindingGravity, FindingRow
from relay.doctor.rows.advice import MEND_FILE

_GRAVE = FindingGravity.GRAVE
_TAKE_OUT = (
    "换用与 {binding} {installed} 配套的库文件，或删除设置项 {key}，改用包内的库",
    "take a file made for {binding} {installed}, or delete {key} to use the package's own",
)

CHOSEN_RIGHT = FindingRow(
    "chosen_library_right",
    FindingGravity.OK,
    (
        "{key}：{file}，{version}，SHA-256 {sha256}；{slots} 个方法中 {seen} 个按名字核对无误",
        "{key}: {file}, {version}, SHA-256 {sha256}; {seen} of {slots} methods were seen in their place by name",
    ),
)
CHOSEN_UNTRUSTED = FindingRow(
    "chosen_library_untrusted",
    _GRAVE,
    ("{key}：其他用户可改动：{why}", "{key}: another user can change it: {why}"),
    MEND_FILE,
    About.SETTINGS,
)
CHOSEN_MISSING = FindingRow(
    "chosen_library_missing",
    _GRAVE,
    ("{key}：没有文件 {file}", "{key}: there is no file {file}"),
    ("改正路径，或删除设置项 {key}，改用包内的库", "mend the path, or delete {key} to use the package's own"),
    About.SETTINGS,
)
CHOSEN_NO_FILE = FindingRow(
    "chosen_library_no_file",
    _GRAVE,
    ("{key}：{file} 不是普通文件", "{key}: {file} is no regular file"),
    ("路径须指向库文件本身，不是目录", "name the library's file itself, not a folder"),
    About.SETTINGS,
)
CHOSEN_UNREADABLE = FindingRow(
    "chosen_library_unreadable",
    _GRAVE,
    ("{key}：{file} 读不了：{why}", "{key}: {file} cannot be read: {why}"),
    ("让中继的用户可读：chmod a+r {file}", "let the relay's user read it: chmod a+r {file}"),
    About.SETTINGS,
)
CHOSEN_NO_LIBRARY = FindingRow(
    "chosen_library_no_library",
    _GRAVE,
    (
        "{key}：{file} 不是 64 位 ELF 动态库，或已损坏",
        "{key}: {file} is no shared library of 64-bit ELF, or a damaged one",
    ),
    _TAKE_OUT,
    About.SETTINGS,
)
CHOSEN_OTHER_MACHINE = FindingRow(
    "chosen_library_other_machine",
    _GRAVE,
    (
        "{key}：{file} 是另一种机器的库：ELF 机器类型 {machine}，本机是 {own}",
        "{key}: {file} is for another machine: its ELF machine is {machine}, this one is {own}",
    ),
    _TAKE_OUT,
    About.SETTINGS,
)
CHOSEN_OTHER_NAME = FindingRow(
    "chosen_library_other_name",
    _GRAVE,
    (
        "{key}：{file} 的 SONAME 是 {soname}，{binding} {installed} 需要 {wanted}",
        "{key}: the SONAME of {file} is {soname}, {binding} {installed} asks for {wanted}",
    ),
    (
        "接口版本相同的库可改名后使用（改副本）：patchelf --set-soname {wanted} 副本",
        "a library of the same API version can be renamed, in a copy: patchelf --set-soname {wanted} COPY",
    ),
    About.SETTINGS,
)
CHOSEN_UNLOADABLE = FindingRow(
    "chosen_library_unloadable",
    _GRAVE,
    (
        "{key}：{file} 无法装入，缺少依赖的库或 {binding} 需要的函数：{why}",
        "{key}: {file} does not load, for want of a library or of a function that {binding} needs: {why}",
    ),
    _TAKE_OUT,
    About.SETTINGS,
)
CHOSEN_OTHER_VERSION = FindingRow(
    "chosen_library_other_version",
    _GRAVE,
    (
        "{key}：{file} 的接口版本是 {version}，{binding} {installed} 的是 {wanted}：结构和方法的位置不同",
        "{key}: {file} is of API version {version}, {binding} {installed} of {wanted}: structs and methods are elsewhere",
    ),
    _TAKE_OUT,
    About.SETTINGS,
)
CHOSEN_OTHER_SLOTS = FindingRow(
    "chosen_library_other_slots",
    _GRAVE,
    (
        "{key}：{file} 的方法位置与 {binding} {installed} 不同（{slots} 个中 {wrong} 个）：第 {slot} 个是 {found}，应为 {method}",
        "{key}: {file} has methods elsewhere than {binding} {installed} ({wrong} of {slots}): slot {slot} is {found} and not {method}",
    ),
    _TAKE_OUT,
    About.SETTINGS,
)
CHOSEN_NOT_TAKEN = FindingRow(
    "chosen_library_not_taken",
    _GRAVE,
    (
        "{key}：实际使用的是 {taken}，不是 {file}",
        "{key}: the calls would go to {taken} instead of {file}",
    ),
    (
        "去掉 LD_PRELOAD 后再启动，或删除设置项 {key}",
        "start without LD_PRELOAD, or delete {key}",
    ),
    About.SETTINGS,
)
CHOSEN_CHANGED = FindingRow(
    "chosen_library_changed",
    _GRAVE,
    ("{key}：{file} 在装入过程中被改动", "{key}: {file} was changed while it was loaded"),
    ("换库时先写成另一个文件，再改名到位，然后启动", "put a new library beside it, rename it into place, then start"),
)
CHOSEN_CRASHED = FindingRow(
    "chosen_library_crashed",
    _GRAVE,
    ("{key}：用 {file} 试运行没有结果：{why}", "{key}: a trial with {file} ended without a result: {why}"),
    _TAKE_OUT,
    About.SETTINGS,
)
