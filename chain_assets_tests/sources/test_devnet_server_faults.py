"""Each fault of the devnet as a client meets it over HTTP."""

from __future__ import annotations

import http.client
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from chain_assets.sources.devnet import Devnet, DevnetSpec, Fault, Faults, serve
from chain_assets.sources.devnet.faults import TRANSPORT_FAULTS, FaultKind
from chain_assets_tests.sources.devnet_chains import documents
from chain_assets_tests.sources.json_rpc_client import call, error_of, post, request

SPEC = DevnetSpec(transactions_per_block=8, blocks=40, finality_depth=10)


@pytest.fixture
def devnet() -> Devnet:
    return Devnet(SPEC)


@pytest.fixture
def url(devnet: Devnet) -> Iterator[str]:
    with serve(devnet) as address:
        yield address


def document(devnet: Devnet, number: int) -> dict[str, Any]:
    return next(documents(devnet, [number]))


def only(kind: FaultKind, *blocks: int, **more: Any) -> Faults:
    return Faults(rules=(Fault(kind=kind, blocks=frozenset(blocks)),), **more)


def test_refused_connections_are_hung_up_on(devnet: Devnet, url: str) -> None:
    devnet.faults = only("refuse", 7)
    with pytest.raises(http.client.RemoteDisconnected):
        call(url, "eth_getBlockByNumber", "0x7", True)
    assert call(url, "eth_getBlockByNumber", "0x8", True)["number"] == "0x8"


@pytest.mark.parametrize(("kind", "status"), [("server_error", 503), ("rate_limit", 429)])
def test_http_errors(devnet: Devnet, url: str, kind: FaultKind, status: int) -> None:
    devnet.faults = only(kind, 7)
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(url, "eth_getBlockByNumber", "0x7", True)
    assert caught.value.code == status
    caught.value.close()


def test_a_late_answer_is_late_and_whole(devnet: Devnet, url: str) -> None:
    devnet.faults = only("time_out", 7, delay_seconds=0.5)
    with pytest.raises(TimeoutError):
        post(url, request("eth_getBlockByNumber", "0x7", True), seconds=0.1)
    start = time.monotonic()
    assert call(url, "eth_getBlockByNumber", "0x7", True)["number"] == "0x7"
    assert time.monotonic() - start >= 0.5


@pytest.mark.parametrize("kind", ["truncated", "malformed"])
def test_answers_that_are_not_json(devnet: Devnet, url: str, kind: FaultKind) -> None:
    devnet.faults = only(kind, 7)
    with pytest.raises(orjson.JSONDecodeError):
        call(url, "eth_getBlockByNumber", "0x7", True)


@pytest.mark.parametrize("kind", TRANSPORT_FAULTS)
def test_a_fault_of_one_request_strikes_its_whole_batch(
    devnet: Devnet, url: str, kind: FaultKind
) -> None:
    devnet.faults = only(kind, 7, delay_seconds=0.5)
    batch = [request("eth_getBlockByNumber", hex(n), False, id=n) for n in (6, 7)]
    with pytest.raises((OSError, http.client.HTTPException, orjson.JSONDecodeError)):
        post(url, batch, seconds=0.2)
    devnet.faults = Faults()
    assert [answer["id"] for answer in post(url, batch)] == [6, 7]


def test_faults_strike_requests_by_hash_too(devnet: Devnet, url: str) -> None:
    block_hash = document(devnet, 7)["block"]["hash"]
    devnet.faults = only("server_error", 7)
    for selector in (block_hash, {"blockHash": block_hash}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            call(url, "eth_getBlockReceipts", selector)
        caught.value.close()


def test_null_blocks_and_null_receipts(devnet: Devnet, url: str) -> None:
    devnet.faults = only("null_block", 7)
    assert call(url, "eth_getBlockByNumber", "0x7", True) is None
    devnet.faults = only("null_receipts", 7)
    assert call(url, "eth_getBlockReceipts", "0x7") is None


def test_a_node_without_block_receipts_still_has_single_ones(devnet: Devnet, url: str) -> None:
    expected = document(devnet, 7)
    devnet.faults = Faults(rules=(Fault(kind="no_receipts_method"),))
    assert error_of(url, request("eth_getBlockReceipts", "0x7"))[0] == -32601
    first = expected["receipts"][0]
    assert call(url, "eth_getTransactionReceipt", first["transactionHash"]) == first


def test_wrong_receipts(devnet: Devnet, url: str) -> None:
    honest = document(devnet, 7)["receipts"]
    logs = sum(len(receipt["logs"]) for receipt in honest)
    answers = {}
    for kind in ("altered_receipt", "missing_log", "foreign_receipts"):
        devnet.faults = only(kind, 7)
        answers[kind] = call(url, "eth_getBlockReceipts", "0x7")
        assert answers[kind] != honest
    assert sum(len(receipt["logs"]) for receipt in answers["missing_log"]) == logs - 1
    assert len(answers["altered_receipt"]) == len(honest)
    foreign = answers["foreign_receipts"][0]
    assert foreign["blockNumber"] == "0x7"
    assert foreign["blockHash"] != honest[0]["blockHash"]


def test_a_foreign_block_and_its_receipts_agree_with_each_other(devnet: Devnet, url: str) -> None:
    devnet.faults = only("foreign_block", 7)
    foreign = call(url, "eth_getBlockByNumber", "0x7", True)
    assert foreign["hash"] != document(Devnet(SPEC), 7)["block"]["hash"]
    receipts = call(url, "eth_getBlockReceipts", foreign["hash"])
    assert {receipt["blockHash"] for receipt in receipts} == {foreign["hash"]}


def test_a_lagging_node_answers_an_older_head(devnet: Devnet, url: str) -> None:
    newest = call(url, "eth_getBlockByNumber", "latest", False)
    devnet.faults = Faults(lag_blocks=4)
    assert call(url, "eth_blockNumber") == hex(35)
    assert call(url, "eth_getBlockByNumber", "latest", False)["number"] == hex(35)
    assert call(url, "eth_getBlockByNumber", hex(36), False) is None
    assert call(url, "eth_getBlockByHash", newest["hash"], False) is None
