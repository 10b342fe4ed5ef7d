"""`ctp-terminal collect`: run the vendor's collector here and show what it could not collect."""

from __future__ import annotations

import base64
from typing import Annotated

import typer

from terminal_client.cli.output import Output, reporting
from terminal_client.cli.session import collected_by, options_of


def collect(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object")] = False,
) -> None:
    """采集: run the vendor's collector here and show what it could not collect; nothing is sent."""
    options = options_of(context)
    with reporting():
        collected = collected_by(options)
    output = Output(as_json=as_json or options.as_json)
    if output.as_json:
        output.line(
            {
                "system_info": base64.b64encode(collected.system_info).decode("ascii"),
                "length": collected.length,
                "code": collected.code,
                "version": collected.version,
                "library": collected.library.name,
                "collected_at": collected.collected_at.isoformat(),
                "missing": [{"chinese": item.chinese, "english": item.english} for item in collected.missing],
            }
        )
        return
    output.text(f"采集 {collected.length} 字节 bytes, {collected.version} ({collected.library.name})")
    if not collected.missing:
        output.text("全部采集 Complete", "green")
    for item in collected.missing:
        output.text(f"缺少 Missing: {item.chinese} {item.english}", "yellow")
