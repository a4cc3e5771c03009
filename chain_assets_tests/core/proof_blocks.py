"""Made-up blocks of any transaction type, sealed by the `rlp` library and the naive trie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from chain_assets_tests.core.naive_trie import naive_trie_root

Json = dict[str, Any]

_QUANTITIES = (
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"),
    *("blobGasUsed", "excessBlobGas"),
)
_HEADER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
A, B = "0x" + "aa" * 20, "0x" + "bb" * 20
WORD = "0x" + "cd" * 32


def hex_of(data: bytes) -> str:
    """`data` as DATA."""
    return "0x" + data.hex()


def data_of(text: str) -> bytes:
    """The bytes of DATA."""
    return bytes.fromhex(text[2:])


def header_hash(block: Json) -> str:
    """The hash of the header, by the fields that it has."""
    items = [
        int(block[name], 16) if name in _QUANTITIES else data_of(block[name])
        for name in _HEADER
        if name in block
    ]
    return hex_of(keccak(rlp.encode(items)))


def transaction(kind: int, **fields: Any) -> Json:
    """A transaction's JSON, with what every node says of every one."""
    common = {"type": hex(kind), "from": A, "to": B, "nonce": "0x0", "value": "0x1"}
    common |= {"gas": "0x5208", "gasPrice": "0x0", "input": "0x1234", "v": "0x0", "r": "0x0"}
    if kind in (2, 3, 4):
        # Nodes say what was paid, which these transactions alone do not tell.
        del common["gasPrice"]
    return {**common, "s": "0x0", **fields}


def sealed(
    transactions: Sequence[tuple[Json, list[Any]]],
    *,
    receipt_tails: Sequence[list[Any]] = (),
    receipt_fields: Json | None = None,
    status: int = 1,
    **header: Any,
) -> Json:
    """A block of these transactions, each with the items of its RLP list, and receipts for them.

    Receipts are of 21,000 gas and without logs; `receipt_tails` are items appended to their RLP,
    `receipt_fields` are added to their JSON.
    """
    envelopes, receipts, rows, receipt_rows = [], [], [], []
    for index, (row, items) in enumerate(transactions):
        kind, gas = int(row["type"], 16), 21_000 * (index + 1)
        prefix = bytes([kind]) if kind else b""
        envelopes.append(prefix + rlp.encode(items))
        tail = receipt_tails[index] if receipt_tails else []
        receipts.append(prefix + rlp.encode([status, gas, bytes(256), [], *tail]))
        named = {"transactionIndex": hex(index)}
        rows.append({"hash": hex_of(keccak(envelopes[-1])), **named, **row})
        receipt_rows.append({"transactionHash": rows[-1]["hash"], **named})
        receipt_rows[-1]["status"] = hex(status)
        gas_fields = {"gasUsed": "0x5208", "cumulativeGasUsed": hex(gas), "logs": []}
        receipt_rows[-1] |= {**gas_fields, **(receipt_fields or {})}
    block = _header(len(transactions)) | {
        "transactionsRoot": hex_of(naive_trie_root(envelopes)),
        "receiptsRoot": hex_of(naive_trie_root(receipts)),
        "transactions": rows,
        **header,
    }
    return {"block": {**block, "hash": header_hash(block)}, "receipts": receipt_rows}


def _header(transactions: int) -> Json:
    return {
        "parentHash": WORD,
        "sha3Uncles": hex_of(keccak(rlp.encode([]))),
        "miner": A,
        "stateRoot": WORD,
        "logsBloom": hex_of(bytes(256)),
        "difficulty": "0x0",
        "number": "0x1312d00",
        "gasLimit": "0x1c9c380",
        "gasUsed": hex(21_000 * transactions),
        "timestamp": "0x65000000",
        "extraData": "0x",
        "mixHash": WORD,
        "nonce": hex_of(bytes(8)),
        "baseFeePerGas": "0x7",
        "uncles": [],
    }
