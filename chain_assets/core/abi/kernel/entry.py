"""`decode_events` and `decode_calls` by the kernels, and what they leave by abi/decoding.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from chain_assets.core.abi.argument_tables import ArgumentTable, argument_tables, merge_tables
from chain_assets.core.abi.columns import batches
from chain_assets.core.abi.kernel.assemble import text_table
from chain_assets.core.abi.kernel.batch import (
    KERNEL_BATCH_BYTES,
    MOST_TEXT,
    Batch,
    read_calls,
    read_logs,
)
from chain_assets.core.abi.kernel.choose import choose
from chain_assets.core.abi.kernel.gather import gather
from chain_assets.core.abi.registry import Registry

Read = Callable[[Any, Registry], Batch]


def event_texts(logs: Any, registry: Registry) -> Any:
    """`decode_events`."""
    return _texts(logs, registry, read_logs, sized_by="data", name="event")


def event_columns(logs: Any, registry: Registry) -> list[ArgumentTable]:
    """`decode_event_columns`."""
    return _columns(logs, registry, read_logs, sized_by="data")


def call_texts(transactions: Any, registry: Registry) -> Any:
    """`decode_calls`."""
    return _texts(transactions, registry, read_calls, sized_by="input", name="function")


def call_columns(transactions: Any, registry: Registry) -> list[ArgumentTable]:
    """`decode_call_columns`."""
    return _columns(transactions, registry, read_calls, sized_by="input")


def _texts(table: Any, registry: Registry, read: Read, *, sized_by: str, name: str) -> Any:
    parts = batches(table, sized_by=sized_by, limit=KERNEL_BATCH_BYTES)
    return pa.concat_tables(
        [one for part in parts for one in _texts_of(part, registry, read, name)]
    )


def _texts_of(part: Any, registry: Registry, read: Read, name: str) -> Iterator[Any]:
    batch = read(part, registry)
    chosen, most_text = choose(batch)
    if most_text > MOST_TEXT and part.num_rows > 1:
        middle = part.num_rows // 2
        yield from _texts_of(part.slice(0, middle), registry, read, name)
        yield from _texts_of(part.slice(middle), registry, read, name)
    else:
        yield text_table(batch, chosen, batch.texts(chosen), most_text=most_text, name=name)


def _columns(table: Any, registry: Registry, read: Read, *, sized_by: str) -> list[ArgumentTable]:
    tables: list[ArgumentTable] = []
    before = 0
    for part in batches(table, sized_by=sized_by, limit=KERNEL_BATCH_BYTES):
        batch = read(part, registry)
        flat, chosen = gather(batch, before=before)
        tables += flat
        tables += argument_tables(batch.outcomes(chosen), before=before)
        before += part.num_rows
    return merge_tables(tables)
