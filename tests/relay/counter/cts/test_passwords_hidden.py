"""How a password is hidden, against results of two other implementations."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.counter.cts.passwords import can_be_hidden, check_passkey, hide
from relay.counter.cts.wire import MAX_TEXT
from relay.counter.port import Mode
from relay.faults.table import Fault
from relay.refusals.refusal import Refused
from simcounter.demo_accounts import OPERATOR_ID, password_of
from tests.relay.counter.cts.rig import INVESTOR, rig


@pytest.mark.parametrize(
    ("password", "passkey", "hidden"),
    [("666666", "12345678", "7UeQNHRmrbs="), ("12345678", "abcdefgh", "IcYNpTQki84kG8keXlWz1g==")],
)
def test_a_password_is_hidden_as_by_other_clients(password: str, passkey: str, hidden: str) -> None:
    """Two known results."""
    assert hide(password, check_passkey(passkey)) == hidden


def test_only_ascii_can_be_hidden() -> None:
    """A NUL would end the password at a counter written in C."""
    assert [can_be_hidden(text) for text in ("a b!", "密码", "a\0b")] == [True, False, False]


@pytest.mark.parametrize("mode", [Mode.MANY_TO_MANY, Mode.MANY_TO_ONE], ids=lambda mode: mode.value)
async def test_a_counter_that_echoes_a_password_puts_it_nowhere(
    tmp_path: Path, mode: Mode, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither plain nor as it stood in the request, not even a part: refusal, log, faults and ledger have stars."""
    message, user = (10021, OPERATOR_ID) if mode is Mode.MANY_TO_ONE else (10011, INVESTOR)
    password = password_of(user)
    async with rig(mode, tmp_path, start=False) as made:
        echo = "x" * (MAX_TEXT - 3) + password
        made.command("cts_refuse", msg_type=message, code="E5", text=f"no {password}", times=1)
        await made.counter.start()
        if mode is Mode.MANY_TO_ONE:
            await made.until(lambda: made.faults.stands(Fault.OPERATOR_REFUSED), "the operator is refused")
            seen = str(made.counter.why_not_ready)
        else:
            refusals = []
            for text in (f"no {password}", echo):
                made.command("cts_refuse", msg_type=message, code="E5", text=text, times=1)
                with pytest.raises(Refused) as refused:
                    await made.attach()
                refusals.append(refused.value.refusal)
            seen = str(refusals)
            assert refusals[0].native is not None
            assert refusals[0].native.text == "no ***"
        written = f"{seen} {made.evidence.entries} {made.faults.__dict__} {capsys.readouterr()}"

        assert "no ***" in written
        assert password not in written
        assert f"xx{password[:2]}" not in written
