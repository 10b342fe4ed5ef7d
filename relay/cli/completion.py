"""`ctp-relay completion`: its scripts lie beside it."""

from __future__ import annotations

from pathlib import Path

from ctpabi.command_completion import completion_command

completion = completion_command("ctp-relay", Path(__file__).with_name("completions"))
