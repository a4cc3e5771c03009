"""The devnet over HTTP: a node's answers and errors, as geth gives them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from web3 import HTTPProvider, Web3

from chain_assets.sources.devnet import Devnet, DevnetSpec, serve
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


def test_blocks_and_receipts_are_those_of_the_devnet_in_process(devnet: Devnet, url: str) -> None:
    expected = document(devnet, 7)
    block_hash = expected["block"]["hash"]
    assert call(url, "eth_getBlockByNumber", "0x7", True) == expected["block"]
    assert call(url, "eth_getBlockByHash", block_hash, True) == expected["block"]
    for selector in ("0x7", block_hash, {"blockHash": block_hash}, {"blockNumber": "0x7"}):
        assert call(url, "eth_getBlockReceipts", selector) == expected["receipts"]
    hashes = [transaction["hash"] for transaction in expected["block"]["transactions"]]
    assert call(url, "eth_getBlockByNumber", "0x7", False)["transactions"] == hashes


def test_single_transactions_and_receipts_are_found_by_hash(devnet: Devnet, url: str) -> None:
    expected = document(devnet, 7)
    for transaction, receipt in zip(
        expected["block"]["transactions"], expected["receipts"], strict=True
    ):
        assert call(url, "eth_getTransactionByHash", transaction["hash"]) == transaction
        assert call(url, "eth_getTransactionReceipt", transaction["hash"]) == receipt
    assert call(url, "eth_getTransactionReceipt", "0x" + "0" * 64) is None


def test_identity_and_tags(devnet: Devnet, url: str) -> None:
    assert call(url, "eth_chainId") == hex(SPEC.chain_id)
    assert call(url, "net_version") == str(SPEC.chain_id)
    assert call(url, "web3_clientVersion").startswith("chain-assets-devnet")
    assert call(url, "eth_blockNumber") == hex(39)
    for tag, number in (("latest", 39), ("finalized", 29), ("safe", 29), ("earliest", 0)):
        assert call(url, "eth_getBlockByNumber", tag, False)["number"] == hex(number)


def test_what_is_not_there_is_null(url: str) -> None:
    assert call(url, "eth_getBlockByNumber", "0x28", True) is None
    assert call(url, "eth_getBlockReceipts", "0x28") is None
    assert call(url, "eth_getBlockByHash", "0x" + "1" * 64, True) is None
    assert call(url, "eth_getBlockReceipts", "0x" + "1" * 64) is None


def test_a_batch_is_answered_in_order_with_errors_in_their_places(url: str) -> None:
    body = [request("eth_chainId", id=5), request("eth_no", id=6), "garbage"]
    first, second, third = post(url, body)
    assert (first["id"], first["result"]) == (5, hex(SPEC.chain_id))
    assert (second["id"], second["error"]["code"]) == (6, -32601)
    assert third["error"] == {"code": -32600, "message": "invalid request"}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param(b"{", -32700, "parse error", id="not JSON"),
        pytest.param([], -32600, "empty batch", id="empty batch"),
        pytest.param([{}] * 1001, -32600, "batch too large", id="huge batch"),
        pytest.param(
            request("eth_foo"),
            -32601,
            "the method eth_foo does not exist/is not available",
            id="unknown method",
        ),
        pytest.param(
            request("eth_getBlockByNumber"),
            -32602,
            "missing value for required argument 1",
            id="no arguments",
        ),
        pytest.param(
            request("eth_getBlockByNumber", "seven", True),
            -32602,
            "invalid argument 0: not a block number, tag or hash",
            id="not a number",
        ),
        pytest.param(
            request("eth_getTransactionReceipt", "0x12"),
            -32602,
            "invalid argument 0: not a 32-byte hash",
            id="not a hash",
        ),
    ],
)
def test_errors_are_those_of_a_node(url: str, body: Any, code: int, message: str) -> None:
    assert error_of(url, body) == (code, message)


def test_nothing_final_yet_is_an_error_as_in_geth() -> None:
    with serve(Devnet(DevnetSpec(blocks=3, transactions_per_block=1))) as url:
        body = request("eth_getBlockByNumber", "finalized", False)
        assert error_of(url, body) == (-32000, "finalized block not found")


def test_both_sides_of_a_reorg_are_served_by_hash(devnet: Devnet, url: str) -> None:
    old = call(url, "eth_getBlockByNumber", "0x27", True)
    devnet.reorg(2)
    new = call(url, "eth_getBlockByNumber", "0x27", True)
    assert old["hash"] != new["hash"]
    assert call(url, "eth_blockNumber") == "0x28"
    assert call(url, "eth_getBlockByHash", old["hash"], True) == old
    receipts = call(url, "eth_getBlockReceipts", {"blockHash": old["hash"]})
    assert [receipt["blockHash"] for receipt in receipts] == [old["hash"]] * len(receipts)
    gone = old["transactions"][0]["hash"]
    assert call(url, "eth_getTransactionReceipt", gone) is None


def test_web3_reads_the_devnet(devnet: Devnet, url: str) -> None:
    web3 = Web3(HTTPProvider(url))
    assert (web3.eth.chain_id, web3.eth.block_number) == (SPEC.chain_id, 39)
    block = web3.eth.get_block(39, True)
    assert block["hash"].to_0x_hex() == document(devnet, 39)["block"]["hash"]
    assert len(web3.eth.get_block_receipts(39)) == len(block["transactions"])


def test_a_stopped_server_is_gone(devnet: Devnet) -> None:
    with serve(devnet) as url:
        kept = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        kept.request("POST", "/", orjson.dumps(request("eth_chainId")))
        assert kept.getresponse().read()
    with pytest.raises((OSError, http.client.HTTPException)):
        call(url, "eth_chainId")
    # The connection that was kept alive was ended too, not left hanging.
    assert kept.sock is not None
    assert kept.sock.recv(1) == b""
    kept.close()


def test_many_threads_get_the_same_blocks(devnet: Devnet, url: str) -> None:
    numbers = [number for number in range(40) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: call(url, "eth_getBlockByNumber", hex(n), True), numbers))
    expected = {number: document(devnet, number)["block"] for number in range(40)}
    assert found == [expected[number] for number in numbers]
