"""What C code prints becomes events of the log, whatever becomes of the process; each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

PROLOGUE = """
import ctypes, os, sys, threading, time
import structlog
from relay.logs import logs
from relay.logs.native_output import NativeOutput, RealOutput
libc = ctypes.CDLL(None)
log = structlog.get_logger()

def on_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

with RealOutput() as real, logs.configure(level="info", form="json", stream=real.stdout), NativeOutput(real):
"""
DEADLINE = 60.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""with that variable Python switches C's own buffer off as well"""


def run(body: str) -> tuple[list[dict[str, Any]], str, int]:
    """The lines of the log, standard error and status of a program that does this while output is caught."""
    program = PROLOGUE + "\n".join(f"    {line}" for line in body.strip().splitlines())
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False, env=ENVIRONMENT)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.returncode


def texts(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["stream"], line["text"]) for line in lines if line["event"] == "native_output"]


def test_what_native_code_prints_on_any_thread_is_in_the_log() -> None:
    """By system calls, by C's own buffer, and by Python; nothing of it stands beside the log."""
    lines, error, status = run("""
on_a_thread(lambda: os.write(2, b"CTP: Password[hunter2]\\n"))
on_a_thread(lambda: libc.puts(b"front reached"))
on_a_thread(lambda: os.write(2, b"E0000 00:00:1.0 1 a.cc:1] Handshake failed\\n"))
print("printed")
""")

    assert sorted(texts(lines)) == [
        ("stderr", "CTP: Password ***"),
        ("stdout", "front reached"),
        ("stdout", "printed"),
    ]
    assert [(line["level"], line["text"]) for line in lines if line["event"] == "grpc_said"] == [
        ("error", "Handshake failed")
    ]
    assert (error, status) == ("", 0)


def test_c_code_is_heard_while_the_process_runs() -> None:
    """C's own buffer would keep its lines until 4 KiB are full, and a line without an end for ever."""
    lines, _, _ = run("""
heard = []
logs_say = structlog.get_config()["processors"]
structlog.configure(processors=[lambda a, b, event: (heard.append(event.get("text")), event)[1], *logs_say])
libc.puts(b"whole")
os.write(1, b"no end")
deadline = time.monotonic() + 30
while len(heard) < 2 and time.monotonic() < deadline:
    time.sleep(0.01)
log.info("heard_by_then", texts=heard[:2])
""")

    assert [line["texts"] for line in lines if line["event"] == "heard_by_then"] == [["whole", "no end"]]


def test_a_storm_is_a_few_events_and_a_count_and_does_not_wait() -> None:
    """Every line is an event or counted, or a pipe was full and an event says so."""
    lines, _, _ = run("""
for number in range(20_000):
    os.write(1, b"line %d\\n" % number)
""")

    found = texts(lines)
    missing = sum(line.get("suppressed", 0) for line in lines)
    assert 50 <= len(found) < 1000
    assert len(found) + missing == 20_000


def test_a_reader_that_cannot_go_on_does_not_stop_who_prints() -> None:
    """The vendor's thread goes on; what found the pipe full is lost, and that is said."""
    lines, _, _ = run("""
import ctypes.util
hold = ctypes.PyDLL(None)  # keeps the interpreter, so the reader stands still
hold.write.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
block = b"x y\\n" * 16384
results = [hold.write(1, block, len(block)) for _ in range(100) if not sys.setswitchinterval(1000)]
sys.setswitchinterval(0.005)
log.info("printed", refused=results.count(-1))
""")

    assert next(line["refused"] for line in lines if line["event"] == "printed") > 0
    assert any(line.get("pipe_was_full") for line in lines)


def test_a_crash_is_on_the_real_standard_error() -> None:
    """The stacks, and what the C library said last."""
    _, error, status = run("""
time.sleep(0.05)
hold = ctypes.PyDLL(None)  # keeps the interpreter until the end
hold.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
sys.setswitchinterval(1000)
hold.fputs(b"free(): invalid pointer\\n", ctypes.c_void_p.in_dll(hold, "stderr"))
hold.abort()
""")

    assert status == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in error
    assert "free(): invalid pointer" in error


def test_afterwards_both_descriptors_are_what_they_were() -> None:
    """A command's last words go where its caller looks."""
    program = f"{PROLOGUE}    pass\nprint('out', flush=True)\nos.write(2, b'error')\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=DEADLINE, check=False)

    assert (done.stdout, done.stderr) == (b"out\n", b"error")
