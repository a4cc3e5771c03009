"""What a task of decoded_* reads at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.proofs import rules_for
from chain_assets.lake.blobs import write_blob
from chain_assets.lake.storage import Storage, open_store
from chain_assets.layers.decode_task import DecodeContext, read_batches

CHAIN, RANGE = "testchain", "000000000000-000000000099"


def context(folder: Path) -> DecodeContext:
    return DecodeContext(
        chain=CHAIN,
        block_range=RANGE,
        storage=Storage(str(folder)),
        registry=standard_registry(),
        rules=rules_for("ethereum", 1),
        verified_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_blobs_that_hold_more_json_than_they_have_bytes_are_decoded_in_more_batches(
    tmp_path: Path,
) -> None:
    task = context(tmp_path)
    store = open_store(task.storage)
    megabytes = [1, 1, 1, 5, 1, 1]
    payloads = [b"%d" % place * (size << 20) for place, size in enumerate(megabytes)]
    blobs = [
        write_blob(
            store, payload, chain=CHAIN, block_range=RANGE, number=number, block_hash=bytes(32)
        )
        for number, payload in enumerate(payloads)
    ]
    assert sum(blob.size_bytes for blob in blobs) < 1 << 20
    (together,) = read_batches(task, store, blobs)
    assert [each.payload for each in together] == payloads
    apart = list(read_batches(task, store, blobs, json_bytes=2 << 20))
    assert [[each.blob.number for each in batch] for batch in apart] == [[0, 1], [2], [3], [4, 5]]
    assert [each.payload for batch in apart for each in batch] == payloads
