"""A made-up block's JSON with one of everything: where a test changes a field and decodes it.

Block `number`: two transactions, receipts with one and two logs, one withdrawal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from chain_assets.core.block_json import BlockTables, RawPayload, decode_blocks

Json = dict[str, Any]
Change = Callable[[Json], None]

CHAIN = "testchain"


def hex_bytes(value: int, size: int = 32) -> str:
    """`value` as DATA of `size` bytes."""
    return "0x" + value.to_bytes(size, "big").hex()


def sample_document(number: int) -> Json:
    """`{"block", "receipts"}` as a node would answer it."""
    hashes = [hex_bytes(number << 64 | index) for index in range(2)]
    return {
        "block": _block(number, [_transaction(number, index, hashes[index]) for index in range(2)]),
        "receipts": [
            _receipt(number, index, hashes[index], log_indexes=indexes)
            for index, indexes in enumerate([[0], [1, 2]])
        ],
    }


def decode(*documents: Json) -> BlockTables:
    """The documents decoded; each must have a block with its right number and hash."""
    return decode_blocks([payload(document) for document in documents], chain=CHAIN)


def payload(document: Json) -> RawPayload:
    """The document as the source stores it."""
    block = document["block"]
    content = json.dumps(document).encode()
    return RawPayload(int(block["number"], 16), bytes.fromhex(block["hash"][2:]), content)


def payloads(numbers: Sequence[int], *, bad: int, change: Change) -> list[RawPayload]:
    """One sample block a number; the document of block `bad` is changed before it is stored."""
    stored = []
    for number in numbers:
        document = sample_document(number)
        if number == bad:
            change(document)
        content = json.dumps(document).encode()
        stored.append(RawPayload(number, number.to_bytes(32, "big"), content))
    return stored


def _block(number: int, transactions: list[Json]) -> Json:
    return {
        "number": hex(number),
        "hash": hex_bytes(number),
        "parentHash": hex_bytes(number - 1),
        "timestamp": hex(1_700_000_000 + 12 * number),
        "nonce": hex_bytes(0, 8),
        "sha3Uncles": hex_bytes(1),
        "logsBloom": hex_bytes(0, 256),
        "miner": hex_bytes(2, 20),
        "difficulty": "0x0",
        "size": "0x400",
        "gasLimit": "0x1c9c380",
        "gasUsed": "0xa410",
        "extraData": "0x",
        "baseFeePerGas": "0x7",
        "uncles": [],
        "transactions": transactions,
        "withdrawals": [
            {
                "index": hex(number),
                "validatorIndex": "0x5",
                "address": hex_bytes(3, 20),
                "amount": "0x2a",
            }
        ],
    }


def _transaction(number: int, index: int, transaction_hash: str) -> Json:
    return {
        "blockHash": hex_bytes(number),
        "blockNumber": hex(number),
        "transactionIndex": hex(index),
        "hash": transaction_hash,
        "type": "0x2",
        "chainId": "0x1",
        "from": hex_bytes(4, 20),
        "to": hex_bytes(5, 20),
        "nonce": hex(index),
        "value": "0xde0b6b3a7640000",
        "input": "0xa9059cbb",
        "gas": "0x5208",
        "gasPrice": "0x9",
        "accessList": [{"address": hex_bytes(5, 20), "storageKeys": [hex_bytes(6)]}],
        "v": "0x1",
        "r": "0xabc",
        "s": "0xdef",
        "yParity": "0x1",
    }


def _receipt(number: int, index: int, transaction_hash: str, *, log_indexes: list[int]) -> Json:
    return {
        "blockHash": hex_bytes(number),
        "transactionHash": transaction_hash,
        "transactionIndex": hex(index),
        "status": "0x1",
        "gasUsed": "0x5208",
        "cumulativeGasUsed": hex(0x5208 * (index + 1)),
        "effectiveGasPrice": "0x9",
        "logs": [_log(number, index, transaction_hash, log_index) for log_index in log_indexes],
    }


def _log(number: int, index: int, transaction_hash: str, log_index: int) -> Json:
    return {
        "blockHash": hex_bytes(number),
        "transactionHash": transaction_hash,
        "transactionIndex": hex(index),
        "logIndex": hex(log_index),
        "address": hex_bytes(5, 20),
        "topics": [hex_bytes(7), hex_bytes(8)],
        "data": "0x",
    }
