"""The plainest JSON-RPC client there is, so that a test sees what a server really answers."""

from __future__ import annotations

import urllib.request
from typing import Any

import orjson


def post(url: str, body: Any, *, seconds: float = 20) -> Any:
    """POST `body` (JSON, or bytes as they are) and parse the answer."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=seconds) as answer:
        return orjson.loads(answer.read())


def request(method: str, *params: Any, id: int = 1) -> dict[str, Any]:
    """A request object."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


def call(url: str, method: str, *params: Any) -> Any:
    """The result of one call, which must not be an error."""
    answer = post(url, request(method, *params))
    assert "error" not in answer, answer
    return answer["result"]


def error_of(url: str, body: Any) -> tuple[int, str]:
    """Code and message of the error that `body` is answered with."""
    error = post(url, body)["error"]
    return error["code"], error["message"]
