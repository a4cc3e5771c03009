"""The enriched tables, each from its decoded rows: copies, labels, amounts, prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.enrich.amounts import amounts_usd, token_amounts, usd
from chain_assets.core.enrich.fees import burned, gas_price_paid, priority_fees, transaction_fees
from chain_assets.core.enrich.joins import (
    Positions,
    block_positions,
    column,
    latest_rows,
    look_up,
    transaction_keys,
)
from chain_assets.core.enrich.prices import NATIVE, PriceHistory
from chain_assets.core.enrich.reference import ReferenceTables
from chain_assets.core.enrich.versions import enricher_versions
from chain_assets.core.schemas.columns import Table, check_table
from chain_assets.core.schemas.enriched import BLOCKS, TOKEN_TRANSFERS, TRANSACTIONS


@dataclass(frozen=True)
class DecodedRows:
    """Rows of the decoded tables, all of the same blocks, with at least their `decoded_columns`."""

    blocks: pa.Table
    transactions: pa.Table
    calls: pa.Table
    token_transfers: pa.Table


def decoded_columns(table: Table) -> list[str]:
    """The file columns of a decoded table that enriched rows are made of, by their lineage.

    The others, calldata and signatures say, are most of the bytes, and need not be read.
    """
    made_of = {
        source
        for enriched in (TOKEN_TRANSFERS, TRANSACTIONS, BLOCKS)
        for column in enriched.columns
        for source in column.sources
    }
    found_by = {*table.key, "hash", "block_hash", "timestamp", "block_timestamp"}
    return [
        name
        for name in table.file_schema.names
        if name in found_by or f"{table.name}.{name}" in made_of
    ]


@dataclass(frozen=True)
class _Known:
    """What rows are joined with.

    One label and one metadata row an address; `native` has the native price of each block;
    `price` has what each transaction paid per gas; `blocks_of_…` say which row of `blocks` each
    row's block is.
    """

    labels: pa.Table
    tokens: pa.Table
    native: pa.Table
    price: pa.Array
    blocks_of_transactions: Positions
    blocks_of_transfers: Positions

    def label(self, addresses: pa.Array) -> pa.Array:
        return look_up(addresses, self.labels, "label")


def enrich(
    rows: DecodedRows,
    reference: ReferenceTables,
    *,
    native_decimals: int,
    max_price_age: int,
) -> dict[str, pa.Table]:
    """The file columns of each enriched table, by its name; rows keep their order.

    `native_decimals` are those of the native token, `max_price_age` is in seconds. Raises
    ValueError where the rows do not belong together.
    """
    _refuse_repeated_blocks(rows.blocks)
    history = PriceHistory.of(reference.prices)
    known = _Known(
        labels=latest_rows(reference.labels, key=("address",)),
        tokens=latest_rows(reference.tokens, key=("address",)),
        native=history.as_of(
            pa.repeat(pa.scalar(NATIVE), len(rows.blocks)),
            column(rows.blocks, "timestamp"),
            max_age=max_price_age,
        ),
        price=gas_price_paid(rows.transactions),
        blocks_of_transactions=block_positions(
            rows.transactions, rows.blocks, table="decoded_transactions"
        ),
        blocks_of_transfers=block_positions(
            rows.token_transfers, rows.blocks, table="decoded_token_transfers"
        ),
    )
    prices = history.as_of(
        column(rows.token_transfers, "token_address"),
        column(rows.token_transfers, "block_timestamp"),
        max_age=max_price_age,
    )
    return {
        TOKEN_TRANSFERS.name: _token_transfers(rows.token_transfers, known, prices),
        TRANSACTIONS.name: _transactions(rows, known, native_decimals=native_decimals),
        BLOCKS.name: _blocks(
            rows,
            known,
            versions=enricher_versions(
                column(rows.blocks, "timestamp"), reference, max_price_age=max_price_age
            ),
        ),
    }


def _refuse_repeated_blocks(blocks: pa.Table) -> None:
    counts = column(blocks, "number").value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(repeated):
        raise ValueError(f"block {repeated[0]} is given more than once: rows would be mixed up")


def _token_transfers(decoded: pa.Table, known: _Known, prices: pa.Table) -> pa.Table:
    token = column(decoded, "token_address")
    decimals = look_up(token, known.tokens, "decimals")
    # Only an ERC-20 value is a quantity with a point; the others count whole items.
    erc20 = pc.equal(column(decoded, "standard"), "erc20")
    amount = token_amounts(
        column(decoded, "value"),
        column(decoded, "value_raw"),
        pc.if_else(erc20, decimals, pa.scalar(None, pa.int64())),
    )
    made = {
        "token_symbol": look_up(token, known.tokens, "symbol"),
        "token_decimals": decimals,
        "from_label": known.label(column(decoded, "from_address")),
        "to_label": known.label(column(decoded, "to_address")),
        "amount": amount,
        "amount_usd": amounts_usd(amount, column(prices, "price_usd")),
        **_price_columns(prices, "price_usd"),
    }
    return _assemble(TOKEN_TRANSFERS, decoded, made)


def _transactions(rows: DecodedRows, known: _Known, *, native_decimals: int) -> pa.Table:
    decoded = rows.transactions
    native = known.native.take(pa.array(known.blocks_of_transactions))
    native_usd = column(native, "price_usd")
    fee = transaction_fees(rows.blocks, decoded, known.blocks_of_transactions, known.price)
    made = {
        "from_label": known.label(column(decoded, "from_address")),
        "to_label": known.label(column(decoded, "to_address")),
        "function": _functions(rows, known.blocks_of_transactions),
        "value_usd": usd(column(decoded, "value"), native_usd, decimals=native_decimals),
        "fee": fee,
        "fee_usd": usd(fee, native_usd, decimals=native_decimals),
        **_price_columns(native, "native_price_usd"),
    }
    return _assemble(TRANSACTIONS, decoded, made)


def _functions(rows: DecodedRows, positions: Positions) -> pa.Array:
    """The function that each transaction calls; NULL where it calls none or an unknown one."""
    calls = rows.calls
    places = block_positions(calls, rows.blocks, table="decoded_calls")
    called = transaction_keys(calls, places, table="decoded_calls")
    keys = transaction_keys(rows.transactions, positions, table="decoded_transactions")
    return column(calls, "function").take(pc.index_in(keys, value_set=called))


def _blocks(rows: DecodedRows, known: _Known, *, versions: list[str]) -> pa.Table:
    decoded = rows.blocks
    transfers = np.bincount(known.blocks_of_transfers, minlength=len(decoded))
    without_receipts = pc.is_null(column(decoded, "log_count")).to_numpy(zero_copy_only=False)
    made = {
        "miner_label": known.label(column(decoded, "miner")),
        "token_transfer_count": pa.array(transfers, pa.int64(), mask=without_receipts),
        "burned_wei": burned(decoded),
        "priority_fees_wei": priority_fees(
            decoded, rows.transactions, known.blocks_of_transactions, known.price
        ),
        "enricher_version": pa.array(versions, pa.string()),
        **_price_columns(known.native, "native_price_usd"),
    }
    return _assemble(BLOCKS, decoded, made)


def _price_columns(prices: pa.Table, price: str) -> dict[str, pa.Array]:
    return {
        price: column(prices, "price_usd"),
        "price_source": column(prices, "source"),
        "price_at": column(prices, "price_at"),
    }


def _assemble(table: Table, decoded: pa.Table, made: dict[str, pa.Array]) -> pa.Table:
    """The columns made, and all others copied from the decoded rows."""
    names = table.file_schema.names
    columns = {name: made[name] if name in made else decoded[name] for name in names}
    return check_table(table, pa.table(columns))
