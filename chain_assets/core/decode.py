"""Typed rows of blocks to all decoded tables: events, calls and token transfers by ABI.

BlockTables (core/block_json.py)  ─┬→ decoded_blocks, _transactions, _logs, _withdrawals
                                   ├→ decoded_events, decoded_calls      (core/abi)
                                   └→ decoded_token_transfers            (core/token_transfers)
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.calls import decode_calls
from chain_assets.core.abi.events import decode_events
from chain_assets.core.abi.logs import LOG_COLUMNS
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_json import BlockTables
from chain_assets.core.schemas import DECODED_TABLES, Table
from chain_assets.core.schemas.abi import CALLS, EVENTS, TOKEN_TRANSFERS
from chain_assets.core.schemas.columns import check_table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.token_transfers import decode_token_transfers

# The level of proof of a block that nothing was proved of.
NOT_PROVED = "none"
_OF_BLOCK = ("block_number", "block_hash", "block_timestamp")
_OF_LOG = (*_OF_BLOCK, "transaction_hash", "log_index", "address", *LOG_COLUMNS)


def decode_tables(
    decoded: BlockTables,
    *,
    registry: Registry,
    version: str,
    raw_sha256: Sequence[bytes],
    levels: Sequence[str] | None = None,
) -> dict[str, pa.Table]:
    """All decoded tables of these blocks, by name, with exactly the columns of their contracts.

    `raw_sha256` are the blobs' digests and `levels` the levels of proof, one a block in the order
    of `decoded.blocks`; without levels nothing is said to be proved.
    """
    proof = levels or [NOT_PROVED] * decoded.blocks.num_rows
    # Both decoders of logs would put the pieces together, each for itself.
    logs = decoded.logs.select(_OF_LOG).combine_chunks()
    tables = {
        BLOCKS.name: _blocks(decoded.blocks, proof=proof, version=version, raw_sha256=raw_sha256),
        TRANSACTIONS.name: decoded.transactions,
        LOGS.name: decoded.logs,
        WITHDRAWALS.name: decoded.withdrawals,
        EVENTS.name: _events(logs, registry),
        CALLS.name: _calls(decoded.transactions, registry),
        TOKEN_TRANSFERS.name: _token_transfers(logs),
    }
    return {table.name: check_table(table, tables[table.name]) for table in DECODED_TABLES}


def _blocks(
    blocks: pa.Table, *, proof: Sequence[str], version: str, raw_sha256: Sequence[bytes]
) -> pa.Table:
    for name, values in (
        ("proof", list(proof)),
        ("decoder_version", [version] * blocks.num_rows),
        ("raw_sha256", list(raw_sha256)),
    ):
        field = BLOCKS.column(name).field
        # Without the type a batch whose blocks are all held has columns of type null.
        blocks = blocks.append_column(field, pa.array(values, field.type))
    return blocks


def _events(logs: pa.Table, registry: Registry) -> pa.Table:
    kept = (*_OF_BLOCK, "transaction_hash", "log_index", "address")
    return _beside(EVENTS, logs.select(kept), decode_events(logs, registry))


def _calls(transactions: pa.Table, registry: Registry) -> pa.Table:
    kept = [*_OF_BLOCK, "hash", "transaction_index", "to_address"]
    # Chosen before the filter, which would copy all other columns as well.
    called = transactions.select([*kept, "input"])
    called = called.filter(pc.greater(pc.binary_length(called["input"]), 0))
    rows = called.select(kept).rename_columns({"hash": "transaction_hash"})
    return _beside(CALLS, rows, decode_calls(called, registry))


def _token_transfers(logs: pa.Table) -> pa.Table:
    transfers = decode_token_transfers(logs)
    rows = logs.select([*_OF_BLOCK, "transaction_hash", "log_index", "address"])
    rows = rows.rename_columns({"address": "token_address"}).take(transfers["row"])
    return _beside(TOKEN_TRANSFERS, rows, transfers.drop_columns(["row"]))


def _beside(table: Table, left: pa.Table, right: pa.Table) -> pa.Table:
    for name in right.column_names:
        left = left.append_column(table.column(name).field, right[name])
    return left
