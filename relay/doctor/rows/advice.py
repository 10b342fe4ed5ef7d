"""Advice that several rows give."""

from __future__ import annotations

MEND_FILE = ("按说明中的命令修正", "mend it with the command that stands there")
