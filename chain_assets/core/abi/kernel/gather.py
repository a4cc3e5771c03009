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
    is_number,
    stored_bytes,
    struct_array,
    word_array,
)
from chain_assets.core.abi.kernel.batch import NOBODY, Batch
from chain_assets.core.abi.kernel.choose import find_candidate
from chain_assets.core.abi.kernel.layouts import Leaf, argument_types
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

# How the kept bytes of a word are copied: all at once, over what the next value will write; a
# number turned to the machine's order; an address by three loads of eight bytes; a single byte.
_WORD, _NUMBER, _ADDRESS, _BYTE = range(4)

_COPY = np.dtype(
    [
        ("source", np.int64),
        ("offset", np.int64),
        ("width", np.int64),
        ("how", np.int64),
        ("target", np.int64),
    ]
)


@dataclass(frozen=True)
class _Room:
    """Where the rows of each candidate go, and the values of each of its leaves."""

    copies: npt.NDArray[np.void]
    memory: dict[int, Any]
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
        arrays = iter(
            [
                word_array(leaf.type, room.memory[first + index], count)
                for index, leaf in enumerate(leaves)
            ]
        )
        candidate = table.candidates[position]
        arguments = [_argument(kind, arrays) for kind in argument_types(candidate)]
        rows = room.rows[start : start + count] + before
        tables.append(argument_table(candidate, rows, arguments))
    return tables, chosen


def _make_room(batch: Batch) -> _Room:
    table, layouts = batch.table, batch.table.layouts
    copies = np.zeros(len(layouts.steps), _COPY)
    memory: dict[int, Any] = {}
    starts, total = np.zeros(len(table.candidates), np.int64), 0
    sizes = np.bincount(batch.groups[batch.groups >= 0], minlength=len(table.firsts))
    for group in np.flatnonzero(sizes).tolist():
        for position in range(table.firsts[group], table.flat_stops[group]):
            starts[position] = total
            total += int(sizes[group])
            first = int(layouts.layouts["first"][position])
            for index, leaf in enumerate(layouts.leaves[position] or (), start=first):
                begin, width = stored_bytes(leaf.type)
                memory[index] = pa.allocate_buffer(int(sizes[group]) * width + SLACK)
                place = leaf.offset + begin
                copies[index] = (leaf.source, place, width, _how(leaf), memory[index].address)
    return _Room(copies, memory, np.empty(total, np.int64), starts)


def _how(leaf: Leaf) -> int:
    if is_number(leaf.type):
        return _NUMBER
    return {"address": _ADDRESS, "bool": _BYTE}.get(leaf.type.kind, _WORD)


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
    if how == _WORD:
        copy_word(target, word)
    elif how == _ADDRESS:
        store(target, load(word))
        store(target + 8, load(word + 8))
        store(target + 12, load(word + 12))
    elif how == _NUMBER:
        store(target, load_number(word))
    else:
        # The seven bytes after it are written over by the next values.
        store(target, load_byte(word))
