"""A bucket whose server fails: requests refused, or done and their answers lost.

with faulty_bucket() as bucket:
    bucket.faults.append(Fault("PUT", r"_delta_log/.*json$", "lost"))
    LakeTables(bucket.storage)
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from chain_assets.lake.storage import Storage
from chain_assets_tests.lake_fixtures import s3_lake

FaultKind = Literal["refused", "lost", "cut"]
_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Fault:
    """What strikes the next `times` requests of `method` whose path `pattern` is found in.

    refused   HTTP 503, and nothing is done       lost      it is done, and then HTTP 503
    cut       it is done, and then hung up
    """

    method: str
    pattern: str
    kind: FaultKind
    times: int = 1


@dataclass
class FaultyBucket:
    """A lake in a bucket, and what is wrong with its server; `struck` are the requests it met."""

    storage: Storage
    faults: list[Fault] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, method: str, path: str) -> FaultKind | None:
        """The fault that this request meets."""
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.pattern, path):
                    fault.times -= 1
                    self.struck.append(f"{method} {path}")
                    return fault.kind
        return None


@contextmanager
def faulty_bucket() -> Iterator[FaultyBucket]:
    """An empty lake in a bucket, without faults as yet."""
    with s3_lake() as storage:
        target = (storage.s3.endpoint_url or "").removeprefix("http://")
        bucket = FaultyBucket(storage)

        class Handler(_Handler):
            to, faulty = target, bucket

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            bucket.storage = replace(storage, s3=replace(storage.s3, endpoint_url=url))
            yield bucket
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    to: str
    faulty: FaultyBucket

    def _pass_on(self) -> None:
        fault = self.faulty.strikes(self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, data = 503, [("Content-Type", "application/xml")], b""
        if fault != "refused":
            status, headers, data = self._ask(body)
        if fault == "cut":
            self.close_connection = True
            return
        if fault is not None:
            status, data = 503, b"<Error><Code>ServiceUnavailable</Code></Error>"
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _OWN:
                self.send_header(name, value)
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.to, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each request would be a line."""
