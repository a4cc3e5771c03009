"""Nodes that offer less: no receipts by block, no batches, small batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chain_assets.core.errors import MalformedAnswer, SourceError
from chain_assets.sources.devnet import Devnet, DevnetSource, Fault, Faults, serve
from chain_assets.sources.rpc.concurrency import BatchSize
from chain_assets_tests.sources.scripted_node import (
    SPEC,
    Reply,
    Script,
    calls_of,
    good,
    reply,
    scripted_node,
    source_of,
)

NUMBERS = range(1, 25)


def error_for(call: Any, code: int, message: str) -> Any:
    return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}}


def one_by_one(answer: Callable[[Any], Any | None]) -> Script:
    """A script that answers each call of a batch by `answer`, or, where that is None, well."""

    def script(request: Any) -> Reply | None:
        answers = [answer(call) or good(call) for call in calls_of(request)]
        return reply(answers if isinstance(request, list) else answers[0])

    return script


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    return [block.payload for block in DevnetSource(Devnet(SPEC)).blocks(NUMBERS)]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param(-32601, "no", id="code"),
        pytest.param(-32000, "the method eth_getBlockReceipts does not exist", id="geth's text"),
        pytest.param(-32000, "Method not found", id="plain text"),
        pytest.param(-32600, "eth_getBlockReceipts is not supported", id="not supported"),
        pytest.param(-32000, "unsupported method", id="unsupported"),
    ],
)
def test_without_block_receipts_single_ones_are_asked_and_that_is_remembered(
    code: int, message: str, expected: list[bytes]
) -> None:
    def answer(call: Any) -> Any | None:
        missing = call["method"] == "eth_getBlockReceipts"
        return error_for(call, code, message) if missing else None

    with scripted_node(one_by_one(answer)) as node:
        source = source_of(node.url, max_concurrency=1, batch_size=4)
        assert [block.payload for block in source.blocks(NUMBERS)] == expected
        # The first chunk of four asked in vain: by hash, then by number.
        assert node.methods_called().count("eth_getBlockReceipts") == 8


def test_a_node_that_knows_receipts_by_number_only_is_asked_so(expected: list[bytes]) -> None:
    def answer(call: Any) -> Any | None:
        if call["method"] != "eth_getBlockReceipts" or len(call["params"][0]) < 66:
            return None
        return error_for(call, -32602, "invalid argument 0: hex number too long")

    with scripted_node(one_by_one(answer)) as node:
        source = source_of(node.url)
        assert [block.payload for block in source.blocks(NUMBERS)] == expected
        assert "eth_getTransactionReceipt" not in node.methods_called()


def test_receipts_are_asked_by_hash() -> None:
    with scripted_node() as node:
        (block,) = source_of(node.url).blocks([5])
        asked = [r["params"] for r in node.requests if r["method"] == "eth_getBlockReceipts"]
        assert asked == [["0x" + block.header.hash.hex()]]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("null_receipts", "no receipts"),
        ("foreign_receipts", "receipt"),
    ],
)
def test_receipts_that_are_not_of_the_block_are_refused(kind: Any, message: str) -> None:
    devnet = Devnet(SPEC, faults=Faults(rules=(Fault(kind=kind),)))
    with serve(devnet) as url, pytest.raises(MalformedAnswer, match=message) as caught:
        list(source_of(url).blocks([5]))
    assert caught.value.block == 5
    assert "127.0.0.1#0" in str(caught.value)


def test_receipts_that_are_wrong_once_are_asked_again(expected: list[bytes]) -> None:
    devnet = Devnet(SPEC, faults=Faults(rules=(Fault(kind="foreign_receipts", times=1),)))
    with serve(devnet) as url:
        assert [block.payload for block in source_of(url).blocks(NUMBERS)] == expected


def test_hashes_in_upper_case_are_the_same_hashes() -> None:
    def answer(call: Any) -> Any | None:
        if call["method"] != "eth_getBlockReceipts":
            return None
        answer = good(call)
        for receipt in answer["result"]:
            receipt["blockHash"] = "0x" + receipt["blockHash"][2:].upper()
        return answer

    with scripted_node(one_by_one(answer)) as node:
        assert len(list(source_of(node.url).blocks(NUMBERS))) == len(NUMBERS)


def whole_batch_error(code: int, message: str, **options: Any) -> Callable[[Any], Reply]:
    return lambda request: reply(error_for({"id": None}, code, message), **options)


REFUSALS: dict[str, Callable[[Any], Reply]] = {
    "HTTP 400": lambda _: Reply(b"bad request", status=400),
    "HTTP 413": lambda _: Reply(b"too large", status=413),
    "HTTP 400 with JSON": whole_batch_error(-32600, "no", status=400),
    "HTTP 400 with a list": lambda _: Reply(b'[7,{"error":{"message":"no"}}]', status=400),
    "one error object": whole_batch_error(-32600, "batch requests are not supported"),
    "limit exceeded": whole_batch_error(-32005, "batch size limit exceeded"),
    "geth": lambda request: reply([error_for(request[0], -32600, "batch too large")]),
    "null id": lambda _: reply([error_for({"id": None}, -32600, "batch too large")]),
    "each call": lambda request: reply(
        [error_for(c, -32003, "response too large") for c in request]
    ),
}


@pytest.mark.parametrize("limit", [1, 3, 4])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_batch_is_split_and_the_size_that_works_is_remembered(
    refusal: Callable[[Any], Reply], limit: int, expected: list[bytes]
) -> None:
    def script(request: Any) -> Reply | None:
        return refusal(request) if len(calls_of(request)) > limit else None

    with scripted_node(script) as node:
        source = source_of(node.url, batch_size=8, max_concurrency=1)
        assert [block.payload for block in source.blocks(NUMBERS)] == expected
        assert len([r for r in node.requests if len(calls_of(r)) > limit]) <= 3
        before = len(node.requests)
        assert [block.payload for block in source.blocks(NUMBERS)] == expected
        assert all(len(calls_of(request)) <= limit for request in node.requests[before:])


@pytest.mark.parametrize(
    "breakdown",
    [Reply(status=500), Reply(hang_up=True), Reply(b"<html>"), Reply(b'[{"id":1,')],
    ids=["500", "hangs up", "html", "cut off"],
)
def test_a_node_that_breaks_down_over_batches_is_asked_less_at_once(
    breakdown: Reply, expected: list[bytes]
) -> None:
    def script(request: Any) -> Reply | None:
        return breakdown if len(calls_of(request)) > 2 else None

    with scripted_node(script) as node:
        source = source_of(node.url, batch_size=8, max_concurrency=1)
        assert [block.payload for block in source.blocks(NUMBERS)] == expected


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda answers: answers[::-1], id="in another order"),
        pytest.param(lambda answers: [a | {"error": None} for a in answers], id="error is null"),
    ],
)
def test_answers_are_matched_by_id(spoil: Callable[[Any], Any], expected: list[bytes]) -> None:
    def script(request: Any) -> Reply | None:
        return reply(spoil(good(request))) if isinstance(request, list) else None

    with scripted_node(script) as node:
        assert [block.payload for block in source_of(node.url).blocks(NUMBERS)] == expected


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda answers: answers[:-1], id="one too few"),
        pytest.param(lambda answers: [*answers, answers[0]], id="one twice"),
        pytest.param(lambda answers: [a | {"id": a["id"] + 1} for a in answers], id="shifted ids"),
        pytest.param(lambda answers: [a | {"id": str(a["id"])} for a in answers], id="text ids"),
        pytest.param(lambda answers: [1, 2, 3], id="numbers"),
    ],
)
def test_a_batch_whose_answers_cannot_be_matched_is_malformed(spoil: Callable[[Any], Any]) -> None:
    def script(request: Any) -> Reply | None:
        return reply(spoil(good(request))) if isinstance(request, list) else None

    with scripted_node(script) as node, pytest.raises(SourceError) as caught:
        list(source_of(node.url, attempts=1, batch_size=4).blocks(NUMBERS))
    assert isinstance(caught.value, MalformedAnswer)


def test_good_answers_before_a_bad_one_are_not_asked_for_again() -> None:
    failed: set[str] = set()

    def answer(call: Any) -> Any | None:
        number = call["params"][0] if call["method"] == "eth_getBlockByNumber" else None
        if number != "0x5" or number in failed:
            return None
        failed.add(number)
        return error_for(call, -32005, "rate limit")

    with scripted_node(one_by_one(answer)) as node:
        assert len(list(source_of(node.url).blocks(range(1, 9)))) == 8
        asked = [
            call["params"][0]
            for request in node.requests
            for call in calls_of(request)
            if call["method"] == "eth_getBlockByNumber"
        ]
        assert [asked.count(hex(number)) for number in range(1, 5)] == [1, 1, 1, 1]


def test_a_batch_size_comes_back_after_a_breakdown_but_not_after_a_refusal() -> None:
    size = BatchSize(10)
    size.failed(10)
    assert size.now == 5
    for _ in range(200):
        size.worked(size.now)
    assert size.now == 10
    size.refused(8)
    assert size.now == 4
    for _ in range(200):
        size.worked(size.now)
    assert size.now == 7
