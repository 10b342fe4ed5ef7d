"""An alarm that reaches a person: from a front that is down at a running relay to the robot of the firm's group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.counter.port import Mode
from relay.faults.table import Fault
from tests.e2e.conftest import StartRelay
from tests.e2e.site import eventually
from tests.relay.alarms.robot import KEY, Robot

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_front_that_is_down_reaches_the_group_and_so_does_its_return(
    start_site: StartRelay, tmp_path: Path
) -> None:
    """With what to do; and the robot's address stands nowhere. The command that tests it needs no running relay."""
    with Robot() as robot:
        address = tmp_path / "robot.secret"
        address.write_text(robot.url, encoding="utf-8")
        address.chmod(0o600)
        site = await start_site(
            Mode.MANY_TO_MANY,
            alarms__wecom_url_file=str(address),
            alarms__group_seconds=0.2,
            watch__period_seconds=0.2,
            watch__front_probe_seconds=0.2,
        )

        def texts() -> str:
            return "\n".join(body["markdown"]["content"] for _, body in robot.got)

        await site.counter.stop_listening()
        await eventually("the group reads of it", lambda: "【故障】柜台前置连接中断" in texts())
        await site.counter.listen()
        await eventually("and of its end", lambda: "【恢复】柜台前置连接中断" in texts())
        tested = site.relay.command("alarm", "test", "--json")
        robot.answer = 200, b'{"errcode": 93000, "errmsg": "invalid"}'
        failed = site.relay.command("alarm", "test", "--json")

    assert Fault.FRONT_DOWN.remedy[0] in texts()
    assert json.loads(tested.stdout) == [{"way": "wecom", "delivered": True, "why": ""}]
    assert (tested.returncode, failed.returncode) == (0, 1)
    assert "errcode 93000" in failed.stdout
    assert KEY not in site.relay.output + failed.stdout + failed.stderr
