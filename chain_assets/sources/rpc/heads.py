"""News of a chain's head: a node calls over a websocket, or it is asked now and then.

    eth_subscribe newHeads ─→ on_head()     where a node takes subscriptions
    nothing                ─→ poll          where none does, and while none can be reached

A call is only a reason to look: what the head is, the chain's own source says. So a node that
calls may lag, lie or hang up, and no block is taken that the source does not give.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from chain_assets.core.errors import MalformedAnswer, SourceError, SourceUnavailable
from chain_assets.sources.rpc.endpoint import Endpoint, parse_endpoint, scrub_logs

# No block of a chain that anybody follows takes longer; a connection that is silent for so long
# may be dead without either side having noticed.
_LONGEST_SILENCE = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
# Of a block time: how late a polled head is seen at most. And in seconds, for very slow and very
# fast chains.
_POLL_PART = 0.2
_SHORTEST_POLL, _LONGEST_POLL = 0.1, 3.0
# While a node calls: asked anyway, should a call have been lost.
_PATIENCE = 2.0
_SUBSCRIBE = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'

_log = logging.getLogger(__name__)


class HeadCalls:
    """Subscriptions to the new heads of one chain: `on_head` is called from a thread.

    `urls` are ws:// or wss:// URLs, best first, and hold secrets: they are shown nowhere. Without
    any it never calls, and `pause` is that of a poll. Raises ConfigError for a URL that is none.
    """

    def __init__(
        self,
        chain: str,
        urls: Sequence[str],
        *,
        block_time: float,
        on_head: Callable[[], None],
        longest_silence: float = _LONGEST_SILENCE,
        first_wait: float = _FIRST_WAIT,
    ) -> None:
        self._chain, self._on_head = chain, on_head
        self._block_time, self._first_wait = block_time, first_wait
        self._longest_silence = max(longest_silence, 4 * block_time)
        self._endpoints = [
            parse_endpoint(url, index, chain=chain, schemes=("ws", "wss"))
            for index, url in enumerate(urls)
        ]
        for endpoint in self._endpoints:
            scrub_logs(endpoint)
        self._stop = threading.Event()
        self._connection: ClientConnection | None = None
        self._is_called = False
        self._thread = threading.Thread(target=self._run, name=f"heads {chain}", daemon=True)

    def __repr__(self) -> str:
        return f"HeadCalls({self._chain}: {', '.join(e.name for e in self._endpoints)})"

    @property
    def is_called(self) -> bool:
        """Whether a node has taken the subscription and calls."""
        return self._is_called

    def pause(self) -> float:
        """Seconds after which the head is asked for without a call."""
        if self._is_called:
            return max(_PATIENCE, 2 * self._block_time)
        return min(_LONGEST_POLL, max(_SHORTEST_POLL, _POLL_PART * self._block_time))

    def __enter__(self) -> Self:
        if self._endpoints:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._endpoints:
            self._thread.join()

    def _run(self) -> None:
        """One node after the other, until it is stopped."""
        failures = 0
        while not self._stop.is_set():
            endpoint = self._endpoints[failures % len(self._endpoints)]
            try:
                self._listen(endpoint)
            except SourceError as error:
                if self._stop.is_set():
                    return
                failures = 1 if self._is_called else failures + 1
                if failures == 1:
                    _log.warning("%s; the head is asked for instead", error)
            self._is_called = False
            self._stop.wait(min(_LONGEST_WAIT, self._first_wait * 2.0 ** min(failures - 1, 20)))

    def _listen(self, endpoint: Endpoint) -> None:
        """Pass on a node's calls for as long as they come. Raises SourceError at their end."""
        try:
            with connect(endpoint.url, open_timeout=10, close_timeout=1) as connection:
                self._connection = connection
                connection.send(_SUBSCRIBE)
                subscription = self._result(endpoint, connection.recv(timeout=10))
                self._is_called = True
                # One may have come while nobody was listening.
                self._on_head()
                while not self._stop.is_set():
                    text = connection.recv(timeout=self._longest_silence)
                    if self._is_head(endpoint, text, subscription):
                        self._on_head()
        except (WebSocketException, OSError, TimeoutError) as error:
            what = endpoint.scrub(f"{type(error).__name__}: {error}")
            failure = f"{endpoint.name} does not call new heads ({what})"
        finally:
            self._connection = None
        # Out here: the error above may quote the URL, and must not be the cause of this one.
        raise SourceUnavailable(failure, chain=self._chain)

    def _result(self, endpoint: Endpoint, text: str | bytes) -> Any:
        answer = self._parsed(endpoint, text)
        if "result" not in answer:
            said = endpoint.scrub(str(answer.get("error")))
            raise SourceUnavailable(
                f"{endpoint.name} takes no subscription to new heads ({said})", chain=self._chain
            )
        return answer["result"]

    def _is_head(self, endpoint: Endpoint, text: str | bytes, subscription: Any) -> bool:
        params = self._parsed(endpoint, text).get("params")
        return isinstance(params, dict) and params.get("subscription") == subscription

    def _parsed(self, endpoint: Endpoint, text: str | bytes) -> dict[str, Any]:
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise MalformedAnswer(
                f"{endpoint.name} calls with what is no JSON object", chain=self._chain
            )
        return answer
