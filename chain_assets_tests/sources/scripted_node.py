"""A devnet's node on a real socket whose answers a test may replace, byte by byte.

For what no well-behaved server sends: wrong ids, half a body, a list where an object belongs. A
script sees each request's JSON and returns a Reply, or None for what the devnet answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from chain_assets.sources.devnet import Devnet, DevnetSpec
from chain_assets.sources.devnet.node import Node
from chain_assets.sources.devnet.rpc_methods import RpcMethods
from chain_assets.sources.rpc import RpcSource

SPEC = DevnetSpec(transactions_per_block=3, withdrawals_per_block=1, blocks=40, finality_depth=4)


@dataclass(frozen=True)
class Reply:
    """What goes over the wire. `hang_up` closes the connection in place of an answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


Script = Callable[[Any], Reply | None]


@cache
def methods() -> RpcMethods:
    """The answers of a devnet that does nothing wrong; its blocks are built once for all tests."""
    return RpcMethods(Node(Devnet(SPEC)))


def good(request: Any) -> Any:
    """What the devnet answers to a request (or a batch of them)."""
    return methods().answer(request)


def reply(answer: Any, **options: Any) -> Reply:
    """`answer` as JSON."""
    return Reply(orjson.dumps(answer), **options)


def as_devnet(_request: Any) -> Reply | None:
    """The script that replaces nothing."""
    return None


def calls_of(request: Any) -> list[Any]:
    """The calls of a request: one, or those of a batch."""
    return request if isinstance(request, list) else [request]


class ScriptedNode(ThreadingHTTPServer):
    """`requests` are the JSON bodies received, `url` is where."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.requests: list[Any] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def methods_called(self) -> list[str]:
        """The method of each call, in the order received."""
        return [call["method"] for request in self.requests for call in calls_of(request)]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedNode
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        answer = self.server.script(request) or reply(good(request))
        if answer.hang_up:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        headers = {"Content-Length": str(len(answer.body))} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        # A body that is shorter than it says is only cut off once the connection ends.
        self.close_connection = "Content-Length" in answer.headers

    def log_message(self, format: str, *args: Any) -> None:
        """Keep silent."""


@contextmanager
def scripted_node(script: Script = as_devnet) -> Iterator[ScriptedNode]:
    """A node that listens until the context ends."""
    with ScriptedNode(script) as node:
        thread = threading.Thread(target=node.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield node
        finally:
            node.shutdown()
            thread.join()


class FakeTime:
    """A clock that only `sleep` moves; `slept` are the seconds of each sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def source_of(*urls: str, time: FakeTime | None = None, **options: Any) -> RpcSource:
    """A source that waits in made-up time, unless `options` say otherwise."""
    time = time or FakeTime()
    settings: dict[str, Any] = {
        "timeout_seconds": 5.0,
        "attempts": 3,
        "clock": time.clock,
        "sleep": time.sleep,
        "random": lambda: 0.5,
    }
    return RpcSource(SPEC.chain, SPEC.chain_id, urls, **(settings | options))
