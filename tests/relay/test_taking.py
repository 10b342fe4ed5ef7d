"""What of the settings becomes rules of admission."""

from __future__ import annotations

from pathlib import Path

from relay.settings.settings import Settings
from relay.taking import admission_rules


def test_kinds_that_must_be_clean_are_a_rule(state_dir: Path) -> None:
    """As they are written in the file; none by default."""
    values = {
        "relay": {"state_dir": state_dir},
        "listen": {"plaintext_on_loopback": True},
        "counter": {"fronts": ["tcp://127.0.0.1:1"], "broker_id": "9999", "relay_app_id": "relay_1.0"},
    }
    plain = Settings.model_validate(values)
    asked = Settings.model_validate({**values, "verification": {"require_clean": ["ctp", "hundsun"]}})

    assert admission_rules(plain).require_clean == frozenset()
    assert admission_rules(asked).require_clean == {"ctp", "hundsun"}
