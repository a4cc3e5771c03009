"""The arguments of flat candidates as Arrow arrays: one loop over the rows for each word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.argument_tables import (
    ArgumentTable,
    argument_table,
    is_number,
    stored_bytes,
    struct_array,
    word_array,
)
from chain_assets.core.abi.kernel.batch import Batch
from chain_assets.core.abi.kernel.choose import NOBODY
from chain_assets.core.abi.kernel.layouts import Leaf, argument_types
from chain_assets.core.abi.kernel.memory import (
    SLACK,
    compiled,
    copy_word,
    load,
    load_byte,
    load_number,
    store,
)
from chain_assets.core.abi.kernel.sources import Longs, Sources, place_of
from chain_assets.core.abi.types import AbiType, TupleType

# How the kept bytes of a word are copied: all at once, over what the next value will write; a
# number turned to the machine's order; an address by three loads of eight bytes; a single byte.
_WORD, _NUMBER, _ADDRESS, _BOOL = range(4)


def flat_tables(batch: Batch, *, before: int = 0) -> list[ArgumentTable]:
    """The chosen rows of `batch`; `before` of all rows come before it."""
    rows, stops = _sort(batch.chosen, len(batch.table.candidates))
    tables = []
    for position in np.flatnonzero(np.diff(stops, prepend=0)):
        own = rows[stops[position - 1] if position else 0 : stops[position]]
        candidate = batch.table.candidates[position]
        leaves = batch.table.layouts.leaves[position]
        assert leaves is not None
        arrays = iter([_leaf_array(leaf, own, batch.sources) for leaf in leaves])
        arguments = [_argument(kind, arrays) for kind in argument_types(candidate)]
        tables.append(argument_table(candidate, own + before, arguments))
    return tables


def _argument(kind: AbiType, leaves: Iterator[Any]) -> Any:
    if isinstance(kind, TupleType):
        return struct_array(kind, [_argument(one, leaves) for one in kind.components])
    return next(leaves)


def _leaf_array(leaf: Leaf, rows: Longs, sources: Sources) -> Any:
    first, width = stored_bytes(leaf.type)
    memory = pa.allocate_buffer(len(rows) * width + SLACK)
    how = {"address": _ADDRESS, "bool": _BOOL}.get(leaf.type.kind, _WORD)
    if is_number(leaf.type):
        how = _NUMBER
    place = leaf.offset + first
    _gather(sources.columns, leaf.source, rows, place, width, how, memory.address)
    return word_array(leaf.type, memory, len(rows))


def _sort(chosen: Longs, candidates: int) -> tuple[Longs, Longs]:
    """The rows of all candidates one after the other, and where those of each end."""
    ends = np.zeros(candidates + 1, np.int64)
    rows = np.empty(len(chosen), np.int64)
    _counting_sort(chosen, ends, rows)
    return rows, ends[:-1]


@compiled
def _counting_sort(chosen: Longs, ends: Longs, rows: Longs) -> None:
    """Afterwards `ends[c]` is where the rows of candidate c end; the last item has no meaning."""
    for row in range(len(chosen)):
        if chosen[row] != NOBODY:
            ends[chosen[row] + 1] += 1
    for candidate in range(1, len(ends)):
        ends[candidate] += ends[candidate - 1]
    # Each candidate's start moves on with its rows, and so becomes its end.
    for row in range(len(chosen)):
        if chosen[row] != NOBODY:
            rows[ends[chosen[row]]] = row
            ends[chosen[row]] += 1


@compiled
def _gather(
    columns: Longs, source: int, rows: Longs, offset: int, width: int, how: int, out: int
) -> None:
    if how == _WORD:
        for row in rows:
            copy_word(out, place_of(columns, source, row) + offset)
            out += width
    elif how == _ADDRESS:
        for row in rows:
            place = place_of(columns, source, row) + offset
            store(out, load(place))
            store(out + 8, load(place + 8))
            store(out + 12, load(place + 12))
            out += width
    elif how == _NUMBER:
        for row in rows:
            store(out, load_number(place_of(columns, source, row) + offset))
            out += width
    else:
        for row in rows:
            # The seven bytes after it are written over by the next values.
            store(out, load_byte(place_of(columns, source, row) + offset))
            out += width
