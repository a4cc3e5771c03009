"""New heads, called by a node over a websocket: anvil's, and servers that do not behave."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from chain_assets.core.errors import ConfigError
from chain_assets.sources.rpc.heads import HeadCalls
from chain_assets_tests.anvil import Anvil, running_anvil

_KEY = "a1b2c3d4e5f6a7b8c9d0"


class Calls:
    """Counts the calls."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Until there were so many, for 20 seconds at most."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, timeout=20), self.count


def _heads(calls: Calls, *urls: str, **named: Any) -> HeadCalls:
    return HeadCalls("anvil", urls, block_time=1.0, on_head=calls, first_wait=0.05, **named)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with running_anvil() as node:
        yield node


def test_a_node_calls_each_new_block(anvil: Anvil) -> None:
    calls = Calls()
    with _heads(calls, anvil.url.replace("http", "ws")) as heads:
        calls.wait_for(1)  # once at first: a block may have come before
        assert heads.is_called
        for count in (2, 3, 4):
            anvil.mine()
            calls.wait_for(count)
    time.sleep(0.1)
    anvil.mine()
    assert calls.count == 4


def test_a_reorg_is_called_too(anvil: Anvil) -> None:
    calls = Calls()
    anvil.mine(3)
    with _heads(calls, anvil.url.replace("http", "ws")):
        calls.wait_for(1)
        before = calls.count
        anvil.rpc("anvil_reorg", 2, [])
        calls.wait_for(before + 1)


@contextmanager
def _server(behave: Callable[[ServerConnection], None]) -> Iterator[str]:
    with serve(behave, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v2/{_KEY}"
        finally:
            server.shutdown()
            thread.join()


def _subscribe(connection: ServerConnection) -> None:
    asked = json.loads(connection.recv())
    assert (asked["method"], asked["params"]) == ("eth_subscribe", ["newHeads"])
    connection.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x1"}))


def _call(connection: ServerConnection, subscription: str = "0x1") -> None:
    params = {"subscription": subscription, "result": {"number": "0x5"}}
    message = {"jsonrpc": "2.0", "method": "eth_subscription", "params": params}
    connection.send(json.dumps(message))


def test_calls_of_another_subscription_are_none(caplog: pytest.LogCaptureFixture) -> None:
    def behave(connection: ServerConnection) -> None:
        _subscribe(connection)
        _call(connection, "0x2")
        _call(connection)
        connection.recv()

    calls = Calls()
    with _server(behave) as url, _heads(calls, url):
        calls.wait_for(2)
        time.sleep(0.1)
        assert calls.count == 2


def test_a_node_that_hangs_up_is_called_again() -> None:
    def behave(connection: ServerConnection) -> None:
        _subscribe(connection)
        _call(connection)

    calls = Calls()
    with _server(behave) as url, _heads(calls, url):
        calls.wait_for(6)


def test_a_node_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = []

    def behave(connection: ServerConnection) -> None:
        connections.append(connection)
        _subscribe(connection)
        connection.recv()

    calls = Calls()
    with _server(behave) as url:
        heads = HeadCalls(
            "anvil", [url], block_time=0.05, on_head=calls, longest_silence=0.2, first_wait=0.05
        )
        with heads:
            calls.wait_for(3)
    assert len(connections) >= 3


def _refuses(connection: ServerConnection) -> None:
    connection.recv()
    error = {"code": -32601, "message": f"no such method, key {_KEY}"}
    connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))


def _talks_nonsense(connection: ServerConnection) -> None:
    _subscribe(connection)
    connection.send(f"<html>{_KEY}</html>")


@pytest.mark.parametrize("behave", [_refuses, _talks_nonsense])
def test_without_a_node_that_calls_the_head_is_asked_for_and_no_key_is_shown(
    behave: Callable[[ServerConnection], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), _server(behave) as url:
        with _heads(Calls(), url) as heads:
            end = time.monotonic() + 10
            while "asked for instead" not in caplog.text and time.monotonic() < end:
                time.sleep(0.02)
        assert "the head is asked for instead" in caplog.text
        assert not heads.is_called
        assert heads.pause() == pytest.approx(0.2)
    ours = [r for r in caplog.records if r.name != "websockets.server"]
    assert any(record.name == "websockets.client" for record in ours)
    assert not [record for record in ours if _KEY in record.getMessage()]
    assert _KEY not in repr(heads)


def test_a_node_that_is_down_is_followed_by_the_next_one(anvil: Anvil) -> None:
    calls = Calls()
    urls = ("ws://127.0.0.1:1/nobody", anvil.url.replace("http", "ws"))
    with _heads(calls, *urls) as heads:
        calls.wait_for(1)
        assert heads.is_called
        assert heads.pause() >= 2


def test_a_url_that_is_none_is_refused_without_quoting_it() -> None:
    with pytest.raises(ConfigError, match="not an ws:// or wss:// URL") as caught:
        _heads(Calls(), f"https://node.example/{_KEY}")
    assert _KEY not in str(caught.value)


def test_without_any_url_nobody_calls_and_nothing_is_started() -> None:
    calls = Calls()
    before = threading.active_count()
    with _heads(calls) as heads:
        assert threading.active_count() == before
        assert heads.pause() == pytest.approx(0.2)
    assert calls.count == 0


@pytest.mark.parametrize(
    ("block_time", "pause"), [(12.0, 2.4), (2.0, 0.4), (0.25, 0.1), (60.0, 3.0)]
)
def test_the_head_is_asked_for_several_times_a_block(block_time: float, pause: float) -> None:
    heads = HeadCalls("anvil", [], block_time=block_time, on_head=Calls())
    assert heads.pause() == pytest.approx(pause)
