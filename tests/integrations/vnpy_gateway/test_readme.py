"""The script on the gateway's page, as it stands there, with this test's relay for the page's."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from simcounter import demo_accounts
from tests.e2e.broken_network import Way
from tests.e2e.site import AUTH_CODE, DEADLINE_SECONDS, INVESTORS, TERMINAL, Site
from tests.e2e.test_market_data import in_one_mode, shared_market
from tests.integrations.program import program_variables
from tests.test_house import ROOT

__all__ = ["shared_market"]

PAGES = ROOT / "integrations/vnpy_gateway"


def script_of(page: str) -> str:
    text = (PAGES / page).read_text(encoding="utf-8")
    script: str
    (script,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "SETTING" in block)
    return script


def test_both_pages_have_the_same_script() -> None:
    """But for its comments."""
    chinese, english = (re.sub(r" +#.*", "", script_of(page)) for page in ("README.zh.md", "README.md"))
    assert chinese == english


def fill_in(folder: Path, site: Site) -> None:
    """The script and the files it names, for this relay."""
    script = script_of("README.zh.md").replace("localhost:50051", f"127.0.0.1:{site.relay.port}")
    script = script.replace("client_demo_1.0", TERMINAL).replace("100001", INVESTORS[0])
    (folder / "trade.py").write_text(script, encoding="utf-8")
    secrets = {"investor.secret": demo_accounts.password_of(INVESTORS[0]), "client_demo.secret": AUTH_CODE}
    for name, secret in secrets.items():
        (folder / name).write_text(f"{secret}\n", encoding="ascii")
        (folder / name).chmod(0o600)
    shutil.copy(site.tls.authority, folder / "ca.crt")


async def said_until(process: asyncio.subprocess.Process, words: str) -> str:
    """What it prints, until these words came."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while words not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
    return said


@in_one_mode
@pytest.mark.asyncio(loop_scope="session")
async def test_the_script_trades(shared_market: tuple[Site, Way], programs_python: Path, tmp_path: Path) -> None:
    """A tick, a trade, a rejection, and an end by itself."""
    site, _ = shared_market
    fill_in(tmp_path, site)
    home = tmp_path / "home"
    home.mkdir()
    variables = program_variables({"HOME": str(home), "PYTHONUNBUFFERED": "1", "LANGUAGE": "zh_CN"})
    process = await asyncio.create_subprocess_exec(
        str(programs_python),
        "trade.py",
        cwd=tmp_path,
        env=variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    try:
        await said_until(process, "合约信息查询成功")
        await said_until(process, "螺纹钢")
        process.stdin.write(b"\n")
        said = await said_until(process, "委托被拒")
        process.stdin.write(b"\n")
        async with asyncio.timeout(DEADLINE_SECONDS):
            rest = await process.stdout.read() if process.stdout is not None else b""
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    said += rest.decode()
    assert "全部成交" in said
    assert "成交 RELAY." in said
    assert "拒单" in said
