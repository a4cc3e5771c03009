"""The enriched tables: decoded rows with labels, token metadata, and the price as of the block."""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Kind, Table, of_block

_OF_BLOCK = of_block("decoded_blocks.number", "decoded_blocks.hash", "decoded_blocks.timestamp")
_PRICES = (
    "token_prices.price_usd",
    "token_prices.price_at",
    "decoded_blocks.timestamp",
)


def _copy(table: str, name: str, kind: Kind, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, kind, doc, (f"{table}.{name}",), nullable)


def _label(name: str, of: str) -> Column:
    doc = f"Label of {of.split('.')[1]}, if there is one."
    return Column(name, "text", doc, (of, "entity_labels.label"), nullable=True)


def _price_columns(price: str, doc: str) -> tuple[Column, ...]:
    return (
        Column(price, "double", doc, _PRICES, nullable=True),
        Column(
            "price_source", "text", "Who said the price.", ("token_prices.source",), nullable=True
        ),
        Column(
            "price_at",
            "timestamp",
            "When the price held: at the block's timestamp or before it, never after.",
            ("token_prices.price_at",),
            nullable=True,
        ),
    )


_NATIVE_PRICE = "USD for one native token as of the block; NULL where no price is recent enough."
_FEES = (
    "decoded_transactions.gas_used",
    "decoded_transactions.effective_gas_price",
    "decoded_transactions.gas_price",
    "decoded_transactions.fee_currency",
    "decoded_transactions.type",
    "decoded_blocks.base_fee_per_gas",
)
_VALUE = ("decoded_token_transfers.value", "decoded_token_transfers.value_raw")

TOKEN_TRANSFERS = Table(
    name="enriched_token_transfers",
    layer="enriched",
    grain="token transfer",
    key=("block_number", "log_index", "batch_index"),
    columns=(
        *_OF_BLOCK,
        _copy("decoded_token_transfers", "transaction_hash", "hash", "Its transaction."),
        _copy("decoded_token_transfers", "log_index", "quantity", "Place of its log."),
        _copy("decoded_token_transfers", "batch_index", "quantity", "Place in its batch, else 0."),
        _copy("decoded_token_transfers", "standard", "text", "`erc20`, `erc721` or `erc1155`."),
        _copy("decoded_token_transfers", "token_address", "address", "The token."),
        Column(
            "token_symbol",
            "text",
            "NULL where the token is unknown.",
            ("decoded_token_transfers.token_address", "token_metadata.symbol"),
            nullable=True,
        ),
        Column(
            "token_decimals",
            "quantity",
            "NULL where the token is unknown.",
            ("decoded_token_transfers.token_address", "token_metadata.decimals"),
            nullable=True,
        ),
        _copy("decoded_token_transfers", "from_address", "address", "Zero where it was minted."),
        _label("from_label", "decoded_token_transfers.from_address"),
        _copy("decoded_token_transfers", "to_address", "address", "Zero where it was burned."),
        _label("to_label", "decoded_token_transfers.to_address"),
        _copy(
            "decoded_token_transfers",
            "token_id_raw",
            "word",
            "All 256 bits; NULL for ERC-20.",
            nullable=True,
        ),
        _copy("decoded_token_transfers", "value_raw", "word", "All 256 bits."),
        Column(
            "amount",
            "decimal",
            "Value in whole tokens, exact; NULL where decimals are unknown or it does not fit.",
            (*_VALUE, "token_metadata.decimals"),
            nullable=True,
        ),
        Column(
            "amount_usd",
            "double",
            "Amount times price.",
            (*_VALUE, "token_metadata.decimals", *_PRICES),
            nullable=True,
        ),
        *_price_columns("price_usd", "USD for one whole token as of the block."),
    ),
)

TRANSACTIONS = Table(
    name="enriched_transactions",
    layer="enriched",
    grain="transaction",
    key=("block_number", "transaction_index"),
    columns=(
        *_OF_BLOCK,
        _copy("decoded_transactions", "hash", "hash", "Transaction hash."),
        _copy("decoded_transactions", "transaction_index", "quantity", "Place in the block."),
        _copy("decoded_transactions", "from_address", "address", "Sender."),
        _label("from_label", "decoded_transactions.from_address"),
        _copy(
            "decoded_transactions",
            "to_address",
            "address",
            "NULL where a contract is created.",
            nullable=True,
        ),
        _label("to_label", "decoded_transactions.to_address"),
        _copy("decoded_calls", "function", "text", "NULL where it is unknown.", nullable=True),
        _copy("decoded_transactions", "status", "quantity", "1 success, 0 failure.", nullable=True),
        _copy(
            "decoded_transactions",
            "value",
            "amount",
            "Wei moved; NULL from 10^38 on.",
            nullable=True,
        ),
        _copy(
            "decoded_transactions",
            "value_raw",
            "word",
            "All 256 bits of those from 10^38 on, else NULL.",
            nullable=True,
        ),
        Column(
            "value_usd",
            "double",
            "Value times price.",
            ("decoded_transactions.value", *_PRICES),
            nullable=True,
        ),
        Column(
            "fee",
            "amount",
            "Wei paid in all: gas, blob gas (EIP-4844), the OP Stack's layer-1 and operator fees; "
            "NULL without a receipt, where a token paid for gas (Celo), and from 10^38 on.",
            (
                *_FEES[:5],
                "decoded_transactions.blob_gas_used",
                "decoded_transactions.blob_gas_price",
                "decoded_transactions.l1_fee",
                "decoded_transactions.operator_fee_scalar",
                "decoded_transactions.operator_fee_constant",
                "decoded_blocks.extra_data",
            ),
            nullable=True,
        ),
        Column(
            "fee_usd",
            "double",
            "Fee times price.",
            (*_FEES[:2], *_PRICES),
            nullable=True,
        ),
        *_price_columns("native_price_usd", _NATIVE_PRICE),
    ),
)

BLOCKS = Table(
    name="enriched_blocks",
    layer="enriched",
    grain="block; committed last: a row says that the block's other rows are there",
    key=("number",),
    number_column="number",
    columns=(
        _copy("decoded_blocks", "number", "quantity", "Block number."),
        _copy("decoded_blocks", "hash", "hash", "Block hash."),
        _copy("decoded_blocks", "timestamp", "timestamp", "When it was made."),
        _copy("decoded_blocks", "miner", "address", "Who collects the priority fees."),
        _label("miner_label", "decoded_blocks.miner"),
        _copy("decoded_blocks", "transaction_count", "quantity", "Transactions in it."),
        Column(
            "token_transfer_count",
            "quantity",
            "Token transfers in it; NULL without receipts.",
            ("decoded_token_transfers.log_index", "decoded_blocks.log_count"),
            nullable=True,
        ),
        _copy("decoded_blocks", "gas_used", "quantity", "Gas used."),
        _copy("decoded_blocks", "gas_limit", "quantity", "Gas it may use.", nullable=True),
        _copy("decoded_blocks", "base_fee_per_gas", "amount", "Wei; since London.", nullable=True),
        Column(
            "burned_wei",
            "amount",
            "Base fee times gas used (EIP-1559); NULL before London.",
            ("decoded_blocks.base_fee_per_gas", "decoded_blocks.gas_used"),
            nullable=True,
        ),
        Column(
            "priority_fees_wei",
            "amount",
            "What its transactions paid above the base fee; NULL without receipts.",
            (*_FEES, "decoded_blocks.log_count"),
            nullable=True,
        ),
        *_price_columns("native_price_usd", _NATIVE_PRICE),
        Column("enricher_version", "text", "Version of the enricher and its reference rows."),
        Column(
            "decoder_version",
            "text",
            "Version of the decoded rows it was made of.",
            ("decoded_blocks.decoder_version",),
        ),
        _copy("decoded_blocks", "raw_sha256", "hash", "SHA-256 of the blob behind those rows."),
    ),
)

# In the order of their commits: see BLOCKS.
ENRICHED_TABLES = (TOKEN_TRANSFERS, TRANSACTIONS, BLOCKS)
