"""What the modules of `openctp_ctp` consist of: classes and constants, the same field classes in both."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ctp_relay_openctp.market import market_classes
from ctp_relay_openctp.structs import class_name, field_classes
from ctp_relay_openctp.trader import trader_classes
from ctpabi.catalog import Interface
from ctpabi.catalog.data import load_catalog
from terminal_client.trader_front import ResumeType

CONSTANTS = Path(__file__).parent / "generated/constants.json"
AUTHOR = "CTP relay"


@cache
def contents(interface: Interface) -> dict[str, Any]:
    """Every name of `thosttraderapi` or `thostmduserapi`."""
    constants = json.loads(CONSTANTS.read_text(encoding="utf-8"))["constants"]
    return {
        **{f"THOST_TERT_{one.name}": int(one) for one in ResumeType},
        **{f"THOST_FTDC_{name}": value for name, value in constants.items()},
        **{class_name(name): made for name, made in field_classes().items()},
        **(trader_classes() if interface is Interface.TRADER else market_classes()),
    }


def version() -> str:
    """openctp_ctp.__version__: that of the binding whose interface this is."""
    return load_catalog().version
