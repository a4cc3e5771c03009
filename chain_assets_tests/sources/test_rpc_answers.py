"""What an RPC node may answer, and what becomes of it: exact bytes on a real socket."""

from __future__ import annotations

import socket
import time
from typing import Any

import orjson
import pytest

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    MalformedAnswer,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from chain_assets_tests.sources.scripted_node import (
    SPEC,
    FakeTime,
    Reply,
    Script,
    calls_of,
    good,
    reply,
    scripted_node,
    source_of,
)


def error(code: int, message: str, **options: Any) -> Reply:
    return reply(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}, **options
    )


def result(value: Any) -> Reply:
    return reply({"jsonrpc": "2.0", "id": 1, "result": value})


BLOCK = good({"method": "eth_getBlockByNumber", "params": ["0x5", False], "id": 1})["result"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Reply(b"<html>Bad gateway</html>"), MalformedAnswer, id="html page"),
        pytest.param(Reply(b""), MalformedAnswer, id="empty body"),
        pytest.param(Reply(b"null"), MalformedAnswer, id="null in place of an answer"),
        pytest.param(Reply(b"[]"), MalformedAnswer, id="list in place of an answer"),
        pytest.param(Reply(b'{"id":1,"result":{"numb'), MalformedAnswer, id="half the JSON"),
        pytest.param(Reply(b"[" * 100_000), MalformedAnswer, id="nested without end"),
        pytest.param(
            Reply(b'{"id":1,', headers={"Content-Length": "999"}), MalformedAnswer, id="cut off"
        ),
        pytest.param(
            Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), MalformedAnswer, id="bad gzip"
        ),
        pytest.param(reply({"id": 7, "result": BLOCK}), MalformedAnswer, id="wrong id"),
        pytest.param(reply({"result": BLOCK}), MalformedAnswer, id="no id"),
        pytest.param(reply({"id": 1}), MalformedAnswer, id="neither result nor error"),
        pytest.param(reply({"id": 1, "error": "no"}), MalformedAnswer, id="error is no object"),
        pytest.param(result("0x5"), MalformedAnswer, id="block is a string"),
        pytest.param(result([BLOCK]), MalformedAnswer, id="block is a list"),
        pytest.param(result({}), MalformedAnswer, id="block has no fields"),
        pytest.param(result(BLOCK | {"hash": "0x12"}), MalformedAnswer, id="short hash"),
        pytest.param(result(BLOCK | {"timestamp": 5}), MalformedAnswer, id="number for quantity"),
        pytest.param(result(BLOCK | {"number": "0x6"}), MalformedAnswer, id="another block"),
        pytest.param(Reply(status=404), MalformedAnswer, id="404"),
        pytest.param(Reply(status=302, headers={"Location": "/"}), MalformedAnswer, id="redirect"),
        pytest.param(result(None), BlockNotFound, id="null block"),
        pytest.param(error(-32000, "header not found"), BlockNotFound, id="header not found"),
        pytest.param(Reply(status=429), RateLimited, id="429"),
        pytest.param(error(-32005, "slow down", status=429), RateLimited, id="429 with JSON"),
        pytest.param(error(-32005, "limit"), RateLimited, id="code -32005"),
        pytest.param(error(429, "compute units"), RateLimited, id="code 429"),
        pytest.param(error(-32000, "Rate limit reached"), RateLimited, id="rate limit"),
        pytest.param(error(-32016, "request rate exceeded"), RateLimited, id="exceeded"),
        pytest.param(Reply(status=500), SourceUnavailable, id="500"),
        pytest.param(Reply(b"<html>", status=503), SourceUnavailable, id="503"),
        pytest.param(Reply(status=504), SourceUnavailable, id="504"),
        pytest.param(error(-32603, "internal error"), SourceUnavailable, id="internal error"),
        pytest.param(Reply(hang_up=True), SourceUnavailable, id="hangs up"),
        pytest.param(Reply(status=401), SourceError, id="401"),
        pytest.param(error(-32001, "bad key", status=403), SourceError, id="403"),
        pytest.param(error(-32601, "no such method"), SourceError, id="method missing"),
    ],
)
def test_each_bad_answer_is_its_own_error(answer: Reply, expected: type[SourceError]) -> None:
    def script(request: Any) -> Reply | None:
        return None if request["method"] == "eth_chainId" else answer

    with scripted_node(script) as node, pytest.raises(expected, match=r"127\.0\.0\.1#0") as caught:
        source_of(node.url, attempts=1).header(5)
    assert caught.value.transient == (expected is not SourceError)
    assert caught.value.chain == SPEC.chain


def test_a_head_that_no_chain_can_have_is_no_head() -> None:
    def script(request: Any) -> Reply | None:
        if request["method"] == "eth_chainId":
            return None
        return result(BLOCK | {"number": hex(10**12)})

    with scripted_node(script) as node, pytest.raises(MalformedAnswer, match="1000000000000"):
        source_of(node.url, attempts=1).head()


def test_a_node_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceUnavailable, match="Connection refused"):
        source_of(f"http://127.0.0.1:{port}").head()


def test_a_node_that_does_not_answer_in_time_is_unavailable() -> None:
    def script(_request: Any) -> Reply | None:
        time.sleep(0.5)
        return None

    with scripted_node(script) as node, pytest.raises(SourceUnavailable, match="in time"):
        source_of(node.url, timeout_seconds=0.1, attempts=1).head()


def test_another_chain_is_a_mistake_that_no_retry_mends() -> None:
    with scripted_node(lambda _: result("0x1")) as node:
        with pytest.raises(ConfigError, match=f"chain id 1, not {SPEC.chain_id}"):
            source_of(node.url).head()
        assert node.methods_called() == ["eth_chainId"]


def test_the_chain_is_checked_once_a_minute() -> None:
    with scripted_node() as node:
        clock = FakeTime()
        source = source_of(node.url, time=clock)
        source.head()
        list(source.blocks(range(10)))
        assert node.methods_called().count("eth_chainId") == 1
        clock.sleep(61.0)
        source.head()
        assert node.methods_called().count("eth_chainId") == 2


def test_a_node_of_another_chain_in_the_place_of_one_that_was_away_is_found_out() -> None:
    answers = {"away": False, "other": False}

    def script(request: Any) -> Reply | None:
        if answers["away"]:
            return Reply(status=503)
        own = calls_of(request)[0]["method"] != "eth_chainId" or not answers["other"]
        return None if own else result("0x1")

    with scripted_node(script) as node:
        clock = FakeTime()
        source = source_of(node.url, time=clock)
        source.head()
        answers["away"] = True
        with pytest.raises(SourceUnavailable):
            source.head()
        answers |= {"away": False, "other": True}
        clock.sleep(6.0)
        with pytest.raises(ConfigError, match=f"chain id 1, not {SPEC.chain_id}"):
            list(source.blocks(range(10)))


def test_nothing_is_sent_before_the_first_question() -> None:
    with scripted_node() as node:
        source_of(node.url).blocks([1, 2, 3])
        assert node.requests == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(result(None), None, id="null"),
        pytest.param(error(-39001, "finalized block not found"), None, id="not found, as geth"),
        pytest.param(None, SPEC.blocks - 1 - SPEC.finality_depth, id="a block"),
    ],
)
def test_finalized_asks_the_tag(answer: Reply | None, expected: int | None) -> None:
    with scripted_node(_for_finalized(answer)) as node:
        finalized = source_of(node.url).finalized()
        assert (finalized and finalized.number) == expected


def test_a_node_without_the_finalized_tag_is_a_mistake_in_the_configuration() -> None:
    script = _for_finalized(error(-32602, "hex string without 0x prefix"))
    with scripted_node(script) as node, pytest.raises(ConfigError, match="finality depth"):
        source_of(node.url).finalized()


@pytest.mark.parametrize(("depth", "expected"), [(0, 39), (10, 29), (39, 0), (40, None)])
def test_a_finality_depth_counts_from_the_head(depth: int, expected: int | None) -> None:
    with scripted_node(_for_finalized(Reply(status=500))) as node:
        finalized = source_of(node.url, finality_depth=depth).finalized()
        assert (finalized.number if finalized else None) == expected


def _for_finalized(answer: Reply | None) -> Script:
    def script(request: Any) -> Reply | None:
        return answer if calls_of(request)[0]["params"][:1] == ["finalized"] else None

    return script


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param('"unknownField":{"b":[1,2.5,true,null],"a":"0x0A"}', id="unknown fields"),
        pytest.param('"mixedCase":"0xABcd"', id="upper-case hex"),
        pytest.param('"name":"\u00e9\u2713","escaped":"\\" \\\\ \\u0000"', id="text"),
        pytest.param('"height":18446744073709551615', id="largest 64-bit integer"),
    ],
)
def test_a_payload_keeps_every_field_as_received(extra: str) -> None:
    plain = orjson.dumps(good({"method": "eth_getBlockByNumber", "params": ["0x5", True], "id": 1}))
    block = plain[plain.index(b'"result":') + 9 : -1]
    odd = b"{" + extra.encode() + b"," + block[1:]

    def script(request: Any) -> Reply | None:
        if request["method"] != "eth_getBlockByNumber":
            return None
        return Reply(b'{"jsonrpc":"2.0","id":1,"result":' + odd + b"}")

    with scripted_node(script) as node:
        (raw,) = source_of(node.url).blocks([5])
    assert raw.payload.startswith(b'{"block":' + odd + b',"receipts":[')


@pytest.mark.parametrize("value", ["18446744073709551616", "NaN", '"\\ud800"'])
def test_what_cannot_be_kept_as_received_is_refused(value: str) -> None:
    text = orjson.dumps(good({"method": "eth_getBlockByNumber", "params": ["0x5", True], "id": 1}))
    odd = text.replace(b'"result":{', b'"result":{"odd":' + value.encode() + b",")

    def script(request: Any) -> Reply | None:
        return Reply(odd) if request["method"] == "eth_getBlockByNumber" else None

    with scripted_node(script) as node, pytest.raises(MalformedAnswer):
        list(source_of(node.url, attempts=1).blocks([5]))
