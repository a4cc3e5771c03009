"""The decoded tables that need ABIs: events, calls and token transfers."""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Table, of_block

_OF_BLOCK = of_block("decoded_blocks.number", "decoded_blocks.hash", "decoded_blocks.timestamp")
_STATUS_COLUMNS = (
    Column("status", "text", "`decoded` or `undecoded`."),
    Column("reason", "text", "Why it is undecoded: no row is dropped in silence.", nullable=True),
    Column("abi_source", "text", "Name of the ABI that decoded it.", nullable=True),
)
_ARGS = "JSON; integers as decimal strings, addresses and bytes as 0x hex."
_LOG = (
    "decoded_logs.topic0",
    "decoded_logs.topic1",
    "decoded_logs.topic2",
    "decoded_logs.topic3",
    "decoded_logs.data",
)

EVENTS = Table(
    name="decoded_events",
    layer="decoded",
    grain="log",
    key=("block_number", "log_index"),
    columns=(
        *_OF_BLOCK,
        Column("transaction_hash", "hash", "Its transaction.", ("decoded_logs.transaction_hash",)),
        Column("log_index", "quantity", "Place in the block.", ("decoded_logs.log_index",)),
        Column("address", "address", "The contract that emitted it.", ("decoded_logs.address",)),
        Column("event", "text", "Name of the event.", _LOG[:1], nullable=True),
        Column("signature", "text", "Name and types.", _LOG[:1], nullable=True),
        Column("args", "text", _ARGS, _LOG, nullable=True),
        *_STATUS_COLUMNS,
    ),
)

CALLS = Table(
    name="decoded_calls",
    layer="decoded",
    grain="transaction with input",
    key=("block_number", "transaction_index"),
    columns=(
        *_OF_BLOCK,
        Column("transaction_hash", "hash", "The transaction.", ("decoded_transactions.hash",)),
        Column(
            "transaction_index",
            "quantity",
            "Place in the block.",
            ("decoded_transactions.transaction_index",),
        ),
        Column(
            "to_address",
            "address",
            "The contract called; NULL where one is created.",
            ("decoded_transactions.to_address",),
            nullable=True,
        ),
        Column("function", "text", "Name of it.", ("decoded_transactions.input",), nullable=True),
        Column(
            "signature", "text", "Name and types.", ("decoded_transactions.input",), nullable=True
        ),
        Column("args", "text", _ARGS, ("decoded_transactions.input",), nullable=True),
        *_STATUS_COLUMNS,
    ),
)

TOKEN_TRANSFERS = Table(
    name="decoded_token_transfers",
    layer="decoded",
    grain="one token moved; an ERC-1155 batch gives one row an item",
    key=("block_number", "log_index", "batch_index"),
    columns=(
        *_OF_BLOCK,
        Column("transaction_hash", "hash", "Its transaction.", ("decoded_logs.transaction_hash",)),
        Column("log_index", "quantity", "Place of its log.", ("decoded_logs.log_index",)),
        Column("batch_index", "quantity", "Place in an ERC-1155 batch, else 0.", _LOG),
        Column("standard", "text", "`erc20`, `erc721` or `erc1155`.", _LOG),
        Column("token_address", "address", "The token.", ("decoded_logs.address",)),
        Column("operator", "address", "Who moved it; ERC-1155 only.", _LOG, nullable=True),
        Column("from_address", "address", "Zero where it was minted.", _LOG),
        Column("to_address", "address", "Zero where it was burned.", _LOG),
        Column(
            "token_id", "amount", "NULL for ERC-20, and where it does not fit.", _LOG, nullable=True
        ),
        Column("token_id_raw", "word", "All 256 bits; NULL for ERC-20.", _LOG, nullable=True),
        Column("value", "amount", "In the token's units; NULL where it does not fit.", _LOG, True),
        Column("value_raw", "word", "All 256 bits.", _LOG),
    ),
)
