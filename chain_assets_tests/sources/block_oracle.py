"""What a block's JSON must hash to, by the `rlp` library and eth-account; no code of ours.

A block that passes `check_block` is valid as far as it can be told without the state: senders,
transaction hashes, three roots, all blooms, gas sums, log indices, prices, size and block hash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_utils.crypto import keccak

from chain_assets_tests.core.naive_trie import naive_trie_root

Json = dict[str, Any]

_HEADER = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
_DATA_FIELDS = {"miner", "logsBloom", "extraData", "nonce", "mixHash"}


def check_block(block: Json, receipts: list[Json]) -> None:
    """Assert that everything derived in `block` and `receipts` is what it is derived from."""
    transactions = block["transactions"]
    envelopes = [transaction_envelope(each) for each in transactions]
    for transaction, envelope in zip(transactions, envelopes, strict=True):
        _check_transaction(block, transaction, envelope)
    _check_receipts(block, receipts)
    withdrawals = [_withdrawal(each) for each in block["withdrawals"]]
    assert _hex(naive_trie_root(envelopes)) == block["transactionsRoot"]
    assert _hex(naive_trie_root([_receipt(each) for each in receipts])) == block["receiptsRoot"]
    root = naive_trie_root([rlp.encode(each) for each in withdrawals])
    assert _hex(root) == block["withdrawalsRoot"]
    header = [_header_field(block, name) for name in _HEADER]
    assert _hex(keccak(rlp.encode(header))) == block["hash"]
    body = [rlp.decode(each) if each[0] >= 0xC0 else each for each in envelopes]
    assert _int(block["size"]) == len(rlp.encode([header, body, [], withdrawals]))


def transaction_envelope(tx: Json) -> bytes:
    """The bytes that were signed and sent, from the JSON of a transaction."""
    kind = _int(tx["type"])
    core = [_int(tx["gas"]), _data(tx["to"] or "0x"), _int(tx["value"]), _data(tx["input"])]
    signature = [_int(tx["v"]), _int(tx["r"]), _int(tx["s"])]
    if kind == 0:
        return bytes(rlp.encode([_int(tx["nonce"]), _int(tx["gasPrice"]), *core, *signature]))
    assert tx["yParity"] == tx["v"]
    fees = ("gasPrice",) if kind == 1 else ("maxPriorityFeePerGas", "maxFeePerGas")
    items: list[Any] = [_int(tx["chainId"]), _int(tx["nonce"]), *(_int(tx[fee]) for fee in fees)]
    items += [*core, [[_data(a["address"]), _datas(a["storageKeys"])] for a in tx["accessList"]]]
    if kind == 3:
        items += [_int(tx["maxFeePerBlobGas"]), _datas(tx["blobVersionedHashes"])]
    if kind == 4:
        items.append([_authorization(each) for each in tx["authorizationList"]])
    return bytes([kind]) + bytes(rlp.encode([*items, *signature]))


def _check_transaction(block: Json, tx: Json, envelope: bytes) -> None:
    assert _hex(keccak(envelope)) == tx["hash"]
    assert Account.recover_transaction(envelope).lower() == tx["from"]
    assert (tx["blockHash"], tx["blockNumber"]) == (block["hash"], block["number"])
    if "maxFeePerGas" in tx:
        cap = _int(tx["maxFeePerGas"])
        offer = _int(block["baseFeePerGas"]) + _int(tx["maxPriorityFeePerGas"])
        assert cap >= _int(tx["maxPriorityFeePerGas"])
        assert _int(tx["gasPrice"]) == min(cap, offer)
    assert _int(tx["gasPrice"]) >= _int(block["baseFeePerGas"])


def _check_receipts(block: Json, receipts: list[Json]) -> None:
    gas = log_index = blob_gas = 0
    all_logs: list[Json] = []
    for index, (tx, receipt) in enumerate(zip(block["transactions"], receipts, strict=True)):
        gas += _int(receipt["gasUsed"])
        assert 21_000 <= _int(receipt["gasUsed"]) <= _int(tx["gas"])
        assert _int(receipt["cumulativeGasUsed"]) == gas
        assert receipt["effectiveGasPrice"] == tx["gasPrice"]
        assert receipt["logsBloom"] == _bloom(receipt["logs"])
        blob_gas += 2**17 * len(tx.get("blobVersionedHashes", []))
        if tx["type"] == "0x3":
            assert _int(receipt["blobGasUsed"]) == 2**17 * len(tx["blobVersionedHashes"])
            # EIP-4844 approximates the exponential from below, in integers.
            exact = math.exp(_int(block["excessBlobGas"]) / 5_007_716)
            assert exact - 2 < _int(receipt["blobGasPrice"]) <= exact
        for name in ("blockHash", "blockNumber", "from", "to", "type", "transactionIndex"):
            assert receipt[name] == tx[name], name
        assert (receipt["transactionHash"], tx["transactionIndex"]) == (tx["hash"], hex(index))
        created = _hex(keccak(rlp.encode([_data(tx["from"]), _int(tx["nonce"])]))[12:])
        assert receipt["contractAddress"] == (None if tx["to"] else created)
        for log in receipt["logs"]:
            assert log["logIndex"] == hex(log_index)
            assert (log["blockHash"], log["transactionHash"]) == (block["hash"], tx["hash"])
            assert log["transactionIndex"] == hex(index)
            assert log["blockNumber"] == block["number"]
            assert log["blockTimestamp"] == block["timestamp"]
            log_index += 1
        all_logs += receipt["logs"]
    assert _int(block["gasUsed"]) == gas <= _int(block["gasLimit"])
    assert _int(block["blobGasUsed"]) == blob_gas
    assert block["logsBloom"] == _bloom(all_logs)


def _bloom(logs: Iterable[Json]) -> str:
    bits = bytearray(256)
    for log in logs:
        for item in (log["address"], *log["topics"]):
            digest = keccak(_data(item))
            for place in (0, 2, 4):
                bit = (digest[place] << 8 | digest[place + 1]) & 2047
                bits[255 - bit // 8] |= 1 << bit % 8
    return _hex(bytes(bits))


def _receipt(receipt: Json) -> bytes:
    logs = [[_data(g["address"]), _datas(g["topics"]), _data(g["data"])] for g in receipt["logs"]]
    outcome = [_int(receipt["status"]), _int(receipt["cumulativeGasUsed"])]
    body = bytes(rlp.encode([*outcome, _data(receipt["logsBloom"]), logs]))
    kind = _int(receipt["type"])
    return body if kind == 0 else bytes([kind]) + body


def _withdrawal(each: Json) -> list[Any]:
    numbers = _int(each["index"]), _int(each["validatorIndex"]), _int(each["amount"])
    return [numbers[0], numbers[1], _data(each["address"]), numbers[2]]


def _authorization(each: Json) -> list[Any]:
    signature = [_int(each[name]) for name in ("yParity", "r", "s")]
    return [_int(each["chainId"]), _data(each["address"]), _int(each["nonce"]), *signature]


def _header_field(block: Json, name: str) -> bytes | int:
    value = block[name]
    return _data(value) if len(value) == 66 or name in _DATA_FIELDS else _int(value)


def _int(value: str) -> int:
    # A quantity has no leading zeros: anything else is not what a node answers.
    assert value == hex(int(value, 16)), value
    return int(value, 16)


def _data(value: str) -> bytes:
    assert value.startswith("0x"), value
    return bytes.fromhex(value[2:])


def _datas(values: Iterable[str]) -> list[bytes]:
    return [_data(value) for value in values]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
