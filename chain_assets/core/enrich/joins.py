"""Joins of decoded rows: by address to reference rows, by number to blocks, to calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Positions = npt.NDArray[np.int64]

_INDEX_BITS = 32
_EARLIEST = -(1 << 63)


def column(table: pa.Table, name: str) -> pa.Array:
    """The column as one array."""
    return table[name].combine_chunks()


def latest_rows(table: pa.Table, *, key: Sequence[str]) -> pa.Table:
    """One row for each key, sorted by the key: the last by `as_of`, then `source`, then the rest.

    NULLs come first, so a row that says since when beats one that does not. The choice rests on
    what the rows say and not on their order: two readings of the same files agree.
    """
    rest = [name for name in table.column_names if name not in (*key, "as_of", "source")]
    table = table.take(in_order(table, [*key, "as_of", "source", *rest]))
    last = np.ones(len(table), bool)
    if len(table):
        codes = [_codes(column(table, name)) for name in key]
        last[:-1] = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    return table.filter(pa.array(last))


def in_order(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """The rows of `table`, sorted by the columns `names`; a NULL counts as the least value."""
    filled = pa.table({name: _without_nulls(column(table, name)) for name in names})
    return pc.sort_indices(filled, sort_keys=[(name, "ascending") for name in names])


def _without_nulls(values: pa.Array) -> pa.Array:
    """NULL as the least value of its type: Arrow would sort NULLs last."""
    if pa.types.is_timestamp(values.type):
        return pc.fill_null(values.cast(pa.int64()), _EARLIEST)
    least: Any = {pa.binary(): b"", pa.string(): "", pa.float64(): -np.inf}.get(values.type, -1)
    return pc.fill_null(values, least)


def _codes(values: pa.Array) -> npt.NDArray[np.int32]:
    codes: npt.NDArray[np.int32] = pc.index_in(values, value_set=values.unique()).to_numpy()
    return codes


def look_up(addresses: pa.Array, table: pa.Table, name: str) -> pa.Array:
    """Column `name` of the row of `table` with that `address`; NULL where there is none."""
    return column(table, name).take(pc.index_in(addresses, value_set=column(table, "address")))


def block_positions(rows: pa.Table, blocks: pa.Table, *, table: str) -> Positions:
    """For each row, which row of `blocks` its block is. Raises ValueError where it has none."""
    number = column(rows, "block_number")
    found = pc.index_in(number, value_set=column(blocks, "number"))
    if found.null_count:
        orphan = number.filter(found.is_null())[0]
        raise ValueError(f"{table} has rows of block {orphan}, which is not among the blocks given")
    positions: Positions = found.to_numpy().astype(np.int64)
    return positions


def transaction_keys(rows: pa.Table, positions: Positions, *, table: str) -> pa.Array:
    """One integer for each (block, transaction_index). Raises ValueError on an absurd index."""
    index = column(rows, "transaction_index").to_numpy(zero_copy_only=False)
    if len(index) and not 0 <= index.min() <= index.max() < 1 << _INDEX_BITS:
        block = rows["block_number"][int(np.argmax(index))]
        raise ValueError(f"{table} has a transaction_index of {index.max()} in block {block}")
    return pa.array((positions << _INDEX_BITS) | index)
