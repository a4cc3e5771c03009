"""Texts of a short list, each for many rows, as one Arrow string array.

Arrow's own `take` looks up, measures and copies byte by byte; a name or a signature is a copy of
one or two words of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.abi.kernel.memory import SLACK, compiled
from chain_assets.core.abi.kernel.sources import Longs
from chain_assets.core.abi.kernel.value_text import write_literal

_MOST_BYTES = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Texts:
    """Text i is `memory[offsets[i]:offsets[i + 1]]`; behind the last one is `SLACK`."""

    memory: npt.NDArray[np.uint8]
    offsets: Longs


def texts_from(values: Any) -> Texts:
    """The texts of an Arrow string array without nulls, copied."""
    if not len(values):
        return Texts(np.zeros(SLACK, np.uint8), np.zeros(1, np.int64))
    _, offsets_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[values.offset :][: len(values) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    memory = np.concatenate([data, np.zeros(SLACK, np.uint8)])
    return Texts(memory, (offsets - offsets[0]).astype(np.int64))


def take_texts(texts: Texts, at: Longs) -> Any:
    """Row i has text `at[i]`, or is null where that is negative.

    Raises OverflowError for more bytes than an Arrow string array can have.
    """
    count = len(at)
    ends = pa.allocate_buffer(4 * (count + 1))
    nulls, total = _measure(texts.offsets, at, np.frombuffer(ends, np.int32))
    if total > _MOST_BYTES:
        raise OverflowError(f"texts of {total} bytes do not fit into one Arrow array")
    memory = pa.allocate_buffer(total + SLACK)
    _copy(texts.memory.ctypes.data, texts.offsets, at, memory.address)
    bitmap = pa.py_buffer(np.packbits(at >= 0, bitorder="little")) if nulls else None
    buffers = [bitmap, ends, memory.slice(0, total)]
    return pa.Array.from_buffers(pa.string(), count, buffers, nulls)


@compiled
def _measure(offsets: Longs, at: Longs, ends: Any) -> tuple[int, int]:
    """How many rows are null, and the bytes of the others; `ends` are set."""
    nulls = total = 0
    ends[0] = 0
    for row in range(len(at)):
        if at[row] < 0:
            nulls += 1
        else:
            total += offsets[at[row] + 1] - offsets[at[row]]
        ends[row + 1] = total
    return nulls, total


@compiled
def _copy(texts: int, offsets: Longs, at: Longs, out: int) -> None:
    for row in range(len(at)):
        if at[row] >= 0:
            start = offsets[at[row]]
            out = write_literal(out, texts + start, offsets[at[row] + 1] - start)
