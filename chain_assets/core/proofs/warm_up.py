"""Compile the kernels before the first block comes: a made-up block is proved, and fails."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.proofs.rules import rules_for
from chain_assets.core.proofs.verify import default_route, prove_blocks
from chain_assets.core.schemas.columns import Kind, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

_VALUES: dict[Kind, Any] = {
    "hash": bytes(32),
    "address": bytes(20),
    "bloom": bytes(256),
    "nonce": bytes(8),
    "data": b"\x01",
    "word": bytes(32),
    "quantity": 1,
    "amount": Decimal(1),
    "timestamp": datetime(2015, 7, 30, tzinfo=UTC),
    "bool": False,
    "text": "",
    "hashes": [bytes(32)],
    "access_list": [{"address": bytes(20), "storage_keys": [bytes(32)]}],
    "authorization_list": [],
}


def warm_up() -> None:
    """Compile every kernel, or load it from numba's cache on disk; nothing where numba is missing.

    Takes some 20 s the first time on a machine, and under a second from the cache.
    """
    if default_route() == "compiled":
        rules = rules_for("ethereum", 1)
        prove_blocks(one_of_everything(), rules=rules, route="compiled")


def one_of_everything() -> BlockTables:
    """A block with a transaction, a log and two withdrawals, all of them made up."""
    tables = {table.name: _one_row(table) for table in (BLOCKS, TRANSACTIONS, LOGS, WITHDRAWALS)}
    blocks, withdrawals = tables[BLOCKS.name], tables[WITHDRAWALS.name]
    place = blocks.column_names.index("withdrawal_count")
    # Two, since the trie of one value is a leaf and nothing else.
    tables[BLOCKS.name] = blocks.set_column(place, blocks.field(place), [[2]])
    tables[WITHDRAWALS.name] = pa.concat_tables([withdrawals, withdrawals]).combine_chunks()
    return BlockTables(
        blocks=tables[BLOCKS.name],
        transactions=tables[TRANSACTIONS.name],
        logs=tables[LOGS.name],
        withdrawals=tables[WITHDRAWALS.name],
        unknown_fields=Counter(),
        refused=(),
    )


def _one_row(table: Table) -> pa.Table:
    values = [[_VALUES[column.kind]] for column in table.columns]
    return pa.table(values, schema=table.file_schema)
