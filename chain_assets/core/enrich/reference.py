"""What is known beside the chain: labels, tokens and prices, and a digest that names them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.enrich.joins import column, in_order
from chain_assets.core.schemas.columns import Table
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES


@dataclass(frozen=True)
class ReferenceTables:
    """The file columns of entity_labels, token_metadata and token_prices, of one chain."""

    labels: pa.Table
    tokens: pa.Table
    prices: pa.Table

    def named(self) -> tuple[tuple[Table, pa.Table], ...]:
        """Each table beside its contract."""
        return (
            (ENTITY_LABELS, self.labels),
            (TOKEN_METADATA, self.tokens),
            (TOKEN_PRICES, self.prices),
        )


def reference_digest(tables: ReferenceTables) -> str:
    """SHA-256, in hex, of what the rows say, whatever their order and their Arrow layout.

    Part of the enricher's version: rows that were enriched with other reference rows are stale.
    """
    whole = hashlib.sha256()
    for contract, data in tables.named():
        names = contract.file_schema.names
        data = data.take(in_order(data, names))
        whole.update(f"{contract.name} {len(data)} {' '.join(names)}\n".encode())
        for name in names:
            for part in _content(column(data, name)):
                whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _content(values: pa.Array) -> tuple[bytes, ...]:
    """Which values are there, and the values; of variable length: their lengths and all bytes."""
    there = values.is_valid().cast(pa.uint8()).to_numpy().tobytes()
    if pa.types.is_binary(values.type) or pa.types.is_string(values.type):
        data = pc.fill_null(values.cast(pa.binary()), b"")
        lengths = pc.binary_length(data).to_numpy().astype("<i8").tobytes()
        return there, lengths, b"".join(data.to_pylist())
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    numbers = pc.fill_null(values, 0).to_numpy()
    return there, numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
