"""Logs to token transfers by numba's kernels: each log is looked at once, and written at once.

logs → the three events as a registry (core/abi/kernel) ─┬→ flat ones: a row from its words
                                                         └→ batches: columns → their items
both → one pass over the logs, so that rows come out in log order
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import batches
from chain_assets.core.abi.kernel.batch import KERNEL_BATCH_BYTES, NOBODY, Batch, read_logs
from chain_assets.core.abi.kernel.choose import choose
from chain_assets.core.abi.kernel.layouts import BODY
from chain_assets.core.abi.kernel.memory import (
    compiled,
    copy_word,
    load,
    load_number,
    store,
)
from chain_assets.core.abi.kernel.sources import Longs, place_of
from chain_assets.core.abi.kernel.take_texts import take_texts, texts_from
from chain_assets.core.abi.registry import Registry
from chain_assets.core.token_moves import LAYOUTS, SCHEMA, Moves, Standard, batch_moves
from chain_assets.core.words import DECIMAL, words_from_ints

_STANDARDS: tuple[Standard, ...] = ("erc20", "erc721", "erc1155")
_ERC20, _ERC721, _ERC1155 = range(3)
_STANDARD_TEXTS = texts_from(pa.array(_STANDARDS))
# TransferSingle has as many arguments; Transfer has three.
_SINGLE_ARGUMENTS = 5
_ONE = words_from_ints([1])
_ADDRESS_AT, _ADDRESS_BYTES, _WORD_BYTES, _DECIMAL_BYTES = 12, 20, 32, 16

_ZERO = np.uint64(0)
# Decimals are below 10^38, in two limbs.
_HIGH, _LOW = map(np.uint64, divmod(10**38, 1 << 64))

# A move as numbers: its log, place in a batch, standard, and where its words stand, or _NULL.
_MOVE = 8
_ROW, _INDEX, _STANDARD, _OPERATOR, _FROM, _TO, _ID, _VALUE = range(_MOVE)
_NULL = 0


def token_transfers(logs: Any) -> Any:
    """`decode_token_transfers`."""
    tables, before = [SCHEMA.empty_table()], 0
    for part in batches(logs, sized_by="data", limit=KERNEL_BATCH_BYTES):
        tables.append(_transfers(read_logs(part, _registry()), before=before))
        before += part.num_rows
    return pa.concat_tables(tables)


@lru_cache(maxsize=1)
def _registry() -> Registry:
    return Registry({key: (event,) for key, event in LAYOUTS.items()}, {}, "token transfers")


def _transfers(batch: Batch, *, before: int) -> Any:
    chosen, _ = choose(batch)
    # These, as the batch, own memory whose addresses are in the moves.
    batches_of_items = [
        batch_moves(one.columns, one.rows, np.arange(len(one.rows))) for one in batch.walked(chosen)
    ]
    items, layouts = _items(batches_of_items), batch.table.layouts
    moves = np.empty((_MOVE, np.count_nonzero(chosen != NOBODY) + items.shape[1]), np.int64)
    _collect(
        chosen,
        batch.sources.columns,
        layouts.layouts,
        layouts.steps,
        _ONE.ctypes.data,
        items,
        moves,
    )
    return _table(moves, before)


def _items(parts: Sequence[Moves]) -> Longs:
    """Moves of batches by log; the order of the items of one log stays."""
    items = np.concatenate([np.empty((_MOVE, 0), np.int64), *map(_addresses, parts)], axis=1)
    return np.ascontiguousarray(items[:, np.argsort(items[_ROW], kind="stable")])


def _addresses(moves: Moves) -> Longs:
    items = np.empty((_MOVE, len(moves.rows)), np.int64)
    items[_ROW], items[_INDEX], items[_STANDARD] = moves.rows, moves.batch_index, _ERC1155
    for column, words in (
        (_OPERATOR, moves.operator),
        (_FROM, moves.sender),
        (_TO, moves.receiver),
        (_ID, moves.token_id),
        (_VALUE, moves.value),
    ):
        assert words is not None
        # Rows that an index has picked are contiguous.
        items[column] = words.ctypes.data + _WORD_BYTES * np.arange(len(moves.rows))
    return items


@compiled
def _collect(
    chosen: Longs,
    columns: Longs,
    layouts: Any,
    steps: Any,
    one: int,
    items: Longs,
    moves: Longs,
) -> None:
    """The moves of all logs in order; `items` are those of batches."""
    at = item = 0
    for row in range(len(chosen)):
        if chosen[row] != NOBODY:
            first, stop = layouts[chosen[row]].first, layouts[chosen[row]].stop
            moves[_ROW, at], moves[_INDEX, at] = row, 0
            if stop - first == _SINGLE_ARGUMENTS:
                moves[_STANDARD, at] = _ERC1155
                for argument in range(_SINGLE_ARGUMENTS):
                    step = steps[first + argument]
                    word = place_of(columns, step.source, row) + step.offset
                    moves[_OPERATOR + argument, at] = word
            else:
                third = steps[first + 2]
                word = place_of(columns, third.source, row) + third.offset
                is_token = third.source != BODY
                moves[_STANDARD, at] = _ERC721 if is_token else _ERC20
                moves[_OPERATOR, at] = _NULL
                for argument in range(2):
                    step = steps[first + argument]
                    place = place_of(columns, step.source, row) + step.offset
                    moves[_FROM + argument, at] = place
                moves[_ID, at] = word if is_token else _NULL
                moves[_VALUE, at] = one if is_token else word
            at += 1
        while item < items.shape[1] and items[_ROW, item] == row:
            for part in range(_MOVE):
                moves[part, at] = items[part, item]
            at += 1
            item += 1


def _table(moves: Longs, before: int) -> Any:
    token_id, token_id_raw = _words(moves[_ID])
    value, value_raw = _words(moves[_VALUE])
    columns = [
        pa.array(moves[_ROW] + before),
        pa.array(moves[_INDEX]),
        take_texts(_STANDARD_TEXTS, moves[_STANDARD]),
        _addresses_at(moves[_OPERATOR]),
        _addresses_at(moves[_FROM]),
        _addresses_at(moves[_TO]),
        token_id,
        token_id_raw,
        value,
        value_raw,
    ]
    return pa.table(columns, schema=SCHEMA)


def _addresses_at(places: Longs) -> Any:
    """The addresses in the words at `places`, null for _NULL, as a binary array."""
    ends = np.empty(len(places) + 1, np.int32)
    memory = pa.allocate_buffer(_ADDRESS_BYTES * len(places))
    total = _copy_addresses(places, ends, memory.address)
    return _binary(places, ends, memory.slice(0, total))


def _words(places: Longs) -> tuple[Any, Any]:
    """The words at `places` as decimals where they fit, and as binary; null for _NULL."""
    ends = np.empty(len(places) + 1, np.int32)
    memory = pa.allocate_buffer(_WORD_BYTES * len(places))
    decimals = pa.allocate_buffer(_DECIMAL_BYTES * len(places))
    fits = np.empty(len(places), np.bool_)
    total = _copy_words(places, ends, memory.address, decimals.address, fits)
    bitmap = pa.py_buffer(np.packbits(fits, bitorder="little"))
    decimal = pa.Array.from_buffers(DECIMAL, len(places), [bitmap, decimals])
    return decimal, _binary(places, ends, memory.slice(0, total))


def _binary(places: Longs, ends: Any, memory: Any) -> Any:
    present = places != _NULL
    bitmap = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(pa.binary(), len(places), [bitmap, pa.py_buffer(ends), memory])


@compiled
def _copy_addresses(places: Longs, ends: Any, memory: int) -> int:
    total = 0
    ends[0] = 0
    for row in range(len(places)):
        if places[row] != _NULL:
            word, target = places[row] + _ADDRESS_AT, memory + total
            # The last eight bytes overlap the eight before: there is nothing to write beyond.
            store(target, load(word))
            store(target + 8, load(word + 8))
            store(target + 12, load(word + 12))
            total += _ADDRESS_BYTES
        ends[row + 1] = total
    return total


@compiled
def _copy_words(places: Longs, ends: Any, memory: int, decimals: int, fits: Any) -> int:
    total = 0
    ends[0] = 0
    for row in range(len(places)):
        fits[row] = False
        target = decimals + _DECIMAL_BYTES * row
        if places[row] == _NULL:
            store(target, _ZERO)
            store(target + 8, _ZERO)
        else:
            word = places[row]
            copy_word(memory + total, word)
            total += _WORD_BYTES
            high, low = load_number(word + 16), load_number(word + 24)
            is_short = load(word) | load(word + 8) == _ZERO
            fits[row] = is_short and (high < _HIGH or (high == _HIGH and low < _LOW))
            # Arrow keeps a decimal128 as a little-endian integer of 128 bits.
            store(target, low)
            store(target + 8, high)
        ends[row + 1] = total
    return total
