"""The columnar ABI decoder: one type tree over the bytes of many rows at once.

Contract ABI Specification, "Formal Specification of the Encoding". A frame holds the heads of
its values one after the other; a static value stands in its head, a dynamic one stands where the
pointer in its head leads, counted from the frame's start. The decoder walks the type tree once
and reads, at each node, the words of all rows: positions are vectors, and an array only makes
the vectors longer. A row whose bytes break a rule gets a reason and drops out (`RowFates`).

It accepts exactly what `eth_abi.decode(types, data, strict=True)` accepts: padding is zero,
`bool` is 0 or 1, integers fit their size, lengths and pointers stay inside of the data, strings
are UTF-8; bytes that nothing points to are ignored. Two bounds are its own: a row's decoded value
is at most `MAX_GROWTH` times its data, and `MAX_DECODED_BYTES`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import (
    BinaryColumn,
    BlobColumn,
    Column,
    ListColumn,
    TupleColumn,
    WordColumn,
    read_words,
)
from chain_assets.core.abi.fates import Positions, RowFates
from chain_assets.core.abi.types import (
    WORD_BYTES,
    AbiType,
    ArrayType,
    BlobType,
    TupleType,
    WordType,
    unique_names,
)
from chain_assets.core.abi.word_rules import word_is_valid
from chain_assets.core.words import Bytes2D, limbs_from_words

# Larger than any data and far from overflow in sums: what a hostile length or pointer becomes.
_BEYOND = 1 << 40
# Row k: which of a word's bytes belong to a value that has k bytes left.
_LEFT = np.arange(WORD_BYTES) < np.arange(WORD_BYTES + 1)[:, None]


def decode_arguments(
    types: Sequence[AbiType],
    names: Sequence[str],
    *,
    source: BinaryColumn,
    starts: Positions,
    ends: Positions,
    fates: RowFates,
) -> list[Column]:
    """Decode one frame of `types` a row, in `source.data[starts[i]:ends[i]]`.

    `names` give the reasons their words. A row that breaks a rule is marked in `fates`, which
    has one entry for each row; its values in the columns mean nothing.
    """
    decoder = _Decoder(source, ends, fates)
    rows = np.arange(len(starts))
    return decoder.frame(types, unique_names(names), rows, starts)


class _Decoder:
    """`rows` says which row each value of a level belongs to; positions are absolute."""

    def __init__(self, source: BinaryColumn, ends: Positions, fates: RowFates) -> None:
        self._data, self._ends, self._fates = source.data, ends, fates

    def frame(
        self, types: Sequence[AbiType], paths: Sequence[str], rows: Positions, starts: Positions
    ) -> list[Column]:
        """One frame for each of `rows`: heads at `starts`, in the order of `types`."""
        size = WORD_BYTES * sum(one.words for one in types)
        holds = starts + size <= self._ends[rows]
        self._fates.require(rows, holds, f"arguments {', '.join(paths)}: the data ends too early")
        lowest = lowest_pointer(types)
        columns: list[Column] = []
        position = 0
        for one, path in zip(types, paths, strict=True):
            if one.is_dynamic:
                places = self._follow(rows, starts, starts + position, lowest, path)
                columns.append(self._dynamic(one, path, rows, places))
            else:
                columns.append(self._static(one, path, rows, starts + position))
            position += WORD_BYTES * one.words
        return columns

    def _read(self, rows: Positions, positions: Positions) -> Bytes2D:
        return read_words(self._data, np.where(self._fates.good(rows), positions, 0))

    def _number(self, rows: Positions, positions: Positions) -> Positions:
        """The words there as integers, `_BEYOND` for all that are larger."""
        limbs = limbs_from_words(self._read(rows, positions))
        small = (limbs[:, :3] == 0).all(axis=1) & (limbs[:, 3] < _BEYOND)
        return np.where(small, limbs[:, 3], np.uint64(_BEYOND)).astype(np.int64)

    def _follow(
        self,
        rows: Positions,
        starts: Positions,
        heads: Positions,
        lowest: Positions | int,
        path: str,
    ) -> Positions:
        """Where the pointers at `heads` lead; `starts` are their frames."""
        pointers = self._number(rows, heads)
        self._fates.require(
            rows, pointers >= lowest, f"argument {path}: the pointer leads into the heads"
        )
        places = starts + pointers
        self._fates.require(
            rows, places < self._ends[rows], f"argument {path}: the pointer leads out of the data"
        )
        return places

    def _static(self, one: AbiType, path: str, rows: Positions, places: Positions) -> Column:
        if isinstance(one, WordType):
            words = self._read(rows, places)
            reason = f"argument {path}: not a valid {one.canonical}"
            self._fates.require(rows, word_is_valid(one, words), reason)
            return WordColumn(one, words)
        if isinstance(one, TupleType):
            fields, position = [], 0
            for field, name in _components(one, path):
                fields.append(self._static(field, name, rows, places + position))
                position += WORD_BYTES * field.words
            return TupleColumn(one, tuple(fields))
        assert isinstance(one, ArrayType)
        return self._items(one, path, rows, places, np.full(len(rows), one.size, np.int64))

    def _dynamic(self, one: AbiType, path: str, rows: Positions, places: Positions) -> Column:
        if isinstance(one, BlobType):
            return self._blob(one, path, rows, places)
        if isinstance(one, TupleType):
            self._fates.spend(rows, np.full(len(rows), _head_bytes(one), np.int64), path)
            types, paths = zip(*_components(one, path), strict=True)
            return TupleColumn(one, tuple(self.frame(types, paths, rows, places)))
        assert isinstance(one, ArrayType)
        if one.size is None:
            counts, places = self._length(path, rows, places)
        else:
            counts = np.full(len(rows), one.size, np.int64)
        item_bytes = WORD_BYTES * one.item.words
        room = (self._ends[rows] - places) // item_bytes
        reason = f"argument {path}: the array has more items than the data"
        self._fates.require(rows, counts <= room, reason)
        self._fates.spend(rows, counts * item_bytes, path)
        return self._items(one, path, rows, places, counts)

    def _length(self, path: str, rows: Positions, places: Positions) -> tuple[Positions, Positions]:
        """The length word at each of `places`, and where the content after it begins."""
        holds = places + WORD_BYTES <= self._ends[rows]
        self._fates.require(rows, holds, f"argument {path}: the data ends before its length")
        return self._number(rows, places), places + WORD_BYTES

    def _items(
        self, one: ArrayType, path: str, rows: Positions, places: Positions, counts: Positions
    ) -> ListColumn:
        """Arrays whose frames, known to lie inside of the data, begin at `places`."""
        # A bad row has no items, or its claimed count would still take the memory.
        counts = np.where(self._fates.good(rows), counts, 0)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        item_rows, frames = np.repeat(rows, counts), np.repeat(places, counts)
        index = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        heads = frames + index * (WORD_BYTES * one.item.words)
        path = f"{path}[]"
        if one.item.is_dynamic:
            lowest = np.repeat(counts, counts) * WORD_BYTES
            targets = self._follow(item_rows, frames, heads, lowest, path)
            return ListColumn(one, offsets, self._dynamic(one.item, path, item_rows, targets))
        return ListColumn(one, offsets, self._static(one.item, path, item_rows, heads))

    def _blob(self, one: BlobType, path: str, rows: Positions, places: Positions) -> BlobColumn:
        sizes, places = self._length(path, rows, places)
        counts = -(-sizes // WORD_BYTES)
        holds = places + counts * WORD_BYTES <= self._ends[rows]
        self._fates.require(rows, holds, f"argument {path}: the data ends inside of its bytes")
        self._fates.spend(rows, counts * WORD_BYTES, path)
        good = self._fates.good(rows)
        sizes, counts = np.where(good, sizes, 0), np.where(good, counts, 0)
        before = np.cumsum(counts) - counts
        index = (np.arange(counts.sum()) - np.repeat(before, counts)) * WORD_BYTES
        words = read_words(self._data, np.repeat(places, counts) + index)
        kept = _LEFT[np.minimum(np.repeat(sizes, counts) - index, WORD_BYTES)]
        clean = ~(words.astype(bool) & ~kept).any(axis=1)
        reason = f"argument {path}: the padding after its bytes is not zero"
        self._fates.require(np.repeat(rows, counts), clean, reason)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(words[kept])]
        values = pa.Array.from_buffers(pa.binary(), len(sizes), buffers)
        if one.canonical == "string":
            values = self._text(values, path, rows)
        return BlobColumn(one, values)

    def _text(self, values: pa.Array, path: str, rows: Positions) -> pa.Array:
        """Strings as text; rows whose string is not UTF-8 fail, as Python's strict decoding."""
        try:
            return values.cast(pa.string())
        except pa.ArrowInvalid:
            valid = np.array([_is_utf8(value) for value in values.to_pylist()])
        self._fates.require(rows, valid, f"argument {path}: the string is not UTF-8")
        return pc.if_else(pa.array(valid), values, pa.scalar(b"", pa.binary())).cast(pa.string())


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _head_bytes(one: TupleType) -> int:
    return WORD_BYTES * sum(component.words for component in one.components)


def _components(one: TupleType, path: str) -> list[tuple[AbiType, str]]:
    names = unique_names(one.names)
    return [(part, f"{path}.{name}") for part, name in zip(one.components, names, strict=True)]


def lowest_pointer(types: Sequence[AbiType]) -> int:
    """The lowest position that a pointer in a frame of `types` may lead to, in bytes.

    That is where the heads end, except that eth_abi counts a static array by its own items and a
    static tuple as one. Both decoders must accept the same data.
    """
    return WORD_BYTES * sum(map(_pointer_words, types))


def _pointer_words(one: AbiType) -> int:
    if isinstance(one, ArrayType) and not one.is_dynamic and one.size is not None:
        return one.size
    return 1
