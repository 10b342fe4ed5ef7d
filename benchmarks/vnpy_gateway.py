"""`python -m benchmarks.vnpy_gateway`: send_order to on_trade of vn.py's RelayGateway beside the terminal's client, in one run."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.scene import start_relay
from demo.cast import MODES, TERMINAL_APP_ID, Cast
from demo.certificates import make_tls_files
from demo.relay_site import clean_environment
from simcounter import demo_accounts
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".cache/integrations/bin/python"
IMPORTS = (ROOT, ROOT / "proto", ROOT / "integrations/vnpy_gateway")
_OTHER_INVESTOR = "100004"


async def measure(cast: Cast, rounds: int, orders: int) -> dict[str, list[float]]:
    """One mode."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        counter = await stack.enter_async_context(SimulatedCounter(CounterConfig()))
        tls = make_tls_files(folder, dt.datetime.now(dt.UTC))
        port, site, _ = await start_relay(stack, folder / cast.mode, cast, tls, counter, {})
        if cast.relay_knows_investor:
            secret = site.folder / "other.secret"
            secret.write_text(demo_accounts.password_of(_OTHER_INVESTOR))
            secret.chmod(0o600)
            await site.run("investor", "add", _OTHER_INVESTOR, "--password-file", secret.name)
        code = (site.folder / "terminal_auth_code.secret").read_text().strip()
        given = _given(cast, f"127.0.0.1:{port}", code, tls.authority) | {"rounds": rounds, "orders": orders}
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            "-m",
            "benchmarks.gateway_orders",
            cwd=folder,
            env=clean_environment(os.environ) | {"TZ": "CST-8", "PYTHONPATH": os.pathsep.join(map(str, IMPORTS))},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate(json.dumps(given).encode() + b"\n")
        if process.returncode:
            raise RuntimeError(f"the measured program ended with {process.returncode}")
        times: dict[str, list[float]] = json.loads(output.splitlines()[-1])
        return times


def _given(cast: Cast, address: str, code: str, authority: Path) -> dict[str, Any]:
    investor, broker = cast.investor_id, demo_accounts.BROKER_ID
    setting = {
        "中继地址": address,
        "用户名": investor,
        "密码": demo_accounts.password_of(investor),
        "经纪商代码": broker,
        "终端标识": TERMINAL_APP_ID,
        "终端授权码": code,
        "CA证书": str(authority),
    }
    client = {"investor": _OTHER_INVESTOR, "password": demo_accounts.password_of(_OTHER_INVESTOR), "broker": broker}
    return {
        "setting": setting,
        "address": address,
        "app_id": TERMINAL_APP_ID,
        "auth_code": code,
        "ca": str(authority),
        **client,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vnpy_gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--orders", type=int, default=100, help="orders a round and way")
    options = parser.parse_args()
    if not PYTHON.exists():
        sys.exit("vn.py is not there; to have it: make integrations-test")
    for cast in MODES.values():
        times = asyncio.run(measure(cast, options.rounds, options.orders))
        middle = {way: statistics.median(values) for way, values in times.items()}
        slow = {way: statistics.quantiles(values, n=100)[98] for way, values in times.items()}
        for way in times:
            print(
                f"{cast.mode:13} {way:8} p50 {middle[way]:7.0f} µs   p99 {slow[way]:7.0f} µs   orders {len(times[way])}"
            )
        print(f"{cast.mode:13} gateway / client, p50: {middle['gateway'] / middle['client']:.2f}")


if __name__ == "__main__":
    main()
