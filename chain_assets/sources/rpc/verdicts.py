"""Which error each kind of bad answer is.

JSON-RPC leaves most error codes to the nodes, and they disagree, so the message decides where the
code does not. Every text from outside is scrubbed, and exceptions of the HTTP library are named
by their type or system error only: their own text holds the URL.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ReadTimeoutError

from chain_assets.core.errors import BlockNotFound, MalformedAnswer, SourceError, SourceUnavailable
from chain_assets.sources.protocol import parse_json, shown
from chain_assets.sources.rpc.endpoint import Endpoint
from chain_assets.sources.rpc.refusals import (
    AccessRefused,
    BatchRefused,
    CallRefused,
    Throttled,
    TimedOut,
)

# Codes from the JSON-RPC 2.0 specification (-326xx) and EIP-1474 (-32005, limit exceeded).
_CALL_REFUSED_CODES = {-32601, -32602}
_THROTTLED_CODES = {-32005, 429}
_GATEWAY_TIMEOUTS = {408, 504, 524}
_CALL_REFUSED = re.compile(
    r"method \S*\s*(was |is )?not (found|available|supported|allowed|whitelisted)"
    r"|(does not exist|not supported|unsupported|unknown method)",
    re.IGNORECASE,
)
_BATCH_REFUSED = re.compile(
    r"\bbatch|too large|too big|response size|max(imum)? size", re.IGNORECASE
)
_THROTTLED = re.compile(
    r"rate.?limit|too many requests|exceeded|throttl|quota|capacity", re.IGNORECASE
)
_NOT_FOUND = re.compile(
    r"(block|header)( number)? not found|(unknown|missing) (block|header)", re.IGNORECASE
)
_REACH = "See that it runs, and that the chain's URL is right: #0 is the first of its rpc_url_env"


class Verdicts:
    """Makes the errors of one provider: its name and chain are in each."""

    def __init__(self, endpoint: Endpoint, *, chain: str) -> None:
        self._endpoint, self._chain = endpoint, chain

    def malformed(self, what: str, *, block: int | None = None) -> MalformedAnswer:
        """The answer is not what the specification says."""
        return MalformedAnswer(self._named(what), chain=self._chain, block=block)

    def on_exception(self, error: Exception) -> SourceError:
        """The exchange broke off with an exception of the HTTP library or the JSON parser."""
        inner = error.args[0] if error.args else None
        if isinstance(error, requests.Timeout) or isinstance(inner, ReadTimeoutError):
            return TimedOut(self._named("did not answer in time"), chain=self._chain)
        cut_off = (
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        )
        if isinstance(error, cut_off):
            return self.malformed("the answer was cut off or is badly compressed")
        if isinstance(error, requests.RequestException):
            what = self._named(f"cannot be reached ({_system_error(error)})")
            return SourceUnavailable(what, chain=self._chain, todo=_REACH)
        return self.malformed("the answer is not JSON")

    def on_status(self, response: requests.Response, *, batch: bool) -> Any:
        """The error that an HTTP status is, or the JSON-RPC answer that came with it."""
        status = response.status_code
        if status == 429:
            error = Throttled(self._named("HTTP 429, too many requests"), chain=self._chain)
            error.retry_after = retry_after_seconds(response.headers)
            return error
        if status in (401, 403):
            return AccessRefused(
                self._named(f"HTTP {status}, access refused"),
                chain=self._chain,
                todo="Check the key in the environment variable that holds this provider's URL",
            )
        answer = _error_answer_of(response)
        if answer is not None:
            return answer
        if status in _GATEWAY_TIMEOUTS:
            return TimedOut(self._named(f"HTTP {status}, timed out"), chain=self._chain)
        if status >= 500:
            return SourceUnavailable(self._named(f"HTTP {status}"), chain=self._chain)
        if batch:
            return BatchRefused(self._named(f"HTTP {status} for a batch"), chain=self._chain)
        return self.malformed(f"HTTP {status}")

    def on_error(self, error: object, *, batch: bool = False) -> SourceError:
        """The error that a JSON-RPC error object is; `batch`: it answers a batch as a whole."""
        if not isinstance(error, dict):
            return self.malformed("the answer has neither result nor an error object")
        code, message = error.get("code"), str(error.get("message", ""))
        what = self._named(f"error {shown(code)}: {self._endpoint.scrub(message)}")
        return _kind_of(code, message, batch=batch)(what, chain=self._chain)

    def _named(self, what: str) -> str:
        return f"{self._endpoint.name}: {self._endpoint.blank(what)}"


def _kind_of(code: object, message: str, *, batch: bool) -> type[SourceError]:
    if _BATCH_REFUSED.search(message):
        return BatchRefused
    if code in _THROTTLED_CODES or _THROTTLED.search(message):
        return Throttled
    if batch:
        return BatchRefused
    if _NOT_FOUND.search(message):
        return BlockNotFound
    if code in _CALL_REFUSED_CODES or _CALL_REFUSED.search(message):
        return CallRefused
    return SourceUnavailable


def retry_after_seconds(headers: CaseInsensitiveDict[str]) -> float | None:
    """The wait that `Retry-After` (RFC 9110, 10.2.3) asks for, or None.

    A date is read against the answer's own `Date`, so that a clock that is wrong here or there
    does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())


def _error_answer_of(response: requests.Response) -> dict[str, Any] | None:
    """The (first) JSON-RPC error that came with an HTTP error status."""
    try:
        answer = parse_json(response.content)
    except ValueError:
        return None
    answers = answer if isinstance(answer, list) else [answer]
    return next((one for one in answers if isinstance(one, dict) and one.get("error")), None)


def _system_error(error: BaseException) -> str:
    """`Connection refused` and the like, from the innermost exception that has one."""
    pending: list[object] = [error]
    found = type(error).__name__
    while pending:
        one = pending.pop()
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
        if isinstance(one, BaseException):
            pending += [one.__context__, getattr(one, "reason", None), *one.args]
            found = type(one).__name__
    return found
