"""The JSON kernel beside the strict reader: what it takes, what it leaves, that both read alike."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from chain_assets.core import block_json
from chain_assets.core.block_json import decode_blocks, warm_up
from chain_assets.core.json_kernel import batches
from chain_assets.core.json_kernel.layout import KINDS, SLOTS
from chain_assets.core.json_kernel.work import KEY_BYTES
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.json_readers import (
    Json,
    compact,
    devnet_payloads,
    differences,
    real_payloads,
    tables_of,
    taken_of,
)
from chain_assets_tests.core.sample_block import hex_bytes, sample_document


def test_dense_blocks_are_taken_and_read_as_the_strict_reader_reads_them() -> None:
    payloads = devnet_payloads(transactions=200, blocks=6)
    assert all(taken_of(payloads))
    assert not differences(payloads)


def test_every_real_block_is_taken_and_read_as_the_strict_reader_reads_it(
    real_blocks: Path,
) -> None:
    payloads = real_payloads(real_blocks)
    assert [
        raw.number for raw, taken in zip(payloads, taken_of(payloads), strict=True) if not taken
    ] == []
    assert not differences(payloads)


@pytest.mark.parametrize("batch_bytes", [1, 5_000, 60_000])
def test_how_payloads_fall_into_batches_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, batch_bytes: int
) -> None:
    payloads = devnet_payloads(transactions=5, blocks=12)
    wanted = decode_strict(payloads, chain="test")
    monkeypatch.setattr(batches, "BATCH_BYTES", batch_bytes)
    monkeypatch.setattr(batches, "_idle_arenas", [])
    decoded = decode_blocks(payloads, chain="test")
    assert all(taken_of(payloads))
    for own, other in zip(tables_of(decoded), tables_of(wanted), strict=True):
        assert own.equals(other)


def block(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["block"].update(fields)


def transaction(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["block"]["transactions"][1].update(fields)


def receipt(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["receipts"][1].update(fields)


def log(**fields: Any) -> Callable[[Json], None]:
    return lambda document: document["receipts"][1]["logs"][1].update(fields)


def authorizations(*entries: Json) -> Callable[[Json], None]:
    whole = {"chainId": "0x1", "address": hex_bytes(9, 20), "nonce": "0x0", "r": "0x1", "s": "0x2"}
    return transaction(authorizationList=[whole | entry for entry in entries])


def shuffled(document: Json) -> None:
    for target in (
        document["block"],
        document["receipts"][0],
        document["block"]["transactions"][1],
    ):
        items = sorted(target.items(), reverse=True)
        target.clear()
        target.update(items)


TAKEN = [
    pytest.param(lambda d: None, id="a whole block"),
    pytest.param(shuffled, id="keys in another order"),
    pytest.param(lambda d: d.update(receipts=None), id="no receipts"),
    pytest.param(lambda d: d.pop("receipts"), id="receipts not named"),
    pytest.param(block(withdrawals=None), id="no withdrawals known"),
    pytest.param(block(withdrawals=[]), id="no withdrawals made"),
    pytest.param(block(uncles=[hex_bytes(1), hex_bytes(2)]), id="uncles"),
    pytest.param(block(uncles=None), id="uncles null"),
    pytest.param(block(totalDifficulty=hex(10**38 - 1)), id="the largest amount"),
    pytest.param(block(gasUsed=hex(2**63 - 1)), id="the largest quantity"),
    pytest.param(block(timestamp=hex(253_402_300_799)), id="the last second of 9999"),
    pytest.param(block(extraData="0x" + "ab" * 5000), id="long data"),
    pytest.param(block(extraData="0x" + "Ab" * 31), id="data of just under a vector"),
    pytest.param(block(extraData="0x" + "AB" * 32), id="data of a vector"),
    pytest.param(transaction(r=hex(2**256 - 1), s="0x0"), id="the largest word and the smallest"),
    pytest.param(transaction(gas="0x00000000005208"), id="leading zeros"),
    pytest.param(transaction(blobVersionedHashes=[hex_bytes(3)]), id="blob hashes"),
    pytest.param(transaction(accessList=[]), id="an empty access list"),
    pytest.param(
        transaction(accessList=[{"storageKeys": [], "address": hex_bytes(1, 20)}] * 3),
        id="access list without keys",
    ),
    pytest.param(
        authorizations({"yParity": "0x1"}, {"v": "0x0", "nonce": hex(2**64 - 1)}),
        id="authorizations by yParity and by v",
    ),
    pytest.param(lambda d: d["block"]["transactions"][0].pop("type"), id="no type"),
    pytest.param(transaction(isSystemTx=True, mint="0x5", sourceHash=hex_bytes(8)), id="a deposit"),
    pytest.param(receipt(l1FeeScalar="0.684 " * 20, l1Fee="0x9", status=None), id="OP Stack"),
    pytest.param(log(topics=[hex_bytes(i) for i in range(4)]), id="four topics"),
    pytest.param(log(topics=[]), id="no topics"),
    pytest.param(log(removed=None, blockHash=["a", 1, -5, None, True, False]), id="left out"),
    pytest.param(log(kind="x" * 300, other=[]), id="unknown keys"),
    pytest.param(transaction(**{"": 1, "n" * 60: None}), id="unknown keys, short and long"),
]


@pytest.mark.parametrize("change", TAKEN)
def test_what_nodes_write_is_taken_and_read_as_the_strict_reader_reads_it(
    change: Callable[[Json], None],
) -> None:
    documents = [sample_document(number) for number in (4, 5, 6)]
    change(documents[1])
    payloads = [compact(document) for document in documents]
    assert taken_of(payloads) == [True] * 3
    assert not differences(payloads)


def written(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def rewrite(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new, 1)

    return rewrite


LEFT = [
    pytest.param(written(b'{"block"', b' {"block"'), id="white space before"),
    pytest.param(lambda text: text + b"\n", id="white space behind"),
    pytest.param(written(b'"gas":', b'"gas" :'), id="white space within"),
    pytest.param(written(b'"gas":', b'"\\u0067as":'), id="an escape in a known key"),
    pytest.param(written(b'"topics":', b'"note":"\\n","topics":'), id="an escape in a value"),
    pytest.param(written(b'"topics":', '"é":1,"topics":'.encode()), id="a key beyond ASCII"),
    pytest.param(written(b'"topics":', b'"note":{"a":1},"topics":'), id="an unknown object"),
    pytest.param(written(b'"topics":', b'"note":[[1]],"topics":'), id="an unknown list of lists"),
    pytest.param(written(b'"topics":', b'"note":1.5,"topics":'), id="a fraction"),
    pytest.param(written(b'"topics":', b'"note":1e5,"topics":'), id="an exponent"),
    pytest.param(written(b'"topics":', b'"note":%d,"topics":' % 10**18), id="a large number"),
    pytest.param(written(b'{"block"', b'{"jsonrpc":"2.0","block"'), id="a key beside the block"),
    pytest.param(written(b'"gas":"0x5208"', b'"gas":"0x%s5208"' % (b"0" * 13)), id="17 digits"),
]
REFUSED = [
    pytest.param(written(b'"gas":', b'"gas":"0x1","gas":'), id="a key twice"),
    pytest.param(written(b'"topics":', b'"n":1,"n":2,"topics":'), id="an unknown key twice"),
    pytest.param(written(b'"receipts":', b'"receipts":null,"receipts":'), id="receipts twice"),
    pytest.param(written(b'"topics":', b'"n":{"a":1,"a":1},"topics":'), id="twice, nested"),
    pytest.param(written(b'"topics":', b'"n":01,"topics":'), id="a leading zero"),
    pytest.param(written(b'"topics":', b'"n":-,"topics":'), id="a lone minus"),
    pytest.param(written(b'"topics":', b'"n":nul,"topics":'), id="half a null"),
    pytest.param(written(b'"topics":', b'"n":[1,],"topics":'), id="a comma too many"),
    pytest.param(written(b'"topics":', b'"n":"\x1f","topics":'), id="a control character"),
    pytest.param(written(b'"topics":', b'"n":"\xff","topics":'), id="not UTF-8"),
    pytest.param(written(b'"topics":', b'"n":"\x00","topics":'), id="a zero byte"),
    pytest.param(written(b'"topics":', b'"\x00":"","topics":'), id="a zero byte in a key"),
    pytest.param(lambda text: text + b"}", id="a brace too many"),
    pytest.param(lambda text: text + b"\x00", id="a zero byte behind"),
    pytest.param(lambda text: text + text, id="two documents"),
    pytest.param(lambda text: b"", id="nothing"),
    pytest.param(lambda text: b"\x00" * 5000, id="only zeros"),
    pytest.param(lambda text: b"[" * 100_000, id="a hundred thousand brackets"),
]


@pytest.mark.parametrize("rewrite", [*LEFT, *REFUSED])
def test_what_is_written_otherwise_is_left_to_the_strict_reader(
    rewrite: Callable[[bytes], bytes],
) -> None:
    payloads = [compact(sample_document(number)) for number in (4, 5, 6)]
    payloads[1] = replace(payloads[1], payload=rewrite(payloads[1].payload))
    assert taken_of(payloads) == [True, False, True]
    assert not differences(payloads)


@pytest.mark.parametrize("rewrite", LEFT)
def test_the_strict_reader_takes_what_the_kernel_leaves(rewrite: Callable[[bytes], bytes]) -> None:
    raw = compact(sample_document(5))
    raw = replace(raw, payload=rewrite(raw.payload))
    assert not decode_blocks([raw], chain="test").refused


@pytest.mark.parametrize("rewrite", REFUSED)
def test_the_strict_reader_refuses_what_is_no_json_of_a_block(
    rewrite: Callable[[bytes], bytes],
) -> None:
    raw = compact(sample_document(5))
    raw = replace(raw, payload=rewrite(raw.payload))
    assert len(decode_blocks([raw], chain="test").refused) == 1


def test_a_block_other_than_the_one_asked_for_is_left() -> None:
    raw = compact(sample_document(5))
    wrong = [replace(raw, number=6), replace(raw, hash=bytes(32)), replace(raw, hash=b"")]
    wrong += [replace(raw, number=2**64 + 5), replace(raw, number=-1)]
    assert taken_of([raw, *wrong, raw]) == [True, *[False] * len(wrong), True]
    assert len(decode_blocks(wrong, chain="test").refused) == len(wrong)


def test_more_unknown_keys_than_the_kernel_counts_are_counted_all_the_same() -> None:
    document = sample_document(5)
    document["block"] |= {f"new{index}": index for index in range(100)}
    raw = compact(document)
    assert taken_of([raw]) == [False]
    assert len(decode_blocks([raw], chain="test").unknown_fields) == 100


def test_without_numba_every_block_takes_the_strict_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_import = builtins.__import__

    def no_numba(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(("numba", "chain_assets.core.json_kernel")):
            raise ImportError(f"No module named {name}")
        return real_import(name, *args, **kwargs)

    payloads = devnet_payloads(transactions=5, blocks=3)
    wanted = decode_blocks(payloads, chain="test")
    monkeypatch.setattr(builtins, "__import__", no_numba)
    block_json._kernel.cache_clear()
    try:
        warm_up()
        decoded = decode_blocks(payloads, chain="test")
        assert block_json._kernel() is None
    finally:
        block_json._kernel.cache_clear()
    for own, other in zip(tables_of(decoded), tables_of(wanted), strict=True):
        assert own.equals(other)


def test_every_key_fits_into_a_vector_and_every_kind_into_a_mask() -> None:
    assert max(len(slot.key) + 2 for slot in SLOTS) <= KEY_BYTES
    for kind in range(len(KINDS)):
        assert sum(slot.kind == kind for slot in SLOTS) < 63


def test_a_hostile_block_of_the_shortest_objects_stays_within_its_buffers() -> None:
    # The most rows that a text can hold: each word of two digits is 32 bytes once decoded.
    document = sample_document(5)
    entries = [{"address": hex_bytes(1, 20), "storageKeys": []}] * 20_000
    document["block"]["transactions"][0]["accessList"] = entries
    whole = compact(document)
    empty = replace(whole, payload=whole.payload.replace(orjson.dumps(entries[0]), b"{}"))
    short = compact(sample_document(6))
    assert taken_of([whole, empty, short]) == [True, False, True]
    assert not differences([whole, empty, short])
