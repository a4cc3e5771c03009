"""The arguments of flat candidates as Arrow arrays, copied while the rows are checked.

Each candidate has room for all rows of its group: memory that no row comes to is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.abi.argument_tables import (
    ArgumentTable,
    argument_table,
    stored,
    struct_array,
    word_array,
)
from chain_assets.core.abi.kernel.batch import NOBODY, Batch
from chain_assets.core.abi.kernel.choose import find_candidate
from chain_assets.core.abi.kernel.copies import ADDRESS, NUMBER, WHOLE
from chain_assets.core.abi.kernel.memory import (
    SLACK,
    compiled,
    copy_word,
    inlined,
    load,
    load_byte,
    load_number,
    store,
)
from chain_assets.core.abi.kernel.sources import Longs, place_of
from chain_assets.core.abi.types import AbiType, TupleType

# Arrow's arrays begin at such multiples.
_ALIGNMENT = 64


@dataclass(frozen=True)
class _Room:
    """Where the rows of each candidate go, and the values of each leaf: step i at `places[i]`."""

    copies: npt.NDArray[np.void]
    memory: Any
    places: Longs
    rows: Longs
    starts: Longs


def gather(batch: Batch, *, before: int) -> tuple[list[ArgumentTable], Longs]:
    """The flat rows of `batch` by candidate, and which candidate each row has, or NOBODY.

    `before` of all rows come before the batch.
    """
    table, layouts = batch.table, batch.table.layouts
    room = _make_room(batch)
    chosen = np.empty(batch.sources.count, np.int64)
    counts = np.zeros(len(table.candidates), np.int64)
    _gather(
        batch.groups,
        batch.sources.columns,
        table.firsts,
        table.flat_stops,
        layouts.layouts,
        layouts.checks,
        room.copies,
        room.starts,
        counts,
        room.rows,
        chosen,
    )
    tables = []
    for position in np.flatnonzero(counts).tolist():
        start, count = int(room.starts[position]), int(counts[position])
        first, leaves = int(layouts.layouts["first"][position]), layouts.leaves[position] or ()
        places = room.places[first : first + len(leaves)].tolist()
        arrays = iter(
            [
                word_array(stored(leaf.type), room.memory.slice(place), count)
                for leaf, place in zip(leaves, places, strict=True)
            ]
        )
        arguments = [_argument(kind, arrays) for kind in table.argument_types[position]]
        rows = room.rows[start : start + count] + before
        tables.append(argument_table(table.candidates[position], rows, arguments))
    return tables, chosen


def _make_room(batch: Batch) -> _Room:
    table = batch.table
    sizes = np.bincount(batch.groups[batch.groups >= 0], minlength=len(table.firsts))
    starts, total = _one_by_one(sizes[table.groups_of_candidates])
    # All values in one piece of memory: it takes as long to ask for a small one as for a large.
    copies = table.copies.copy()
    needed = sizes[table.groups_of_steps] * copies["width"]
    needed += np.where(needed, SLACK, 0)
    places, needed_total = _one_by_one(-(-needed // _ALIGNMENT) * _ALIGNMENT)
    memory = pa.allocate_buffer(needed_total)
    copies["target"] = memory.address + places
    return _Room(copies, memory, places, np.empty(total, np.int64), starts)


def _one_by_one(sizes: Longs) -> tuple[Longs, int]:
    """Where things of these sizes begin, and where the last ends."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return np.asarray(ends - sizes), int(ends[-1]) if len(ends) else 0


def _argument(kind: AbiType, leaves: Iterator[Any]) -> Any:
    if isinstance(kind, TupleType):
        return struct_array(kind, [_argument(one, leaves) for one in kind.components])
    return next(leaves)


@compiled
def _gather(
    groups: Longs,
    columns: Longs,
    firsts: Longs,
    flat_stops: Longs,
    layouts: Any,
    checks: Any,
    copies: Any,
    starts: Longs,
    counts: Longs,
    rows: Longs,
    chosen: Longs,
) -> None:
    for row in range(len(groups)):
        candidate = NOBODY
        group = groups[row]
        if group >= 0:
            candidate = find_candidate(
                columns, row, firsts[group], flat_stops[group], layouts, checks
            )
        chosen[row] = candidate
        if candidate == NOBODY:
            continue
        place = counts[candidate]
        counts[candidate] += 1
        rows[starts[candidate] + place] = row
        layout = layouts[candidate]
        for index in range(layout.first, layout.stop):
            copy = copies[index]
            word = place_of(columns, copy.source, row) + copy.offset
            _copy_value(copy.target + copy.width * place, word, copy.how)


@inlined
def _copy_value(target: int, word: int, how: int) -> None:
    if how == WHOLE:
        copy_word(target, word)
    elif how == ADDRESS:
        store(target, load(word))
        store(target + 8, load(word + 8))
        store(target + 12, load(word + 12))
    elif how == NUMBER:
        store(target, load_number(word))
    else:
        # The seven bytes after it are written over by the next values.
        store(target, load_byte(word))
