"""One JSON-RPC exchange with one provider: bytes out, results or typed errors in.

web3's `HTTPProvider` makes and sends the requests. What a node answers is taken as it is (no
result formatters), so that a raw block keeps its fields; what is no answer becomes an error.
Errors are raised outside of `except` blocks throughout: an exception of requests quotes the URL,
and as a cause or context of ours it would carry the key into logs and the Dagster UI.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from chain_assets.core.errors import SourceError
from chain_assets.sources.protocol import parse_json, shown
from chain_assets.sources.rpc.endpoint import Endpoint
from chain_assets.sources.rpc.verdicts import Verdicts

_FIRST_ID = 1
_SILENT = logging.Logger("silent")
_SILENT.disabled = True


@dataclass(frozen=True)
class Call:
    """One JSON-RPC method with its parameters."""

    method: str
    params: tuple[Any, ...] = ()


class _Connection(HTTPProvider):
    """web3's provider for one thread at a time, so that the ids of its requests are known."""

    logger = _SILENT  # web3 logs the URL of each request

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self.session = requests.Session()
        super().__init__(
            url,
            # A redirect would hand the request to whoever an answer names.
            request_kwargs={"timeout": timeout_seconds, "allow_redirects": False},
            session=self.session,
            exception_retry_configuration=None,  # failover.py retries
        )

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> RPCResponse:
        answer = parse_json(raw_response)
        if isinstance(answer, list) and not all(_has_id(entry) for entry in answer):
            # web3 would guess that such entries are in the order of the calls. A refusal of the
            # whole batch looks like this too, and is handed on as what it says.
            refusals = [e for e in answer if isinstance(e, dict) and e.get("error")]
            answer = refusals[0] if refusals else {}
        return cast(RPCResponse, answer)


def _has_id(entry: object) -> bool:
    return isinstance(entry, dict) and type(entry.get("id")) is int


class Wire:
    """Exchanges with one provider. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, *, chain: str, timeout_seconds: float) -> None:
        self.name = endpoint.name
        self.verdicts = Verdicts(endpoint, chain=chain)
        self._endpoint, self._timeout_seconds = endpoint, timeout_seconds
        self._idle: deque[_Connection] = deque()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().session.close()

    def call(self, call: Call) -> Any:
        """The result of one call. Raises SourceError."""
        # The answer itself is no local variable where an error is raised: it may quote the URL,
        # and some tracebacks show local variables.
        return _raised(
            self._result_of(
                self._attempt(lambda c: c.make_request(RPCEndpoint(call.method), call.params)),
                expected_id=_FIRST_ID,
            )
        )

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several calls in one request: a result or a SourceError for each.

        Raises SourceError where the exchange as a whole failed, BatchRefused where the node does
        not take (this many) calls in one request.
        """
        pairs: list[tuple[RPCEndpoint, Any]] = [(RPCEndpoint(c.method), c.params) for c in calls]
        results: list[Any] = _raised(
            self._results_of(
                self._attempt(lambda c: c.make_batch_request(pairs), batch=True), size=len(calls)
            )
        )
        return results

    def _results_of(self, answers: Any, *, size: int) -> list[Any] | SourceError:
        if isinstance(answers, SourceError):
            return answers
        if not isinstance(answers, list):
            return self.verdicts.on_error(answers.get("error"), batch=True)
        expected = range(_FIRST_ID, _FIRST_ID + size)
        if [answer["id"] for answer in answers] != list(expected):
            refused = next((a["error"] for a in answers if a.get("error")), None)
            if len(answers) < size and refused:
                return self.verdicts.on_error(refused, batch=True)
            what = f"a batch of {size} calls got {len(answers)} answers, or wrong ids"
            return self.verdicts.malformed(what)
        return [self._result_of(a, expected_id=i) for a, i in zip(answers, expected, strict=True)]

    def _result_of(self, answer: Any, *, expected_id: int) -> Any:
        if isinstance(answer, SourceError):
            return answer
        if not isinstance(answer, dict):
            return self.verdicts.malformed("a call was answered with a list")
        # Some nodes send `"error": null` beside a result, and a parse error has the id null.
        if answer.get("error") is not None:
            return self.verdicts.on_error(answer["error"])
        if answer.get("id") != expected_id:
            return self.verdicts.malformed(f"the answer has the id {shown(answer.get('id'))}")
        if "result" not in answer:
            return self.verdicts.malformed("the answer has neither result nor error")
        return answer["result"]

    def _attempt(self, send: Callable[[_Connection], Any], *, batch: bool = False) -> Any:
        connection = self._lease()
        try:
            answer = send(connection)
        except (requests.RequestException, ValueError) as error:
            response = getattr(error, "response", None)
            if isinstance(response, requests.Response):
                return self.verdicts.on_status(response, batch=batch)
            return self.verdicts.on_exception(error)
        finally:
            self._idle.append(connection)
        if isinstance(answer, dict | list):
            return answer
        return self.verdicts.malformed(f"the answer is {type(answer).__name__}, not an object")

    def _lease(self) -> _Connection:
        try:
            connection = self._idle.pop()
        except IndexError:
            url = self._endpoint.url
            connection = _Connection(url, timeout_seconds=self._timeout_seconds)
        connection.request_counter = itertools.count(_FIRST_ID)
        return connection


def _raised(result: Any) -> Any:
    if isinstance(result, SourceError):
        raise result
    return result
