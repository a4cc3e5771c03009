"""Raw block JSON to typed Arrow tables.

    payloads ─→ json_kernel ─ taken ────────────────→ tables ─┐
                    └─ declined ─→ json_strict ─────→ tables ─┴→ in the order of the payloads
                                        └─ refused, with the reason

The kernel takes only JSON of the plain sort that nodes write, and gives what the strict reader
would give. That one has the last word on everything else, and reads all where numba is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from types import ModuleType

import numpy as np
import pyarrow as pa

from chain_assets.core.block_tables import BLOCK_TABLES, BlockTables, RawPayload
from chain_assets.core.errors import DecodeError
from chain_assets.core.json_strict import decode_and_place, decode_strict
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

__all__ = ["BlockTables", "RawPayload", "decode_blocks", "warm_up"]

# Which column of the blocks counts the rows of a table.
_COUNTS = {
    TRANSACTIONS.name: "transaction_count",
    LOGS.name: "log_count",
    WITHDRAWALS.name: "withdrawal_count",
}


def decode_blocks(payloads: Sequence[RawPayload], *, chain: str) -> BlockTables:
    """Decode `payloads`; blocks with a bad value are left out and told of in `refused`.

    One bad value refuses its whole block, with the path of the value, and no other block. Fields
    that no column names are counted, by path.
    """
    kernel = _kernel()
    if kernel is None:
        return decode_strict(payloads, chain=chain)
    plain = kernel.decode_plain(payloads)
    if all(plain.taken):
        return _block_tables(plain.tables, plain.unknown_fields, ())
    declined = [place for place, taken in enumerate(plain.taken) if not taken]
    strict, kept = decode_and_place([payloads[place] for place in declined], chain=chain)
    strict_places = {declined[place] for place in kept}
    # Of every block in the tables, in the order of the payloads, which of the two read it.
    readers = [
        "kernel" if taken else "strict"
        for place, taken in enumerate(plain.taken)
        if taken or place in strict_places
    ]
    strict_tables = (strict.blocks, strict.transactions, strict.logs, strict.withdrawals)
    tables = _merged({"kernel": plain.tables, "strict": strict_tables}, readers)
    return _block_tables(tables, plain.unknown_fields + strict.unknown_fields, strict.refused)


def _block_tables(
    tables: Sequence[pa.Table], unknown: Counter[str], refused: tuple[DecodeError, ...]
) -> BlockTables:
    blocks, transactions, logs, withdrawals = tables
    return BlockTables(blocks, transactions, logs, withdrawals, unknown, refused)


def _merged(tables: dict[str, tuple[pa.Table, ...]], readers: Sequence[str]) -> list[pa.Table]:
    """The tables of both readers as one each, blocks in the order of `readers`."""
    merged = []
    for index, table in enumerate(BLOCK_TABLES):
        # Where the rows of a reader's nth block begin.
        starts = {
            reader: np.cumsum([0, *_rows_of_blocks(own[0], table.name)])
            for reader, own in tables.items()
        }
        read = dict.fromkeys(tables, 0)
        slices = [own[index].slice(0, 0) for own in tables.values()]
        for reader, group in groupby(readers):
            first = read[reader]
            read[reader] += len(list(group))
            start, stop = int(starts[reader][first]), int(starts[reader][read[reader]])
            slices.append(tables[reader][index].slice(start, stop - start))
        merged.append(pa.concat_tables(slices))
    return merged


def _rows_of_blocks(blocks: pa.Table, table: str) -> list[int]:
    """How many rows of the table each block has."""
    if table == BLOCKS.name:
        return [1] * blocks.num_rows
    return [count or 0 for count in blocks[_COUNTS[table]].to_pylist()]


def warm_up() -> None:
    """Make the kernel ready: a process's first block then costs no more than its second."""
    kernel = _kernel()
    if kernel is not None:
        kernel.warm_up()


@cache
def _kernel() -> ModuleType | None:
    """The kernel, or None where numba is not installed.

    Imported late: numba takes half a second, which commands that decode nothing need not wait for.
    """
    try:
        from chain_assets.core.json_kernel import batches
    except ImportError:
        return None
    return batches
