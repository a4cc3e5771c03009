"""Payloads through the kernel, a batch at a time.

A batch costs what a hundred columns cost, whatever is in them, and the rows of several batches must
be put together again; so it is as large as what a worker decodes at a time, a hundred blocks of
mainnet. Arenas are kept between batches, one for each thread that decodes at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from chain_assets.core.block_tables import BLOCK_TABLES, RawPayload
from chain_assets.core.json_kernel.arena import Arena
from chain_assets.core.json_kernel.arrow_columns import Columns
from chain_assets.core.json_kernel.entry import run_kernel
from chain_assets.core.json_kernel.layout import KINDS
from chain_assets.core.json_kernel.work import NOTHING, PAYLOAD_ROW

BATCH_BYTES = 80 * 1024 * 1024
# Offsets are 32 bits wide; what is far beyond any block is not worth an arena either.
_MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
_HASH_BYTES = 32
_NUMBER_LIMIT = 1 << 63

_idle_arenas: list[Arena] = []


@dataclass(frozen=True)
class KernelTables:
    """What the kernel took: `taken[i]` says of each payload whether; `tables` are in the order of
    BLOCK_TABLES, with the rows of those taken."""

    taken: tuple[bool, ...]
    tables: tuple[pa.Table, ...]
    unknown_fields: Counter[str]


def decode_plain(payloads: Sequence[RawPayload]) -> KernelTables:
    """The rows of all payloads of the plain sort; the others are for the strict reader."""
    parts = [_decode_batch(batch) for batch in _batches(payloads)] or [_decode_batch(())]
    return KernelTables(
        taken=tuple(taken for part in parts for taken in part.taken),
        tables=tuple(pa.concat_tables(own) for own in zip(*(p.tables for p in parts), strict=True)),
        unknown_fields=sum((part.unknown_fields for part in parts), Counter()),
    )


def warm_up() -> None:
    """Compile the kernel, or load it from numba's cache."""
    decode_plain([RawPayload(0, bytes(_HASH_BYTES), b"{}")])


def _batches(payloads: Sequence[RawPayload]) -> Iterator[Sequence[RawPayload]]:
    start, size = 0, 0
    for index, raw in enumerate(payloads):
        if index > start and size + len(raw.payload) > BATCH_BYTES:
            yield payloads[start:index]
            start, size = index, 0
        size += len(raw.payload)
    if start < len(payloads):
        yield payloads[start:]


def _decode_batch(payloads: Sequence[RawPayload]) -> KernelTables:
    fit = [_fits(raw) for raw in payloads]
    batch = [raw for raw, fits in zip(payloads, fit, strict=True) if fits]
    arena = _take_arena(sum(len(raw.payload) for raw in batch))
    if arena is None:
        fit, batch, arena = [False] * len(payloads), [], Arena(0)
    try:
        taken = iter(_read(arena, batch))
        columns = Columns(arena)
        return KernelTables(
            taken=tuple(fits and next(taken) for fits in fit),
            tables=tuple(columns.table(table) for table in BLOCK_TABLES),
            unknown_fields=_unknown_fields(arena),
        )
    finally:
        if arena.text_bytes == BATCH_BYTES:
            _idle_arenas.append(arena)


def _fits(raw: RawPayload) -> bool:
    return (
        len(raw.payload) <= _MAX_PAYLOAD_BYTES
        and len(raw.hash) == _HASH_BYTES
        and 0 <= raw.number < _NUMBER_LIMIT
    )


def _take_arena(text_bytes: int) -> Arena | None:
    """An arena for a batch of `text_bytes`, or None where the system has no room for one."""
    if text_bytes <= BATCH_BYTES:
        # Another thread may take the last one between a look and a pop.
        with suppress(IndexError):
            return _idle_arenas.pop()
    # An arena maps twenty times its text, nearly all of which is never touched. A limit of a
    # process's addresses (ulimit -v), or a kernel that promises no more than it has, counts it all.
    for size in dict.fromkeys((max(text_bytes, BATCH_BYTES), text_bytes)):
        with suppress(OSError):
            return Arena(size)
    return None


def _read(arena: Arena, payloads: Sequence[RawPayload]) -> list[bool]:
    # The buffers keep the addresses valid until the kernel is done.
    texts = [pa.py_buffer(raw.payload) for raw in payloads]
    hashes = pa.py_buffer(b"".join(raw.hash for raw in payloads))
    rows = np.zeros(len(payloads), PAYLOAD_ROW)
    rows["address"], rows["length"] = [t.address for t in texts], [t.size for t in texts]
    rows["number"] = [raw.number for raw in payloads]
    rows["hash"] = hashes.address + _HASH_BYTES * np.arange(len(payloads))
    arena.clear()
    run_kernel(arena.address, rows.ctypes.data, len(rows))
    return [bool(taken) for taken in rows["taken"]]


def _unknown_fields(arena: Arena) -> Counter[str]:
    paths: Counter[str] = Counter()
    for entry in arena.work["unknown"]:
        if entry["kind"] != NOTHING and entry["count"]:
            key = bytes(entry["text"][: entry["length"]]).decode()
            # A key with a dot may look like the path of a nested one.
            paths[f"{KINDS[entry['kind']]}.{key}"] += int(entry["count"])
    return paths
