"""Who acts, as the kernel knows it."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from relay.admin.person import Person, person_at_socket, person_here, person_of
from relay.admin.roles import PersonRole, ReasonMissing


def user(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def test_the_user_that_logged_in_is_known_behind_sudo(tmp_path: Path) -> None:
    """The kernel's login uid stays the same through su and sudo."""
    (tmp_path / "loginuid").write_text("1")
    person = person_here(tmp_path / "loginuid")

    known = {"by": user(os.getuid()), "through": "command line", "role": "admin", "reason": ""}
    assert person.facts() == known | {"logged_in_as": user(1)}


@pytest.mark.parametrize("kept", [str(0xFFFF_FFFF), str(os.getuid()), "", None])
def test_without_a_login_of_another_user_the_process_is_all_that_is_known(tmp_path: Path, kept: str | None) -> None:
    """A service, the user itself, or a kernel that keeps no login uid."""
    if kept is not None:
        (tmp_path / "loginuid").write_text(kept)

    assert "logged_in_as" not in person_here(tmp_path / "loginuid").facts()


def test_a_user_without_a_name_is_its_number(tmp_path: Path) -> None:
    """In containers often."""
    assert person_of(4_000_000_001, tmp_path / "none", "command line").by == "uid 4000000001"


def test_an_account_of_a_console_can_only_lower_the_role() -> None:
    """What the console says of its account is believed as far as the console itself may."""
    operator = Person("console.example", "network", role=PersonRole.OPERATOR)

    assert operator.acting_for("mei", "admin").role is PersonRole.OPERATOR
    assert operator.acting_for("mei", "viewer").role is PersonRole.VIEWER
    assert operator.acting_for("mei", "viewer").facts()["account"] == "mei"


@pytest.mark.parametrize(
    ("account", "role"), [("", "viewer"), ("a\nb", "viewer"), ("x" * 65, "viewer"), ("mei", "root")]
)
def test_an_account_without_a_plain_name_or_a_known_role_is_none(account: str, role: str) -> None:
    """It would be in the ledger."""
    with pytest.raises(ValueError):
        Person("relay", "control socket").acting_for(account, role)


def test_a_reason_is_harmless_and_bounded() -> None:
    """It is outside text, whoever wrote it."""
    mei = Person("mei", "command line")

    assert mei.because(" 客户来电 \x1b[31m ").reason == "客户来电 \\x1b[31m"
    with pytest.raises(ReasonMissing):
        mei.because("x" * 201)


def test_the_other_end_of_a_socket_is_who_the_kernel_says(tmp_path: Path) -> None:
    """Another process, with another environment."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        program = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"
        caller = subprocess.Popen([sys.executable, "-c", program, path], env={"LOGNAME": "x", "SUDO_USER": "y"})
        connection, _ = listening.accept()
        pid, uid, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        person = person_at_socket(pid, uid)
        connection.close()
        caller.wait(10)

    assert (person.by, person.through) == (user(os.getuid()), "control socket")
    assert pid == caller.pid
