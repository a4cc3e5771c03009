"""A store that lets two writers overwrite each other is refused before the first commit."""

from __future__ import annotations

import http.client
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from chain_assets.core.errors import ConfigError
from chain_assets.lake.probe import require_conditional_puts
from chain_assets.lake.storage import Storage, open_store
from chain_assets_tests.lake_fixtures import Pipeline, s3_lake, small_chain


@contextmanager
def _without_conditions(endpoint: str) -> Iterator[str]:
    """A way to the same store that loses the header `If-None-Match`, as some stores do."""
    target = urlsplit(endpoint).netloc

    class Forgetful(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "if-none-match"}
            connection = http.client.HTTPConnection(target, timeout=30)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _forward

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_store_that_honours_conditional_puts_passes_and_nothing_stays_there() -> None:
    with s3_lake() as storage:
        require_conditional_puts(storage)
        assert not open_store(storage).sizes("_probe")


def test_a_store_that_ignores_them_is_refused_and_nothing_is_committed() -> None:
    with s3_lake() as storage, _without_conditions(storage.s3.endpoint_url or "") as endpoint:
        forgetful = replace(storage, s3=replace(storage.s3, endpoint_url=endpoint))
        with pytest.raises(ConfigError, match="ignores conditional puts"):
            Pipeline.on_devnet(forgetful, chain=small_chain()).run(0, 3)
        assert not open_store(storage).sizes("raw_blocks")


def test_a_folder_needs_no_asking(tmp_path: object) -> None:
    require_conditional_puts(Storage(f"{tmp_path}/{uuid.uuid4().hex}"))
