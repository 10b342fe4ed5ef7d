"""`ctp-relay alarm`: whether alarms reach a person."""

from __future__ import annotations

import datetime as dt

import typer

from relay.alarms.alarming import channels_of
from relay.alarms.channels import NotDelivered
from relay.alarms.message import AlarmItem, AlarmPhase, message_of
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, CommandRefused, reporting, show
from relay.cli.reader import spoken
from relay.faults.table import Gravity
from relay.settings.file import load

app = typer.Typer(
    no_args_is_help=True, help="Alarms that reach a person (section alarms of the settings).", epilog=EPILOG
)
_CHINA = dt.timezone(dt.timedelta(hours=8))


@app.command("test", epilog="Example: ctp-relay alarm test -c relay.toml")
def send_test(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Send one alarm by every way that is set, now and without the running relay; fails where one does not work."""
    with reporting():
        settings = load(config)
        ways = channels_of(settings.alarms)
        if not ways:
            raise CommandRefused(
                spoken("没有设置告警途径，见设置文件的 [alarms]", "no way is set: see [alarms] in docs/settings.md")
            )
        item = AlarmItem(
            "alarm_test",
            AlarmPhase.HAPPENED,
            ("告警测试，无需处理", "a test of the alarms"),
            Gravity.WARNING,
            dt.datetime.now(_CHINA),
            remedy=("无需处理", "nothing"),
        )
        rows: list[dict[str, object]] = []
        for way in ways:
            try:
                way.send(message_of(settings.relay.name, [item]))
            except NotDelivered as error:
                rows.append({"way": way.name, "delivered": False, "why": str(error)})
            else:
                rows.append({"way": way.name, "delivered": True, "why": ""})
        show("alarms", rows, as_json=as_json)
        failed = [str(row["way"]) for row in rows if not row["delivered"]]
        if failed:
            raise CommandRefused(spoken(f"未送达：{'、'.join(failed)}", f"not delivered by: {', '.join(failed)}"))
