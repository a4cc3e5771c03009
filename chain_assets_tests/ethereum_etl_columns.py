"""Where each column that ethereum-etl prints is found in our tables, and in which form.

Where the two projects say the same in different words, an `Ours` holds the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Ours:
    """Where a column of theirs is found, and the reason if it has another name or form."""

    column: str
    why: str = ""
    read: Callable[[Row], Any] | None = None

    def value(self, row: Row) -> Any:
        return self.read(row) if self.read else row[self.column]


SECONDS = "Unix seconds there; a UTC timestamp here, so that engines know what it is"
OF_RECEIPT = "a row a receipt there; here receipts stand in their transaction's row"
TOPICS = "one text or list there; here a column a topic, so that engines can filter by it"
WITHDRAWALS = "a list in the block's row there; here rows of decoded_withdrawals"
BY_CONTRACT = "a number of any length there; here value_raw, all 256 bits, as value may be NULL"


def same(*names: str) -> dict[str, Ours]:
    return {name: Ours(name) for name in names}


def topics(row: Row) -> list[bytes]:
    return [row[f"topic{i}"] for i in range(4) if row[f"topic{i}"] is not None]


# Per file: their columns, all of them, and ours.
COLUMNS: dict[str, dict[str, Ours]] = {
    "blocks": {
        **same("number", "hash", "parent_hash", "nonce", "sha3_uncles", "logs_bloom"),
        **same("transactions_root", "state_root", "receipts_root", "miner", "difficulty"),
        **same("total_difficulty", "size", "extra_data", "gas_limit", "gas_used"),
        **same("transaction_count", "base_fee_per_gas", "withdrawals_root"),
        "timestamp": Ours("timestamp", SECONDS),
        "withdrawals": Ours("withdrawals", WITHDRAWALS),
    },
    "transactions": {
        **same("hash", "nonce", "block_hash", "block_number", "transaction_index"),
        **same("from_address", "to_address", "value", "gas", "gas_price", "input"),
        **same("max_fee_per_gas", "max_priority_fee_per_gas"),
        "block_timestamp": Ours("block_timestamp", SECONDS),
        "transaction_type": Ours("type", "named as in the JSON here"),
    },
    "receipts": {
        **same("transaction_index", "block_hash", "block_number", "cumulative_gas_used"),
        **same("gas_used", "contract_address", "root", "status", "effective_gas_price"),
        **same("l1_fee", "l1_gas_used", "l1_gas_price", "l1_fee_scalar"),
        "transaction_hash": Ours("hash", OF_RECEIPT),
    },
    "logs": {
        **same("log_index", "transaction_hash", "transaction_index", "block_hash"),
        **same("block_number", "address", "data"),
        "topics": Ours("topic0", TOPICS, topics),
    },
    "token_transfers": {
        **same("token_address", "from_address", "to_address", "transaction_hash"),
        **same("log_index", "block_number"),
        "value": Ours("value_raw", BY_CONTRACT, lambda r: int.from_bytes(r["value_raw"], "big")),
    },
}
TABLES = {
    "blocks": "decoded_blocks",
    "transactions": "decoded_transactions",
    "receipts": "decoded_transactions",
    "logs": "decoded_logs",
    "token_transfers": "decoded_token_transfers",
}
# What tells their rows apart; they print receipts in no order.
KEYS = {
    "blocks": ("number",),
    "transactions": ("block_number", "transaction_index"),
    "receipts": ("block_number", "transaction_index"),
    "logs": ("block_number", "log_index"),
    "token_transfers": ("block_number", "log_index"),
}


def plain(value: Any) -> Any:
    """Our value as JSON lines of theirs hold it."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return value if value is None or isinstance(value, str) else int(value)


def csv_text(value: Any) -> str:
    """The same in CSV, where nothing and an empty text are one, and lists lose their brackets."""
    if value is None:
        return ""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ",".join(json.dumps(one, separators=(",", ":")) for one in value)
    return ",".join(value) if isinstance(value, list) else str(value)


def our_rows(name: str, tables: Tables) -> Iterator[Row]:
    withdrawals: dict[bytes, list[Row]] = {}
    for row in tables["decoded_withdrawals"].to_pylist():
        withdrawals.setdefault(row["block_hash"], []).append(
            {
                "index": row["withdrawal_index"],
                "validator_index": row["validator_index"],
                "address": row["address"],
                "amount": row["amount_gwei"],
            }
        )
    for row in tables[TABLES[name]].to_pylist():
        if name == "blocks":
            row["withdrawals"] = withdrawals.get(row["hash"])
        yield {their: plain(ours.value(row)) for their, ours in COLUMNS[name].items()}
