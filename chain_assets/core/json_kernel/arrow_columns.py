"""Filled buffers to Arrow tables: copied once, to memory of their own.

    offsets of the slot  → Arrow offsets      bits of the rows' masks → validity
    values of the slot   → Arrow values       (none of a column that is there in every row)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.block_tables import OBJECT_OF, json_columns_of, json_schema_of
from chain_assets.core.json_kernel.arena import Arena
from chain_assets.core.json_kernel.layout import (
    BLOCK,
    DOCUMENT,
    HASHES,
    KINDS,
    OBJECTS,
    RECEIPT,
    SLOT_OF,
    SLOTS,
    bit_of,
)
from chain_assets.core.schemas.columns import ACCESS_LIST, ARROW_TYPES, AUTHORIZATION_LIST, Column, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

_HASH_BYTES = 32
_ACCESS_LIST, _AUTHORIZATIONS = "transaction.accessList", "transaction.authorizationList"
_AUTHORIZATION_KEYS = ("chainId", "address", "nonce", "yParity", "r", "s")


@dataclass(frozen=True)
class Presence:
    """Which rows of a column are not NULL: all, none, or those in `bitmap`."""

    rows: int
    nulls: int
    bitmap: pa.Buffer | None


class Columns:
    """The columns of the rows that are in an arena."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        masks = [arena.masks(kind) for kind in range(len(KINDS))]
        self._always = [int(np.bitwise_and.reduce(m)) if len(m) else 0 for m in masks]
        self._ever = [int(np.bitwise_or.reduce(m)) if len(m) else 0 for m in masks]
        self._counts = {
            BLOCKS.name: None,
            TRANSACTIONS.name: self._lengths("block.transactions"),
            WITHDRAWALS.name: self._lengths("block.withdrawals"),
            LOGS.name: self._logs_of_blocks(),
        }

    def table(self, table: Table) -> pa.Table:
        """The rows of `table` with the columns that come from the JSON."""
        arrays = [self._column(column, table) for column in json_columns_of(table)]
        return pa.Table.from_arrays(arrays, schema=json_schema_of(table))

    def _column(self, column: Column, table: Table) -> pa.Array:
        path = column.json_path
        if path == "log.topics":
            path = f"log.{column.name}"
        if path == "receipt.logs" and table is BLOCKS:
            receipts = self._presence(DOCUMENT, bit_of("document.receipts"))
            return _numbers(self._counts[LOGS.name], pa.int64(), receipts)
        if path.startswith("block.") and table is not BLOCKS:
            return self._of_block(path, column, self._counts[table.name])
        slot = SLOTS[SLOT_OF[path]]
        if slot.code == OBJECTS and column.kind == "quantity":
            return _numbers(self._lengths(path), pa.int64(), self._presence_of(path))
        return self._array(path, ARROW_TYPES[column.kind])

    def _of_block(self, path: str, column: Column, counts: Any) -> pa.Array:
        """A column of the blocks, each value as often as its block has rows."""
        values = self._arena.values(SLOT_OF[path])
        width = _HASH_BYTES if column.kind == "hash" else 8
        rows = np.repeat(values.view(f"V{width}"), counts)
        presence = Presence(len(rows), 0, None)
        if column.kind == "hash":
            return _binary(rows, _even_offsets(len(rows)), presence)
        return _numbers(rows, ARROW_TYPES[column.kind], presence)

    def _array(self, path: str, type_: pa.DataType) -> pa.Array:
        slot = SLOT_OF[path]
        presence = self._presence_of(path)
        if presence.nulls == presence.rows:
            return pa.nulls(presence.rows, type_)
        if path == _ACCESS_LIST:
            return _list(self._access_entries(), self._arena.offsets(slot), presence, type_)
        if path == _AUTHORIZATIONS:
            return _list(self._authorizations(), self._arena.offsets(slot), presence, type_)
        if SLOTS[slot].code == HASHES:
            return self._hashes(path, presence)
        values = self._arena.values(slot)
        if pa.types.is_boolean(type_):
            return _numbers(np.packbits(values.view(np.int64).astype(bool), bitorder="little"), type_, presence)
        if pa.types.is_binary(type_) or pa.types.is_string(type_):
            return _binary(values, self._arena.offsets(slot), presence, type_)
        return _numbers(values, type_, presence)

    def _hashes(self, path: str, presence: Presence) -> pa.Array:
        values = self._arena.values(SLOT_OF[path])
        count = len(values) // _HASH_BYTES
        items = _binary(values, _even_offsets(count), Presence(count, 0, None))
        offsets = self._arena.offsets(SLOT_OF[path]) // _HASH_BYTES
        return _list(items, offsets, presence, ARROW_TYPES["hashes"])

    def _access_entries(self) -> pa.Array:
        children = [self._array(f"{_ACCESS_LIST}.address", pa.binary()),
                    self._array(f"{_ACCESS_LIST}.storageKeys", ARROW_TYPES["hashes"])]
        return pa.StructArray.from_arrays(children, fields=list(ACCESS_LIST.value_type))

    def _authorizations(self) -> pa.Array:
        fields = list(AUTHORIZATION_LIST.value_type)
        children = [self._array(f"{_AUTHORIZATIONS}.{key}", field.type) for key, field in zip(_AUTHORIZATION_KEYS, fields, strict=True)]
        return pa.StructArray.from_arrays(children, fields=fields)
