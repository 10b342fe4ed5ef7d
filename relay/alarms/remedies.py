"""What to do about each alarm that is no fault's; a fault has its own in its table. The manual says more, at the alarm's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from relay.logs.alarms import AlarmName

REMEDIES: Final[Mapping[AlarmName, tuple[str, str]]] = {
    AlarmName.OPERATOR_PASSWORD_UNREADABLE: (
        "改正密码文件的权限（0400 或 0600，属主是运行中继的用户）或内容；正在用的密码继续有效",
        "mend the file's mode (0400 or 0600, owned by the relay's user) or content; the password in use goes on",
    ),
    AlarmName.REPORT_NOT_PERMITTED: (
        "请柜台管理员给中继 AppID（多对多）或操作员（多对一）开通上报权限；在此之前没有终端能登录",
        "ask the counter's admin to permit reports to the relay's app id, or to the operator; no terminal can log in before",
    ),
    AlarmName.QUERY_LANE_DEAD: (
        "无需处理：没有报单在途时会话自动重建；频繁出现请报告",
        "nothing: the session is renewed when no order is on its way; report it where it comes often",
    ),
    AlarmName.SYSTEM_INFO_UNLIKE_BEFORE: (
        "向投资者确认是否换了机器或重装了系统；不是本人则停用投资者并查明",
        "ask the investor for a new or newly installed machine; where it is not theirs, disable the investor and find out",
    ),
    AlarmName.ORDERS_RUN_OUT: (
        "找出谁报得多；确有需要，在到顶之前调高 limits.orders_per_day 并重启；撤单不受限制",
        "find out who sends so many; where it is right, raise limits.orders_per_day before the end and restart; cancels are not limited",
    ),
    AlarmName.COUNTER_EXPIRES: (
        "请柜台供应商延长授权；到期后柜台不再接受登录",
        "ask the counter's vendor for a longer licence; afterwards it may take no login",
    ),
    AlarmName.CERTIFICATE_ENDS: (
        "申请新证书，更换文件后重新加载（SIGHUP）",
        "ask for a new certificate, replace the files, and reload (SIGHUP)",
    ),
}
