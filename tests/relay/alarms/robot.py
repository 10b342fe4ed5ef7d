"""A robot of WeCom's or DingTalk's kind on loopback: it keeps what it gets, and answers as the test wants."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "key-only-the-group-knows"


class Robot:
    """A webhook on loopback; `answer` is what it says."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, b'{"errcode": 0, "errmsg": "ok"}')
        self.got: list[tuple[str, dict[str, Any]]] = []
        robot = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                robot.got.append((self.path, json.loads(body)))
                status, said = robot.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/robot/send?key={KEY}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
