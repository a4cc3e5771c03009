"""Rows of decoded_withdrawals, the smallest table of blocks, for tests of commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.tables import Commit, LakeTables

PARTITION = {"chain": "devnet", "block_range": "000000000000-000000000099"}


def rows_of(numbers: Sequence[int], *, value: int = 0) -> pa.Table:
    """One row a block; `value` tells one writing of a block from another."""
    return pa.Table.from_pylist(
        [
            {
                "block_number": number,
                "block_hash": number.to_bytes(32, "big"),
                "block_timestamp": datetime.fromtimestamp(1_700_000_000 + 12 * number, UTC),
                "withdrawal_index": number,
                "validator_index": value,
                "address": bytes([value % 256]) * 20,
                "amount_gwei": number * 1000 + value,
            }
            for number in numbers
        ],
        schema=WITHDRAWALS.file_schema,
    )


def replace(
    tables: LakeTables,
    numbers: Sequence[int],
    *,
    value: int = 0,
    remove: Sequence[int] = (),
    partition: dict[str, str] = PARTITION,
) -> Commit:
    """Write one row of each of `numbers`, over what is there; take out `remove`."""
    file = write_data_file(
        tables.store, WITHDRAWALS, rows_of(numbers, value=value), partition=partition
    )
    return tables.replace_blocks(
        WITHDRAWALS, [file] if file else [], partition=partition, numbers={*numbers, *remove}
    )


def stored(tables: LakeTables, **partition: str) -> dict[int, int]:
    """Block number → value; a number that is there twice fails."""
    rows = tables.read(WITHDRAWALS, **partition).to_pylist()
    found = {row["block_number"]: row["validator_index"] for row in rows}
    assert len(found) == len(rows), "a block has two rows"
    return found
