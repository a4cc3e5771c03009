"""A devnet over HTTP JSON-RPC, on this machine only.

    with serve(devnet) as url:
        …                       # url: http://127.0.0.1:<port>

Each HTTP request is answered in a thread of its own; connections are kept alive. Faults of the
way (hang up, 429, late, cut off) are drawn for each request of a batch and strike all of it.
"""

from __future__ import annotations

import http.client
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from chain_assets.core.errors import ConfigError
from chain_assets.sources.devnet.controller import Devnet
from chain_assets.sources.devnet.faults import TransportFault
from chain_assets.sources.devnet.node import Node
from chain_assets.sources.devnet.rpc_methods import RpcMethods, error_answer

_LOCAL = "127.0.0.1"
_MAX_BODY = 5 * 2**20  # geth's limit
_PARSE_ERROR, _LIMIT_EXCEEDED = -32700, -32005


@contextmanager
def serve(devnet: Devnet, *, port: int = 0) -> Iterator[str]:
    """Serve `devnet` until the context ends; yields the URL. Port 0 takes any that is free.

    Raises ConfigError for a port that is taken, or none.
    """
    with _bound(devnet, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://{_LOCAL}:{server.server_port}"
        finally:
            server.stopping.set()
            server.shutdown()
            server.hang_up()
            thread.join()


def _bound(devnet: Devnet, port: int) -> _Server:
    try:
        return _Server(devnet, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "ports go from 0 to 65535"
        what = f"port {port} cannot be used ({reason})"
        raise ConfigError(what, todo="Choose another with --port") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, devnet: Devnet, port: int) -> None:
        super().__init__((_LOCAL, port), _Handler)
        self.devnet = devnet
        self.methods = RpcMethods(Node(devnet))
        self.stopping = threading.Event()
        self._connections: set[Any] = set()
        self._connections_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what went wrong, unless the client went away, as every one that times out does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End the connections that clients keep alive, as a node that stops does."""
        with self._connections_lock:
            for connection in self._connections:
                _shut(connection)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one piece: in two, the second waits for the first's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer one HTTP request."""
        length = int(self.headers.get("Content-Length", 0))
        if length > _MAX_BODY:
            self._send(http.client.REQUEST_ENTITY_TOO_LARGE, b"content length too large")
            self.close_connection = True
            return
        try:
            body = orjson.loads(self.rfile.read(length))
        except orjson.JSONDecodeError:
            self._send_json(http.client.OK, error_answer(None, _PARSE_ERROR, "parse error"))
            return
        fault = self._fault(body if isinstance(body, list) else [body])
        if fault == "time_out":
            self.server.stopping.wait(self.server.devnet.faults.delay_seconds)
        self._answer(body, fault)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep silent: the default writes a line to standard error for every request."""

    def _fault(self, requests: list[Any]) -> TransportFault | None:
        faults = (
            self.server.devnet.dice.transport_fault(self.server.methods.block_of(request))
            for request in requests
        )
        return next((fault for fault in faults if fault is not None), None)

    def _answer(self, body: object, fault: TransportFault | None) -> None:
        if fault == "refuse":
            self.close_connection = True
            _shut(self.connection)
        elif fault == "server_error":
            self._send(http.client.SERVICE_UNAVAILABLE, b"no healthy upstream")
        elif fault == "rate_limit":
            error = error_answer(None, _LIMIT_EXCEEDED, "too many requests")
            self._send_json(http.client.TOO_MANY_REQUESTS, error)
        elif fault == "malformed":
            self._send(http.client.OK, b"<html><body>Bad gateway</body></html>")
        else:
            answer = orjson.dumps(self.server.methods.answer(body))
            end = len(answer) // 2 if fault == "truncated" else len(answer)
            self._send(http.client.OK, answer[:end])

    def _send_json(self, status: int, answer: object) -> None:
        self._send(status, orjson.dumps(answer))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Already closed by the other side.
        return
