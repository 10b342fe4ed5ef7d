"""`ctp-relay investor`: whom the relay itself admits in many_to_one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, ask_secret, why
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, say, show, write_json
from relay.cli.reader import spoken
from relay.cli.running_relay import look_for_disabled
from relay.cli.workplace import Workplace, reporting_stores
from relay.counter.port import Investor

app = typer.Typer(
    no_args_is_help=True,
    help="Investors of the many_to_one mode, whose passwords the relay checks itself.",
    epilog=EPILOG,
)

InvestorId = Annotated[str, typer.Argument(help="InvestorID, e.g. 100001", show_default=False)]
BrokerId = Annotated[str | None, typer.Option("--broker", help="BrokerID; default: counter.broker_id.")]
PasswordFile = Annotated[Path | None, typer.Option(help="Take the password from this file; - is standard input.")]


@app.command(epilog="Example: ctp-relay investor add 100001 --password-file 100001.secret")
def add(
    investor_id: InvestorId,
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    password_file: PasswordFile = None,
    account: Annotated[list[str] | None, typer.Option(help="AccountID; may be repeated. Default: INVESTOR_ID.")] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Register an investor; asks for the password where no file is given."""
    with reporting_stores():
        place = Workplace(config, why(reason))
        investor = _investor(place, broker, investor_id)
        password = ask_secret("password", password_file)
        record = place.investors.add(place.by, investor, password, account or ())
        _tell(asdict(record), spoken("已登记", "registered"), as_json=as_json)


@app.command(epilog="Example: ctp-relay investor passwd 100001 --password-file -")
def passwd(
    investor_id: InvestorId,
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    password_file: PasswordFile = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Replace an investor's password."""
    with reporting_stores():
        place = Workplace(config, why(reason))
        investor = _investor(place, broker, investor_id)
        password = ask_secret("new password", password_file)
        place.investors.set_password(place.by, investor, password)
        _tell(asdict(investor), spoken("密码已更换", "has a new password"), as_json=as_json)


@app.command(epilog="Example: ctp-relay investor accounts 100001 --account 100001 --account 88001")
def accounts(
    investor_id: InvestorId,
    account: Annotated[list[str], typer.Option(help="AccountID; may be repeated.", show_default=False)],
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Say which accounts are an investor's, from the next login on: rows and bank notices of others are not shown."""
    with reporting_stores():
        place = Workplace(config, why(reason))
        investor = _investor(place, broker, investor_id)
        place.investors.set_accounts(place.by, investor, account)
        _tell(asdict(investor) | {"account_ids": account}, _accounts(account), as_json=as_json)


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the investors."""
    with reporting_stores():
        show("investors", [asdict(record) for record in Workplace(config).investors.all()], as_json=as_json)


@app.command()
def enable(
    investor_id: InvestorId,
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Admit an investor again."""
    _set_enabled(investor_id, config, broker, reason, enabled=True, as_json=as_json)


@app.command()
def disable(
    investor_id: InvestorId,
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Refuse an investor from now on (many-to-one); sessions end at once."""
    _set_enabled(investor_id, config, broker, reason, enabled=False, as_json=as_json)


@app.command("forget-machines", epilog="Example: ctp-relay investor forget-machines 100001")
def forget_machines(
    investor_id: InvestorId,
    config: ConfigPath = DEFAULT_CONFIG,
    broker: BrokerId = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Forget what an investor's machines were like (both modes): the next one at each address is the first.

    With `verification.unlike_before = "refuse"` a new machine, or one whose collector misses other items, is let in by this.
    """
    with reporting_stores():
        place = Workplace(config, why(reason))
        investor = _investor(place, broker, investor_id)
        forgotten = place.investors.forget_machines(place.by, investor)
        _tell(asdict(investor) | {"machines_forgotten": forgotten}, _forgotten(forgotten), as_json=as_json)


def _set_enabled(
    investor_id: str, config: Path, broker: str | None, reason: str | None, *, enabled: bool, as_json: bool
) -> None:
    with reporting_stores():
        place = Workplace(config, why(reason))
        investor = _investor(place, broker, investor_id)
        place.investors.set_enabled(place.by, investor, enabled)
        look_for_disabled(place.settings)
        _tell(asdict(investor) | {"enabled": enabled}, _enabled(enabled), as_json=as_json)


def _investor(place: Workplace, broker: str | None, investor_id: str) -> Investor:
    return Investor(broker or place.settings.counter.broker_id, investor_id)


def _accounts(account: list[str]) -> str:
    return spoken(f"资金账号 {'、'.join(account)}", f"has the accounts {', '.join(account)}")


def _forgotten(machines: int) -> str:
    return spoken(f"已忘记 {machines} 台机器", f"machines forgotten: {machines}")


def _enabled(enabled: bool) -> str:
    return spoken("已启用", "is enabled") if enabled else spoken("已停用", "is disabled")


def _tell(row: dict[str, object], what: str, *, as_json: bool) -> None:
    if as_json:
        write_json(row)
    else:
        investor, broker = row["investor_id"], row["broker_id"]
        say(spoken(f"投资者 {investor}（经纪公司 {broker}）：{what}", f"{investor} of broker {broker}: {what}"))
