"""The rows in an arena to Arrow tables, column by column as core/schemas has them.

a column of the object itself      its slot's values, row ends and bits
the word of a sparse pair          NULL: where it would be set, the block is declined
counts of transactions, logs, …    differences of row ends
a column of the row's block        the block's value, once a row of the block
access lists, authorizations       the rows of a kind of their own, as lists of structs
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.block_tables import (
    BLOCK_TABLES,
    OTHER_KEYS,
    json_columns_of,
    json_schema_of,
)
from chain_assets.core.json_kernel.arena import Arena
from chain_assets.core.json_kernel.arrow_buffers import (
    Presence,
    all_present,
    binary,
    booleans,
    fixed_binary,
    lists,
    plain,
    present_where,
)
from chain_assets.core.json_kernel.layout import HASHES, KINDS, SLOT_OF, SLOTS, bit_of
from chain_assets.core.schemas.columns import ARROW_TYPES, Column, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.words import decimal_from_binary

_HASH_BYTES = 32
# The keys of their objects, in the order of the struct's fields.
_STRUCTS = {
    "transaction.accessList": ("address", "storageKeys"),
    "transaction.authorizationList": ("chainId", "address", "nonce", "yParity", "r", "s"),
}
_PARITY, _V = "transaction.authorizationList.yParity", "transaction.authorizationList.v"
# Made once: a batch is read in the time that a hundred columns take to be described anew.
_CONTRACTS = {table.name: (json_columns_of(table), json_schema_of(table)) for table in BLOCK_TABLES}
_PAIRED = {
    (table.name, column.name)
    for table in BLOCK_TABLES
    for column in json_columns_of(table)
    if (word := table.word_of(column)) is not None and not word.sparse
}


class Columns:
    """The columns of the rows in an arena."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        masks = [arena.masks(kind) for kind in range(len(KINDS))]
        self._always = [int(np.bitwise_and.reduce(own)) for own in masks]
        self._ever = [int(np.bitwise_or.reduce(own)) for own in masks]
        self._rows_of_block = {
            TRANSACTIONS.name: self._lengths("block.transactions"),
            WITHDRAWALS.name: self._lengths("block.withdrawals"),
            LOGS.name: self._logs_of_blocks(),
        }

    def table(self, table: Table) -> pa.Table:
        """The rows of `table`, with the columns that are read from the JSON."""
        columns, schema = _CONTRACTS[table.name]
        arrays = [self._column(column, table) for column in columns]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _column(self, column: Column, table: Table) -> pa.Array:
        path, type_ = column.json_path, ARROW_TYPES[column.kind]
        if path.startswith("block.") and table is not BLOCKS:
            return self._of_block(path, column, self._rows_of_block[table.name])
        if path == "receipt.logs" and table is BLOCKS:
            return plain(self._logs_of_blocks(), type_, self._presence("document.receipts"))
        if path in ("block.transactions", "block.withdrawals", "receipt.logs"):
            return plain(self._lengths(path), type_, self._presence(path))
        paired = (table.name, column.name) in _PAIRED
        if column.sparse or (paired and self._presence(path).is_empty):
            return pa.nulls(self._arena.rows(SLOTS[SLOT_OF[path]].kind), type_)
        if paired:
            return decimal_from_binary(self._array(path, ARROW_TYPES["word"]))
        if path in OTHER_KEYS and not self._presence(OTHER_KEYS[path]).is_empty:
            return pc.coalesce(self._array(path, type_), self._array(OTHER_KEYS[path], type_))
        return self._array(f"log.{column.name}" if path == "log.topics" else path, type_)

    def _lengths(self, path: str) -> Any:
        """How many objects each row has under the key."""
        return np.diff(self._arena.offsets(SLOT_OF[path])).astype(np.int64)

    def _logs_of_blocks(self) -> Any:
        # Receipts have the rows of their transactions: a block's last log is its last receipt's.
        last_receipts = self._arena.offsets(SLOT_OF["block.transactions"])
        return np.diff(self._arena.offsets(SLOT_OF["receipt.logs"])[last_receipts]).astype(np.int64)

    def _of_block(self, path: str, column: Column, rows_of_block: Any) -> pa.Array:
        """A column of the blocks that is never NULL, each value once a row of its block."""
        width = _HASH_BYTES if column.kind == "hash" else 8
        values = self._arena.values(SLOT_OF[path]).view(f"V{width}")
        repeated = np.repeat(values, rows_of_block)
        if column.kind == "hash":
            return fixed_binary(repeated, width)
        return plain(repeated, ARROW_TYPES[column.kind], all_present(len(repeated)))

    def _presence(self, path: str) -> Presence:
        kind, bit = SLOTS[SLOT_OF[path]].kind, bit_of(path)
        rows = self._arena.rows(kind)
        if self._always[kind] & bit:
            return all_present(rows)
        if not self._ever[kind] & bit:
            return Presence(rows, rows, None)
        return present_where(self._arena.masks(kind), bit)

    def _array(self, path: str, type_: pa.DataType) -> pa.Array:
        slot, presence = SLOT_OF[path], self._presence(path)
        if path == _PARITY:
            # The other name's number is zero where it is not there.
            numbers = self._numbers(_PARITY) + self._numbers(_V)
            return plain(numbers, type_, all_present(len(numbers)))
        if presence.is_empty:
            return pa.nulls(presence.rows, type_)
        if path in _STRUCTS:
            return lists(self._structs(path, type_), self._arena.offsets(slot), type_, presence)
        values = self._arena.values(slot)
        if SLOTS[slot].code == HASHES:
            items = fixed_binary(values, _HASH_BYTES)
            return lists(items, self._arena.offsets(slot) // _HASH_BYTES, type_, presence)
        if pa.types.is_boolean(type_):
            return booleans(self._numbers(path), presence)
        if pa.types.is_binary(type_) or pa.types.is_string(type_):
            return binary(values, self._arena.offsets(slot), type_, presence)
        return plain(values, type_, presence)

    def _numbers(self, path: str) -> Any:
        return self._arena.values(SLOT_OF[path]).view(np.int64)

    def _structs(self, path: str, type_: pa.DataType) -> pa.Array:
        fields = list(type_.value_type)
        children = [
            self._array(f"{path}.{key}", field.type)
            for key, field in zip(_STRUCTS[path], fields, strict=True)
        ]
        return pa.StructArray.from_arrays(children, fields=fields)
