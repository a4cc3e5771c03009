"""Logs to token transfers: one row for each token moved.

    Transfer(address from, address to, uint256)    3rd argument in a topic (4 topics): ERC-721,
                                                   whose token id it is; otherwise ERC-20, an amount
    TransferSingle, TransferBatch                  ERC-1155; a batch gives one row an item

(EIP-20, EIP-721, EIP-1155.) The standards say which arguments are indexed, but contracts older
than them, and some careless ones since, index fewer. A log with fewer topics is read with its
leading arguments in the topics and the rest in the data.

A log that does not follow the encoding strictly (bits in an address's padding, short data) is no
transfer, nor is a batch with different numbers of ids and of values. Such a log stays visible
among the decoded events, with its reason if it is undecoded there.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import WordColumn, batches
from chain_assets.core.abi.fates import Positions
from chain_assets.core.abi.logs import LogColumns, log_columns
from chain_assets.core.abi.outcomes import group_rows
from chain_assets.core.abi.routes import Route, default_route
from chain_assets.core.abi.signatures import Event
from chain_assets.core.token_moves import LAYOUTS, SCHEMA, Moves, batch_moves
from chain_assets.core.words import (
    DECIMAL,
    Bytes2D,
    binary_from_rows,
    decimal_from_words,
    words_from_ints,
)


def decode_token_transfers(logs: Any, *, route: Route | None = None) -> Any:
    """The token transfers among `logs`, in log order, then in batch order, as an Arrow table.

    `logs` has the binary columns `topic0` to `topic3` (null where absent) and `data`. The result
    (`SCHEMA`): `row`, the index of the log in `logs`; `batch_index`, from 0, and 0 for all that
    is no batch; `standard`; `operator` (ERC-1155 only), `from_address` and `to_address` of 20
    bytes; `token_id` (null for ERC-20) and `value` (1 for ERC-721), each as a decimal, null where
    it does not fit, and as `_raw`, 32 bytes big-endian.
    Both routes give the same rows; None takes the compiled one where numba is installed.
    """
    if (route or default_route()) == "compiled":
        # Imported late: numba takes a second to load, and may not be installed.
        from chain_assets.core.token_transfer_kernel import token_transfers

        return token_transfers(logs)
    tables, before = [SCHEMA.empty_table()], 0
    for batch in batches(logs, sized_by="data"):
        columns = log_columns(batch)
        topic0 = batch["topic0"].combine_chunks()
        keys = pa.array(sorted({key for key, _ in LAYOUTS}), topic0.type)
        rows = np.flatnonzero(np.asarray(pc.is_in(topic0, keys)) & columns.well_formed)
        counts = columns.topic_counts[rows]
        groups = group_rows(topic0.take(pa.array(rows)), rows, split_by=counts)
        moves = [_moves(columns, LAYOUTS[key, count], members) for key, count, members in groups]
        tables.append(_in_log_order(moves, before))
        before += batch.num_rows
    return pa.concat_tables(tables)


def _moves(logs: LogColumns, event: Event, rows: Positions) -> Moves:
    columns, fates = logs.decode(event, rows)
    good = np.flatnonzero(fates.all_good())
    if event.name == "TransferBatch":
        return batch_moves(columns, rows, good)
    words = [cast(WordColumn, column).words[good] for column in columns]
    rows, zeros = rows[good], np.zeros(len(good), np.int64)
    if event.name == "TransferSingle":
        operator, sender, receiver, token_id, value = words
        return Moves(rows, zeros, "erc1155", operator, sender, receiver, token_id, value)
    sender, receiver, third = words
    if event.parameters[2].indexed:
        ones = np.repeat(words_from_ints([1]), len(good), axis=0)
        return Moves(rows, zeros, "erc721", None, sender, receiver, third, ones)
    return Moves(rows, zeros, "erc20", None, sender, receiver, None, third)


def _in_log_order(moves: list[Moves], before: int) -> Any:
    """`before`: how many logs come before this batch."""
    if not moves:
        return SCHEMA.empty_table()
    table = pa.concat_tables([_table(one, before) for one in moves])
    # Stable, so that the items of a batch keep their order.
    order = np.argsort(table["row"].to_numpy(), kind="stable")
    return table.take(pa.array(order))


def _table(moves: Moves, before: int) -> Any:
    count = len(moves.rows)

    def address(words: Bytes2D | None) -> Any:
        return pa.nulls(count, pa.binary()) if words is None else binary_from_rows(words[:, 12:])

    token_id = moves.token_id
    columns = [
        pa.array(moves.rows + before),
        pa.array(moves.batch_index),
        pa.repeat(pa.scalar(moves.standard), count),
        address(moves.operator),
        address(moves.sender),
        address(moves.receiver),
        pa.nulls(count, DECIMAL) if token_id is None else decimal_from_words(token_id),
        pa.nulls(count, pa.binary()) if token_id is None else binary_from_rows(token_id),
        decimal_from_words(moves.value),
        binary_from_rows(moves.value),
    ]
    return pa.table(columns, schema=SCHEMA)
