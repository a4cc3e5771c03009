"""Decoded and reference rows for tests of enrichment: what a test does not name has a plain value.

Times are seconds after EPOCH; block n is made at second n unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from chain_assets.core.enrich import DecodedRows, ReferenceTables, enrich
from chain_assets.core.schemas.abi import CALLS, TOKEN_TRANSFERS
from chain_assets.core.schemas.columns import Table
from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES

Row = dict[str, Any]

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
TOKEN, OTHER_TOKEN, ALICE, BOB = (bytes([i]) * 20 for i in (1, 2, 3, 4))


def second(offset: float) -> datetime:
    """The time `offset` seconds after EPOCH."""
    return EPOCH + timedelta(seconds=offset)


def block(number: int, **values: Any) -> Row:
    """A row of decoded_blocks, with receipts and before London."""
    base = {"number": number, "timestamp": second(number), "miner": BOB, "log_count": 0}
    return base | {"gas_used": 0, "transaction_count": 0} | values


def transaction(block_number: int, index: int = 0, **values: Any) -> Row:
    """A row of decoded_transactions: legacy, with a receipt, at 2 wei for each of 21,000 gas."""
    base = {"block_number": block_number, "block_timestamp": second(block_number)}
    base |= {"transaction_index": index, "type": 0, "from_address": ALICE, "to_address": BOB}
    return base | {"value": 0, "gas_used": 21_000, "gas_price": 2} | values


def transfer(block_number: int, value: int = 1, **values: Any) -> Row:
    """A row of decoded_token_transfers: an ERC-20 one of TOKEN."""
    base = {"block_number": block_number, "block_timestamp": second(block_number)}
    base |= {"standard": "erc20", "token_address": TOKEN, "from_address": ALICE, "to_address": BOB}
    base |= {"value": value if value < 10**38 else None, "value_raw": value.to_bytes(32, "big")}
    return base | values


def call(block_number: int, index: int, function: str | None) -> Row:
    """A row of decoded_calls."""
    return {"block_number": block_number, "transaction_index": index, "function": function}


def label(address: bytes, text: str, *, source: str = "s", as_of: float | None = None) -> Row:
    """A row of entity_labels."""
    return {"address": address, "label": text, "source": source, "as_of": _time(as_of)}


def token(address: bytes, decimals: int, symbol: str = "TKN", *, as_of: float | None = None) -> Row:
    """A row of token_metadata."""
    base = {"address": address, "symbol": symbol, "decimals": decimals}
    return base | {"source": "s", "as_of": _time(as_of)}


def price(
    address: bytes | None,
    at: float,
    usd: float,
    *,
    source: str = "s",
    as_of: float | None = None,
) -> Row:
    """A row of token_prices; None is the native token."""
    base = {"token_address": address, "price_at": second(at), "price_usd": usd}
    return base | {"source": source, "as_of": _time(as_of)}


def _time(offset: float | None) -> datetime | None:
    return None if offset is None else second(offset)


def reference(
    *, labels: Sequence[Row] = (), tokens: Sequence[Row] = (), prices: Sequence[Row] = ()
) -> ReferenceTables:
    """The rows as tables."""
    return ReferenceTables(
        labels=table_of(ENTITY_LABELS, labels),
        tokens=table_of(TOKEN_METADATA, tokens),
        prices=table_of(TOKEN_PRICES, prices),
    )


def decoded(
    blocks: Sequence[Row],
    *,
    transactions: Sequence[Row] = (),
    calls: Sequence[Row] = (),
    transfers: Sequence[Row] = (),
) -> DecodedRows:
    """The rows as tables."""
    return DecodedRows(
        blocks=table_of(BLOCKS, blocks),
        transactions=table_of(TRANSACTIONS, transactions),
        calls=table_of(CALLS, calls),
        token_transfers=table_of(TOKEN_TRANSFERS, transfers),
    )


def enriched(
    rows: DecodedRows,
    known: ReferenceTables,
    *,
    native_decimals: int = 18,
    max_price_age: int = 3600,
) -> dict[str, list[Row]]:
    """Rows of each enriched table, by its name."""
    tables = enrich(rows, known, native_decimals=native_decimals, max_price_age=max_price_age)
    return {name: table.to_pylist() for name, table in tables.items()}


def table_of(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows with plain values where a row does not say: NULL where that is allowed."""
    columns = []
    for field in table.file_schema:
        plain = None if field.nullable else _plain(field.type)
        columns.append(pa.array([row.get(field.name, plain) for row in rows], field.type))
    return pa.table(columns, schema=table.file_schema)


def _plain(type_: pa.DataType) -> Any:
    if pa.types.is_timestamp(type_):
        return EPOCH
    if pa.types.is_decimal(type_):
        return Decimal(0)
    return {pa.binary(): b"", pa.string(): ""}.get(type_, 0)
