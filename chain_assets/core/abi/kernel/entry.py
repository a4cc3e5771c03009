"""`decode_events` and `decode_calls` by the kernels, and what they leave by abi/decoding.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from chain_assets.core.abi.argument_tables import ArgumentTable, argument_tables, merge_tables
from chain_assets.core.abi.calls import decode_call
from chain_assets.core.abi.columns import batches, binary_column
from chain_assets.core.abi.kernel.assemble import text_table
from chain_assets.core.abi.kernel.batch import (
    KERNEL_BATCH_BYTES,
    Batch,
    Decode,
    read_calls,
    read_logs,
)
from chain_assets.core.abi.kernel.choose import choose
from chain_assets.core.abi.kernel.gather import gather
from chain_assets.core.abi.kernel.sources import Longs
from chain_assets.core.abi.logs import LOG_COLUMNS, log_columns
from chain_assets.core.abi.outcomes import Outcome
from chain_assets.core.abi.registry import Registry

# Half of what the offsets of one Arrow string array can reach.
_MOST_TEXT = 1 << 30

# What is made of some rows: a batch, and its outcomes where there is NOBODY.
Others = Callable[[Longs], Iterable[Outcome]]
Read = Callable[[Any], tuple[Batch, Others]]


def event_texts(logs: Any, registry: Registry) -> Any:
    """`decode_events`."""
    return _texts(logs, partial(_read_events, registry), sized_by="data", name="event")


def event_columns(logs: Any, registry: Registry) -> list[ArgumentTable]:
    """`decode_event_columns`."""
    return _columns(logs, partial(_read_events, registry), sized_by="data")


def call_texts(transactions: Any, registry: Registry) -> Any:
    """`decode_calls`."""
    return _texts(transactions, partial(_read_calls, registry), sized_by="input", name="function")


def call_columns(transactions: Any, registry: Registry) -> list[ArgumentTable]:
    """`decode_call_columns`."""
    return _columns(transactions, partial(_read_calls, registry), sized_by="input")


def _read_events(registry: Registry, logs: Any) -> tuple[Batch, Others]:
    def decoder(some: Any) -> Decode:
        return log_columns(some).decode

    batch, own = read_logs(logs, registry), logs.select(LOG_COLUMNS)
    return batch, lambda chosen: batch.others(chosen, own, decoder, sized_by="data")


def _read_calls(registry: Registry, transactions: Any) -> tuple[Batch, Others]:
    def decoder(some: Any) -> Decode:
        return partial(decode_call, binary_column(some["input"]))

    batch, own = read_calls(transactions, registry), transactions.select(["input"])
    return batch, lambda chosen: batch.others(chosen, own, decoder, sized_by="input")


def _texts(table: Any, read: Read, *, sized_by: str, name: str) -> Any:
    parts = batches(table, sized_by=sized_by, limit=KERNEL_BATCH_BYTES)
    return pa.concat_tables([one for part in parts for one in _texts_of(part, read, name)])


def _texts_of(part: Any, read: Read, name: str) -> Iterator[Any]:
    batch, others = read(part)
    chosen, most_text = choose(batch)
    if most_text > _MOST_TEXT and part.num_rows > 1:
        middle = part.num_rows // 2
        yield from _texts_of(part.slice(0, middle), read, name)
        yield from _texts_of(part.slice(middle), read, name)
    else:
        yield text_table(batch, chosen, others(chosen), most_text=most_text, name=name)


def _columns(table: Any, read: Read, *, sized_by: str) -> list[ArgumentTable]:
    tables: list[ArgumentTable] = []
    before = 0
    for part in batches(table, sized_by=sized_by, limit=KERNEL_BATCH_BYTES):
        batch, others = read(part)
        flat, chosen = gather(batch, before=before)
        tables += flat
        tables += argument_tables(others(chosen), before=before)
        before += part.num_rows
    return merge_tables(tables)
