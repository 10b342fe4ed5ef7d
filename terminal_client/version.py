"""What this client calls itself towards the relay."""

from __future__ import annotations

CLIENT_VERSION = "ctp-terminal 1.0 (Python)"
