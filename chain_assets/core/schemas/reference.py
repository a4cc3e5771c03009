"""Reference rows: labels, tokens and prices, each with who says so and since when.

They are small, belong to no block range, and are replaced chain by chain.
"""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Table

_CHAIN = (Column("chain", "text", "Name of the chain, as in chains.toml."),)
_SOURCE = (
    Column("source", "text", "Who says so."),
    Column("as_of", "timestamp", "Since when, or when it was looked up.", nullable=True),
)

ENTITY_LABELS = Table(
    name="entity_labels",
    layer="reference",
    grain="labelled address",
    key=("address",),
    partition_columns=_CHAIN,
    columns=(
        Column("address", "address", "The address."),
        Column("label", "text", "Whose it is."),
        *_SOURCE,
    ),
)

TOKEN_METADATA = Table(
    name="token_metadata",
    layer="reference",
    grain="token",
    key=("address",),
    partition_columns=_CHAIN,
    columns=(
        Column("address", "address", "The token's contract."),
        Column("symbol", "text", "Its symbol."),
        Column("name", "text", "Its name.", nullable=True),
        Column("decimals", "quantity", "How many digits stand behind the point."),
        *_SOURCE,
    ),
)

TOKEN_PRICES = Table(
    name="token_prices",
    layer="reference",
    grain="price of a token at a time",
    key=("token_address", "price_at"),
    partition_columns=_CHAIN,
    columns=(
        Column("token_address", "address", "NULL: the chain's native token.", nullable=True),
        Column("price_at", "timestamp", "From when on the price holds."),
        Column("price_usd", "double", "USD for one whole token."),
        *_SOURCE,
    ),
)

REFERENCE_TABLES = (ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES)
