"""The arguments of rows as one column of JSON text, in the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.kernel.batch import NOBODY
from chain_assets.core.abi.kernel.digits import SCRATCH_BYTES
from chain_assets.core.abi.kernel.memory import SLACK, compiled, copy_bytes
from chain_assets.core.abi.kernel.sources import Longs, Sources, place_of, read_sources, size_of
from chain_assets.core.abi.kernel.tables import CandidateTable
from chain_assets.core.abi.kernel.value_text import write_literal, write_value

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int32]

ELSEWHERE = -1


def write_texts(
    chosen: Longs, sources: Sources, table: CandidateTable, *, most_text: int, given: Any, at: Longs
) -> Any:
    """One text a row as an Arrow string array, null where `chosen` is NOBODY.

    `given` is a string array of texts that are written already: row i has `given[at[i]]`, unless
    `at[i]` is ELSEWHERE. `most_text` is at least the sum of all other texts.
    """
    texts = read_sources([given.cast(pa.binary())])
    given_text = pc.sum(pc.binary_length(given)).as_py() or 0
    memory = pa.allocate_buffer(most_text + given_text + SLACK, resizable=True)
    offsets = np.zeros(len(chosen) + 1, np.int32)
    _write(
        chosen,
        sources.columns,
        table.layouts.layouts,
        table.layouts.steps,
        table.layouts.literals.ctypes.data,
        at,
        texts.columns,
        memory.address,
        offsets,
    )
    written = chosen != NOBODY
    validity = None if written.all() else pa.py_buffer(np.packbits(written, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), memory.slice(0, int(offsets[-1]))]
    return pa.Array.from_buffers(pa.string(), len(chosen), buffers)


@compiled
def _write(
    chosen: Longs,
    columns: Longs,
    layouts: Any,
    steps: Any,
    literals: int,
    at: Longs,
    given: Longs,
    memory: int,
    offsets: Offsets,
) -> None:
    scratch_memory = np.empty(SCRATCH_BYTES, np.uint8)
    scratch = scratch_memory.ctypes.data
    out = memory
    for row in range(len(chosen)):
        if at[row] != ELSEWHERE:
            size = size_of(given, 0, at[row])
            copy_bytes(out, place_of(given, 0, at[row]), size)
            out += size
        elif chosen[row] != NOBODY:
            layout = layouts[chosen[row]]
            for index in range(layout.first, layout.stop):
                step = steps[index]
                out = write_literal(out, literals + step.literal, step.literal_size)
                word = place_of(columns, step.source, row) + step.offset
                out += write_value(out, word, step.kind, step.size, scratch)
            out = write_literal(out, literals + layout.tail, layout.tail_size)
        offsets[row + 1] = out - memory
