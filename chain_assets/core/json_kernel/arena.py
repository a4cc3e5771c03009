"""The buffers of one run of the kernel, made once and used again and again.

They are one piece of memory, cut into a part for the values and a part for the row ends of each
slot, each large enough for whatever a batch of `text_bytes` can hold. The system gives memory only
to what is written to, so that the parts of columns that a chain has not cost nothing.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

from chain_assets.core.json_kernel.layout import (
    APPENDING,
    AUTHORIZATION,
    DATA,
    FIXED,
    HASHES,
    KINDS,
    NUMBER_BYTES,
    OBJECTS,
    RECEIPT,
    SLOTS,
    TEXT,
    TRANSACTION,
    WORD,
    Slot,
    bit_of,
)
from chain_assets.core.json_kernel.tables import new_work
from chain_assets.core.json_kernel.values import SLACK
from chain_assets.core.json_kernel.work import NOTHING

_ALIGNMENT = 64
# Of each kind the slots that are read also where no row has a value: lists, whose objects are
# counted, and the two names of one number, which are added up.
_ALWAYS_TRACKED = [
    sum(
        bit_of(slot.path)
        for slot in SLOTS
        if slot.kind == kind and (slot.code == OBJECTS or kind == AUTHORIZATION)
    )
    for kind in range(len(KINDS))
]


class Arena:
    """Room for the rows of `text_bytes` bytes of JSON in all, in up to that many documents."""

    def __init__(self, text_bytes: int) -> None:
        self.text_bytes = text_bytes
        limits = [_row_limit(kind, text_bytes) for kind in range(len(KINDS))]
        # A transaction without a receipt still has a row among the receipts.
        limits[RECEIPT] = max(limits[RECEIPT], limits[TRANSACTION])
        sizes = list(_part_sizes(limits, text_bytes))
        starts = np.cumsum([0, *(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)])
        # Not numpy's own memory: of that, Linux gives 2 MB where one byte is touched.
        self._memory = np.frombuffer(mmap.mmap(-1, int(starts[-1])), np.uint8)
        parts = iter(
            self._memory[start : start + size]
            for start, size in zip(starts.tolist(), sizes, strict=False)
        )
        self._values = [next(parts) for _ in SLOTS]
        self._offsets = [next(parts).view(np.int32) for _ in SLOTS]
        self._masks = [next(parts).view(np.int64) for _ in KINDS]
        self._array = new_work()
        self.work = self._array[0]
        self.work["slots"]["values"] = [part.ctypes.data for part in self._values]
        self.work["slots"]["offsets"] = [part.ctypes.data for part in self._offsets]
        self.work["kinds"]["masks"] = [part.ctypes.data for part in self._masks]
        self.work["kinds"]["row_limit"] = limits
        self._rows, self._fill = self.work["kinds"]["rows"], self.work["slots"]["fill"]

    @property
    def address(self) -> int:
        """Where the kernel finds it."""
        return int(self._array.ctypes.data)

    def clear(self) -> None:
        """Forget all rows; what was learned about the order of keys stays."""
        self._fill[:] = 0
        self._rows[:] = 0
        self.work["kinds"]["tracked"] = _ALWAYS_TRACKED
        self.work["unknown"]["kind"] = NOTHING
        for offsets in self._offsets:
            offsets[:1] = 0

    def rows(self, kind: int) -> int:
        """How many rows of `kind` there are."""
        return int(self._rows[kind])

    def masks(self, kind: int) -> Any:
        """For each row of `kind` which slots are not NULL, as bits."""
        return self._masks[kind][: self.rows(kind)]

    def offsets(self, slot: int) -> Any:
        """Where the values of each row begin in `values(slot)`, and where the last ends.

        Of a slot that has no value in any row they are made for lists of objects only.
        """
        return self._offsets[slot][: self.rows(SLOTS[slot].kind) + 1]

    def values(self, slot: int) -> Any:
        """The bytes of all values of a slot."""
        width = NUMBER_BYTES.get(SLOTS[slot].code)
        if width is not None:
            return self._values[slot][: width * self.rows(SLOTS[slot].kind)]
        return self._values[slot][: int(self._fill[slot])]


def _row_limit(kind: int, text_bytes: int) -> int:
    # One more: an object is found out to be shorter than it may be only when it ends.
    return text_bytes // (2 + sum(s.least_text for s in SLOTS if s.kind == kind)) + 1


def _part_sizes(row_limits: list[int], text_bytes: int) -> Iterator[int]:
    for slot in SLOTS:
        yield _value_bytes(slot, row_limits[slot.kind], text_bytes) + SLACK
    for slot in SLOTS:
        yield 4 * (row_limits[slot.kind] + 1) if slot.code in APPENDING else 0
    for limit in row_limits:
        yield 8 * limit


def _value_bytes(slot: Slot, rows: int, text_bytes: int) -> int:
    if slot.code == FIXED:
        return rows * slot.width
    if slot.code == WORD:
        return rows * 32
    # Two hex digits of the text are one byte.
    if slot.code in (DATA, HASHES):
        return text_bytes // 2
    if slot.code == TEXT:
        return text_bytes
    return rows * NUMBER_BYTES.get(slot.code, 0)
