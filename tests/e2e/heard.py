"""Everywhere a fault of a relay is to be seen: log, /readyz, /metrics, status and console, and the firm's webhook."""

from __future__ import annotations

import asyncio
import io
import json
import re
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich.console import Console

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, RelayDoor
from relay.cli.reader import Reader
from relay.cli.status import picture
from relay.console.live import WatchedRelay
from relay.console.relay_state import whys
from relay.console.words import Language, load_sentences
from relay.faults.table import Fault, Gravity, Stops
from tests.e2e.relay_process import RelayProcess
from tests.e2e.site import eventually
from tests.relay.alarms.robot import Robot

SOON = {"watch__period_seconds": 0.2, "watch__front_probe_seconds": 0.2, "alarms__group_seconds": 0.05}
"""so that a test need not wait for the next look"""
_EDGES = ["fault_began", "fault_ended"]


def heard_settings(port: int, robot: Robot, directory: Path) -> dict[str, object]:
    """What a relay needs so that all of it can be looked at; the robot's address stands in a file of `directory`."""
    address = directory / "robot.secret"
    address.write_text(robot.url, encoding="utf-8")
    address.chmod(0o600)
    return SOON | {"metrics__address": f"127.0.0.1:{port}", "alarms__webhook_url_file": str(address)}


class Heard:
    """What a relay lets operations know of its faults."""

    def __init__(self, relay: RelayProcess, port: int, robot: Robot) -> None:
        self._relay = relay
        self._port = port
        self._robot = robot
        self._over: Counter[Fault] = Counter()
        """how often each was seen to begin and end: one relay goes through many"""
        self._got: Counter[Fault] = Counter()
        """and how many messages the firm's webhook had about it then"""

    def edges(self, fault: Fault | None = None) -> list[str]:
        """The lines of the log about this fault; without one, all edges of faults, by the fault's name."""
        lines = [json.loads(line) for line in self._relay.output.splitlines() if line.startswith("{")]
        if fault is None:
            return [f"{line['event']} {line['fault']}" for line in lines if line["event"].startswith("fault_")]
        return [line["event"] for line in lines if line.get("fault") == fault.word]

    def lasted(self, fault: Fault) -> float:
        """What the lines at its ends say: the shortest."""
        lines = [json.loads(line) for line in self._relay.output.splitlines() if '"fault_ended"' in line]
        return min(float(line["seconds"]) for line in lines if line["fault"] == fault.word)

    def everything(self) -> list[dict[str, Any]]:
        """All that the firm's webhook got."""
        return [item for _, body in tuple(self._robot.got) for item in body["items"]]

    def messages(self, fault: Fault) -> list[str]:
        """What the firm's webhook got about it: `began`, `ended`."""
        return [item["phase"] for item in self.everything() if item["name"] == fault.word]

    def fetch(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def ready(self) -> tuple[int, dict[str, Any]]:
        """The status of /readyz and its JSON."""
        status, body = self.fetch("/readyz")
        return status, json.loads(body)

    def standing(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """The status of /readyz and the faults it lists, by name."""
        status, state = self.ready()
        return status, {stands["fault"]: stands for stands in state["faults"]}

    def metric(self, fault: Fault, name: str = "fault") -> float:
        found = re.search(rf'^ctp_relay_{name}{{fault="{fault.word}"}} (.+)$', self.fetch("/metrics")[1], re.MULTILINE)
        assert found is not None
        return float(found[1])

    async def status(self) -> pb.RelayStatus:
        """What status and console ask for."""
        state_dir = tomllib.loads(self._relay.config.read_text(encoding="utf-8"))["relay"]["state_dir"]
        door = RelayDoor(self._relay.directory / state_dir / "control.sock")
        client = AdminClient(door, deadline_seconds=60.0)
        try:
            return await client.get_status(pb.GetStatusRequest())
        finally:
            await client.close()

    async def begins(self, fault: Fault) -> dict[str, Any]:
        """Wait until it stands, and look everywhere; what /readyz says of it."""
        past = self._over[fault]
        await eventually(f"{fault.word} stands", lambda: fault.word in self.standing()[1])
        status, state = await asyncio.to_thread(self.ready)
        (stands,) = (one for one in state["faults"] if one["fault"] == fault.word)
        keeps_away = fault.stops is not Stops.NOTHING
        assert (fault.word in state["reasons"]) is (keeps_away and not stands["in_doubt"])
        assert status == (503 if state["reasons"] else 200)
        assert await asyncio.to_thread(self.metric, fault) == 1
        assert await asyncio.to_thread(self.metric, fault, "faults_begun_total") == past + 1
        self._is_shown(fault, await self.status())
        await eventually(
            "its line is in the log", lambda: len(self.edges(fault)) > 2 * past
        )  # the log has its own thread
        assert self.edges(fault) == [*_EDGES * past, "fault_began"]
        await eventually("a person heard of it", lambda: self._news(fault) == self._phases(fault, "began"))
        return dict(stands)

    async def ends(self, fault: Fault) -> None:
        """Wait until it is over: one line for each edge, however often it was found."""
        self._over[fault] += 1
        await eventually(f"{fault.word} is over", lambda: fault.word not in self.standing()[1])
        assert await asyncio.to_thread(self.metric, fault) == 0
        assert fault.word not in [one.kind for one in (await self.status()).faults]
        await eventually("both edges are in the log", lambda: self.edges(fault) == _EDGES * self._over[fault])
        assert self.lasted(fault) > 0
        await eventually("a person heard of its end", lambda: self._news(fault)[-1:] == self._phases(fault, "ended"))
        assert self._news(fault).count("ended") <= 1
        self._got[fault] = len(self.messages(fault))

    def _news(self, fault: Fault) -> list[str]:
        """What the firm's webhook got about it this time."""
        return self.messages(fault)[self._got[fault] :]

    def _phases(self, fault: Fault, phase: str) -> list[str]:
        return [phase] if fault.gravity is not Gravity.NOTICE else []

    def _is_shown(self, fault: Fault, status: pb.RelayStatus) -> None:
        """By `ctp-relay status` and by the console, in both languages."""
        for chinese, title in zip((True, False), fault.title, strict=True):
            typed = io.StringIO()
            Console(file=typed, width=400).print(picture(status, Reader(chinese)))
            assert title in typed.getvalue()
        relay = WatchedRelay("a", reachable=True, status=MessageToDict(status, preserving_proto_field_name=True))
        sentences = load_sentences()
        for language, text in zip(Language, fault.title, strict=True):
            found = whys(relay, lambda key, of=language, **facts: sentences.say(of, key, **facts), language)
            assert [why.kind for why in found if why.words == text] == [
                "bad" if fault.gravity is Gravity.CRITICAL else "warn"
            ]
