"""Decoders of logs and calls to run beside ours.

Each is made for a table and a registry, and then is two functions: `run` decodes all rows, and
`rows` says what came out, for the judge. Peers are imported when they are asked for: some may
not be installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.abi_judge import Row, calls_by_eth_abi, logs_by_eth_abi, row
from benchmarks.abi_texts import abi_of, names_of, text_of
from chain_assets.core.abi.argument_tables import ArgumentTable
from chain_assets.core.abi.calls import decode_call_columns, decode_calls
from chain_assets.core.abi.events import decode_event_columns, decode_events
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.routes import Route
from chain_assets.core.abi.signatures import Event, Function

# A piece of a peer's result: what it was read as, which rows, and one tuple of values for each.
Part = tuple[Event | Function, Sequence[int], Sequence[Sequence[Any] | None]]


@dataclass(frozen=True)
class Decoder:
    """`run()` decodes; `rows(result)` has one Row for each row of the table."""

    run: Callable[[], Any]
    rows: Callable[[Any], list[Row]]


def ours_columns(table: pa.Table, registry: Registry, *, route: Route) -> Decoder:
    """Typed columns for each signature."""
    decode = decode_event_columns if "data" in table.column_names else decode_call_columns

    def rows(found: list[ArgumentTable]) -> list[Row]:
        return _rows(table.num_rows, [_part(one) for one in found])

    return Decoder(lambda: decode(table, registry, route=route), rows)


def _part(found: ArgumentTable) -> Part:
    columns = [column.to_pylist() for column in found.arguments.columns]
    values = list(zip(*columns, strict=True)) if columns else [()] * len(found.rows)
    return found.candidate, found.rows.tolist(), values


def ours_json(table: pa.Table, registry: Registry, *, route: Route) -> Decoder:
    """Rows of decoded_events or decoded_calls, with the arguments as JSON."""
    is_logs = "data" in table.column_names
    decode = decode_events if is_logs else decode_calls
    groups = registry.events.values() if is_logs else registry.functions.values()
    by_key = {(one.signature, one.abi_source): one for group in groups for one in group}

    def rows(found: pa.Table) -> list[Row]:
        keys = zip(found["signature"].to_pylist(), found["abi_source"].to_pylist(), strict=True)
        texts = found["args"].to_pylist()
        return [
            None if text is None else row(by_key[key], list(orjson.loads(text).values()))
            for key, text in zip(keys, texts, strict=True)
        ]

    return Decoder(lambda: decode(table, registry, route=route), rows)


def eth_abi_rows(table: pa.Table, registry: Registry) -> Decoder:
    """eth_abi, one row at a time."""
    decode = logs_by_eth_abi if "data" in table.column_names else calls_by_eth_abi
    return Decoder(lambda: decode(table, registry), lambda found: list(found))


def cherry_events(logs: pa.Table, registry: Registry) -> Decoder:
    """cherry-core: a filter by signature, then its columnar decoder; only for what occurs."""
    os.environ["RUST_BACKTRACE"] = "0"  # else each bad row costs a backtrace
    cherry_core: Any = import_module("cherry_core")
    topics = ["topic0", "topic1", "topic2", "topic3"]
    logs = logs.select([*topics, "data"]).combine_chunks()

    def topic_counts() -> Any:
        return pa.array(sum(pc.is_valid(logs[name]).to_numpy().astype(np.int8) for name in topics))

    def select(event: Any, counts: Any) -> tuple[Any, Any]:
        same = pc.equal(logs["topic0"], pa.scalar(event.topic0))
        mask = pc.and_(same, pc.equal(counts, event.topic_count))
        return mask, logs.filter(mask).combine_chunks().to_batches()[0]

    def decode(event: Any, selected: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        mask, batch = selected
        return event, mask, cherry_core.evm_decode_events(text_of(event), batch, True)

    occurring = [one.candidate for one in decode_event_columns(logs, registry)]
    counts = topic_counts()
    usable = [one for one in occurring if _survives(partial(decode, one, select(one, counts)))]

    def run() -> list[tuple[Any, Any, Any]]:
        counts = topic_counts()
        return [decode(event, select(event, counts)) for event in usable]

    return Decoder(run, lambda found: _rows(logs.num_rows, map(_cherry_part, found)))


def cherry_calls(transactions: pa.Table, registry: Registry) -> Decoder:
    """cherry-core: a filter by selector, without which its decoder takes inputs."""
    os.environ["RUST_BACKTRACE"] = "0"
    cherry_core: Any = import_module("cherry_core")
    inputs = transactions["input"].combine_chunks()

    def select(function: Any) -> tuple[Any, Any]:
        mask = pc.equal(pc.binary_slice(inputs, 0, 4), pa.scalar(function.selector))
        # Without an end, Arrow fails on some inputs.
        return mask, pc.binary_slice(inputs.filter(mask), 4, 1 << 30)

    def decode(function: Any, selected: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        mask, bodies = selected
        return function, mask, cherry_core.evm_decode_call_inputs(text_of(function), bodies, True)

    occurring = [one.candidate for one in decode_call_columns(transactions, registry)]
    usable = [one for one in occurring if _survives(partial(decode, one, select(one)))]
    return Decoder(
        lambda: [decode(function, select(function)) for function in usable],
        lambda found: _rows(len(inputs), map(_cherry_part, found)),
    )


def _cherry_part(found: tuple[Any, Any, Any]) -> Part:
    candidate, mask, batch = found
    names = names_of(candidate)
    # Its columns are those of topics first. A row that it could not decode is null in all.
    values = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    kept = [None if all(value is None for value in row) else row for row in values]
    return candidate, pc.indices_nonzero(mask).to_pylist(), kept


def hypersync_calls(transactions: pa.Table, registry: Registry) -> Decoder:
    """hypersync's CallDecoder: inputs as hex, Python objects out; only what it survives."""
    hypersync: Any = import_module("hypersync")

    found = decode_call_columns(transactions, registry)
    usable: list[Any] = []
    rows: list[int] = []
    inputs: list[str] = []
    for one in found:
        texts = [f"0x{transactions['input'][int(row)].as_py().hex()}" for row in one.rows]
        # Its own method of this name calls one that does not exist.
        alone = hypersync.CallDecoder([text_of(one.candidate)]).inner
        if _survives(partial(alone.decode_inputs_sync, texts)):
            usable.append(one.candidate)
            rows += one.rows.tolist()
            inputs += texts
    decoder = hypersync.CallDecoder([text_of(one) for one in usable]).inner
    by_selector = {f"0x{one.selector.hex()}": one for one in usable}

    def parts(values: list[Any]) -> Iterator[Part]:
        for place, text, value in zip(rows, inputs, values, strict=True):
            yield by_selector[text[:10]], [place], [value]

    return Decoder(
        lambda: decoder.decode_inputs_sync(inputs),
        lambda values: _rows(transactions.num_rows, parts(values)),
    )


def web3_events(logs: pa.Table, registry: Registry) -> Decoder:
    """web3's `process_log`, of the event that fits."""
    from hexbytes import HexBytes
    from web3 import Web3
    from web3.datastructures import AttributeDict

    contracts = Web3().eth.contract
    known = {"address": "0x" + "00" * 20, "blockHash": HexBytes(bytes(32)), "blockNumber": 1}
    known |= {"transactionHash": HexBytes(bytes(32)), "transactionIndex": 0, "logIndex": 0}
    work: list[tuple[Any, int, Any, Any]] = []
    for one in decode_event_columns(logs, registry):
        event: Any = one.candidate
        decoder = contracts(abi=[abi_of(event)]).events[event.name]()
        for index in one.rows.tolist():
            topics = [logs[f"topic{n}"][index].as_py() for n in range(len(event.indexed) + 1)]
            data = HexBytes(logs["data"][index].as_py())
            log = {**known, "topics": [HexBytes(topic) for topic in topics], "data": data}
            work.append((event, index, decoder, AttributeDict(log)))

    def rows(found: list[Any]) -> list[Row]:
        parts = [
            (event, [index], [[result["args"][name] for name in names_of(event)]])
            for (event, index, _, _), result in zip(work, found, strict=True)
        ]
        return _rows(logs.num_rows, parts)

    return Decoder(lambda: [decoder.process_log(log) for _, _, decoder, log in work], rows)


def _rows(count: int, parts: Iterable[Part]) -> list[Row]:
    rows: list[Row] = [None] * count
    for candidate, indexes, found in parts:
        for index, values in zip(indexes, found, strict=True):
            if values is not None:
                rows[index] = row(candidate, values)
    return rows


def _survives(decode: Callable[[], object]) -> bool:
    """Whether it neither raises nor panics, which Rust tells on the standard error."""
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    try:
        decode()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return False
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)
    return True
