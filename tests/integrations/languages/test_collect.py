"""ctp-collect and the proof in C: what they give is what the terminal's own give."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from ctpabi.api import binding
from terminal_client.proof import auth_info
from tests.integrations.languages.toolchains import INTEGRATIONS, make, needs

AUTH_CODE = "TERMINAL00000001"
pytestmark = needs("gcc", "make", packages="gcc make libssl-dev")


@pytest.fixture(scope="module")
def collect(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(INTEGRATIONS / "ctp_collect", tmp_path_factory.mktemp("collect")) / "ctp-collect"


def run(program: Path, *words: str | Path, preload: str = "") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LD_PRELOAD": preload} if preload else None
    return subprocess.run([program, *words], capture_output=True, check=False, timeout=60, env=environment)


def test_it_collects_with_the_vendors_library(collect: Path) -> None:
    """One JSON object alone on standard output, the length that the library said, what is missing in both languages."""
    result = run(collect, binding.vendor_library())
    collected = json.loads(result.stdout)

    assert len(base64.b64decode(collected["system_info"], validate=True)) == collected["length"]
    assert 264 <= collected["length"] <= 273
    assert collected["version"].startswith("sfit_pro_")
    assert len(collected["missing"]) == collected["code"].bit_count()
    for item in collected["missing"]:
        assert f"缺少：{item['chinese']} / missing: {item['english']}".encode() in result.stderr


@pytest.mark.parametrize("form", ["raw", "hex", "base64"])
def test_each_form_has_the_bytes_alone(collect: Path, form: str) -> None:
    """A NUL or line end in the raw bytes is content."""
    result = run(collect, "--format", form, binding.vendor_library())
    decoders = {"raw": bytes, "hex": lambda text: bytes.fromhex(text.decode()), "base64": base64.b64decode}

    content = decoders[form](result.stdout)

    assert f"collected {len(content)} bytes".encode() in result.stderr
    assert 264 <= len(content) <= 273


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int other(void) { return 1; }", b"not a collector of this edition"),
        ("#include <stdlib.h>\nint CTP_GetSystemInfo(char *b, int *n) { abort(); return b[*n]; }", b"it crashed"),
        ("int CTP_GetSystemInfo(char *b, int *n) { b[0] = 1; *n = 345; return 0; }", b"claims 345 bytes"),
        (
            "#include <unistd.h>\nint CTP_GetSystemInfo(char *b, int *n) { for (;;) pause(); return b[*n]; }",
            b"more than 1 s",
        ),
    ],
    ids=["no-collector", "crash", "length", "hang"],
)
def test_a_library_that_fails_is_named(collect: Path, tmp_path: Path, source: str, said: bytes) -> None:
    """Exit status 1 and nothing on standard output, in bounded time."""
    (tmp_path / "wrong.c").write_text(source)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", tmp_path / "wrong.so", tmp_path / "wrong.c"], check=True, timeout=60
    )

    result = run(collect, "--timeout", "1", tmp_path / "wrong.so")

    assert (result.returncode, result.stdout) == (1, b"")
    assert said in result.stderr


def test_a_library_that_prints_spoils_nothing(collect: Path, tmp_path: Path) -> None:
    """The vendor's does; its words go to standard error. It has the time of China, and a preloaded library is not passed on."""
    (tmp_path / "loud.c").write_text(
        '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint CTP_GetSystemInfo(char *b, int *n) { puts("loud");'
        ' memset(b, 0, 270); strcpy(b, getenv("TZ")); *n = 270; return getenv("LD_PRELOAD") ? 1 : 0; }'
    )
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "loud.so", tmp_path / "loud.c"], check=True, timeout=60)

    result = run(collect, tmp_path / "loud.so", preload="/nonexistent.so")
    collected = json.loads(result.stdout)

    assert b"loud\n" in result.stderr
    assert base64.b64decode(collected["system_info"]).rstrip(b"\0") == b"CST-8"
    assert (collected["length"], collected["code"], collected["version"]) == (270, 0, "loud.so")


def test_the_proof_in_c_is_the_terminals(tmp_path: Path) -> None:
    """The same 128 bytes; a wrong auth code is refused without showing it."""
    prove, challenge = make(INTEGRATIONS / "examples/c", tmp_path) / "prove", os.urandom(128)

    def proof(auth_code: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "CTP_TERMINAL_AUTH_CODE": auth_code}
        return subprocess.run([prove], input=challenge, capture_output=True, env=environment, check=False, timeout=60)

    assert proof(AUTH_CODE).stdout == auth_info(AUTH_CODE, challenge)
    wrong = proof("TERMINAL0000001")
    assert wrong.returncode == 1
    assert b"TERMINAL" not in wrong.stderr
