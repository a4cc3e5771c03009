"""The JSON kernel beside the strict reader: what it takes, what it leaves, that both read alike."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from chain_assets.core import block_json
from chain_assets.core.block_json import decode_blocks, warm_up
from chain_assets.core.block_tables import RawPayload
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
from chain_assets_tests.core.json_texts import LEFT, REFUSED, TAKEN, TOO_LARGE
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


@pytest.mark.parametrize("change", TAKEN)
def test_what_nodes_write_is_taken_and_read_as_the_strict_reader_reads_it(
    change: Callable[[Json], None],
) -> None:
    documents = [sample_document(number) for number in (4, 5, 6)]
    change(documents[1])
    payloads = [compact(document) for document in documents]
    assert taken_of(payloads) == [True] * 3
    assert not differences(payloads)


@pytest.mark.parametrize("change", TOO_LARGE)
def test_what_is_too_large_for_its_column_is_left_and_refused(
    change: Callable[[Json], None],
) -> None:
    document = sample_document(5)
    change(document)
    assert taken_of([compact(document)]) == [False]
    assert len(decode_blocks([compact(document)], chain="test").refused) == 1


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


def test_an_unknown_key_with_a_dot_is_counted_beside_the_path_that_it_looks_like() -> None:
    document = sample_document(5)
    transaction = document["block"]["transactions"][1]
    transaction["accessList"] = [
        {"address": hex_bytes(9, 20), "storageKeys": [], "foo": "0x1"} for _ in range(3)
    ]
    transaction["accessList.foo"] = "0x1"
    raw = compact(document)
    assert differences([raw]) == []
    assert decode_blocks([raw], chain="test").unknown_fields["transaction.accessList.foo"] == 4


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


def test_threads_decode_at_the_same_time_without_a_trace_of_each_other() -> None:
    shares = [devnet_payloads(transactions=2 + count, blocks=4) for count in range(4)]
    wanted = [tables_of(decode_strict(share, chain="test")) for share in shares]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for tables, own in zip(pool.map(_decode, shares), wanted, strict=True):
                assert all(a.equals(b) for a, b in zip(tables, own, strict=True))


def _decode(payloads: Sequence[RawPayload]) -> tuple[pa.Table, ...]:
    return tables_of(decode_blocks(payloads, chain="test"))
