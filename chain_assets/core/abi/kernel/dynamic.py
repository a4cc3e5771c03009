"""Arguments of any type as columns: a walk to count the values, and one to copy them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import (
    BlobColumn,
    Column,
    ListColumn,
    TupleColumn,
    WordColumn,
)
from chain_assets.core.abi.fates import Mask
from chain_assets.core.abi.kernel.programs import Program
from chain_assets.core.abi.kernel.sources import Longs, Sources
from chain_assets.core.abi.kernel.walk import copy_rows, count_rows
from chain_assets.core.abi.types import WORD_BYTES, ArrayType, BlobType, TupleType, WordType

# The offsets of a blob column have 32 bits.
_MOST_BYTES = 1 << 30
# Arrow's arrays begin at such multiples.
_ALIGNMENT = 64


def check_rows(program: Program, sources: Sources, rows: Longs) -> tuple[Mask, Longs]:
    """Which of `rows` are good, and how many values and parts each node has in all of those.

    The others may be good as well (see kernel/walk.py), but this route does not say so.
    """
    good = np.empty(len(rows), np.bool_)
    totals = np.zeros((len(program.nodes), 2), np.int64)
    count_rows(program.nodes, program.first_topic, sources.columns, rows, good, totals)
    if totals.max(initial=0) > _MOST_BYTES:
        return np.zeros(len(rows), np.bool_), np.zeros_like(totals)
    return good, totals


def copy_columns(program: Program, sources: Sources, rows: Longs, totals: Longs) -> list[Column]:
    """The columns of `rows`, all of them good, which have `totals`."""
    room = _make_room(program, totals)
    targets, counts = room.memory.address + room.places, np.zeros_like(totals)
    copy_rows(program.nodes, program.first_topic, sources.columns, rows, counts, targets)
    return [_column(program, room, index, len(rows)) for index in program.arguments]


@dataclass(frozen=True)
class _Room:
    """Memory for all columns: where a node's values, and its bytes, begin, and their sizes."""

    memory: Any
    places: Longs
    sizes: Longs

    def part(self, index: int, which: int) -> Any:
        """The memory of one of them."""
        return self.memory.slice(self.places[index, which], self.sizes[index, which])


def _make_room(program: Program, totals: Longs) -> _Room:
    sizes = totals * program.widths
    sizes[program.with_ends, 0] += program.widths[program.with_ends, 0]
    spaced = -(-sizes // _ALIGNMENT) * _ALIGNMENT
    stops = np.cumsum(spaced).reshape(spaced.shape)
    places = stops - spaced
    memory = pa.allocate_buffer(int(stops[-1, -1]))
    # The first value begins where none has ended yet.
    np.frombuffer(memory, np.int64)[places[program.with_ends, 0] // 8] = 0
    return _Room(memory, places, sizes)


def _column(program: Program, room: _Room, index: int, count: int) -> Column:
    kind, first = program.types[index], int(program.nodes["first"][index])
    if isinstance(kind, WordType):
        words = np.frombuffer(room.part(index, 0), np.uint8)
        return WordColumn(kind, words.reshape(-1, WORD_BYTES))
    if isinstance(kind, BlobType):
        arrow_type = pa.string() if kind.canonical == "string" else pa.binary()
        buffers = [None, room.part(index, 0), room.part(index, 1)]
        values = int(room.sizes[index, 0]) // 4 - 1
        return BlobColumn(kind, pa.Array.from_buffers(arrow_type, values, buffers))
    if isinstance(kind, ArrayType):
        ends = np.frombuffer(room.part(index, 0), np.int64)
        return ListColumn(kind, ends, _column(program, room, first, int(ends[-1])))
    assert isinstance(kind, TupleType)
    fields = [_column(program, room, first + n, count) for n in range(len(kind.components))]
    return TupleColumn(kind, tuple(fields))
