"""Blocks and receipts as the JSON that a geth node answers (Ethereum JSON-RPC specification).

The order of keys is geth's: alphabetical where it answers a map (block, receipt), the order of the
struct where it answers one (transaction, log, withdrawal). Quantities are hex without leading
zeros, data is hex with all its bytes.
"""

from __future__ import annotations

from typing import Any

from chain_assets.core.derived import blob_gas_price, created_address
from chain_assets.sources.devnet.blocks import GAS_PER_BLOB, BlockHeader, BuiltBlock
from chain_assets.sources.devnet.envelopes import Signed, Unsigned
from chain_assets.sources.devnet.receipts import BLOOM_BYTES, Receipt

Json = dict[str, Any]

_BLOB_FEE_UPDATE_FRACTION = 5_007_716  # EIP-7691


def block_json(block: BuiltBlock, *, full: bool = True) -> Json:
    """The result of eth_getBlockByNumber; with `full` false, transactions are their hashes."""
    header = block.header
    transactions: list[Any] = (
        [transaction_json(block, index) for index in range(len(block.transactions))]
        if full
        else [_hex(sent.signed.hash) for sent in block.transactions]
    )
    answer = {
        **_header_json(header),
        "hash": _hex(block.hash),
        "size": hex(block.size),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [
            {
                "index": hex(each.withdrawal_index),
                "validatorIndex": hex(each.validator_index),
                "address": _hex(each.address),
                "amount": hex(each.amount),
            }
            for each in block.withdrawals
        ],
    }
    return dict(sorted(answer.items()))


def receipts_json(block: BuiltBlock) -> list[Json]:
    """The result of eth_getBlockReceipts."""
    receipts = []
    first_log = 0
    for index, receipt in enumerate(block.receipts):
        receipts.append(_receipt_json(block, index, first_log))
        first_log += len(receipt.logs)
    return receipts


def _header_json(header: BlockHeader) -> Json:
    return {
        "parentHash": _hex(header.parent_hash),
        "sha3Uncles": _hex(header.uncles_hash),
        "miner": _hex(header.miner),
        "stateRoot": _hex(header.state_root),
        "transactionsRoot": _hex(header.transactions_root),
        "receiptsRoot": _hex(header.receipts_root),
        "logsBloom": _hex(header.logs_bloom),
        "difficulty": hex(header.difficulty),
        "number": hex(header.number),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "extraData": _hex(header.extra_data),
        "mixHash": _hex(header.mix_hash),
        "nonce": _hex(header.nonce),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": _hex(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": _hex(header.parent_beacon_block_root),
        "requestsHash": _hex(header.requests_hash),
    }


def transaction_json(block: BuiltBlock, index: int) -> Json:
    """The result of eth_getTransactionByHash."""
    sent = block.transactions[index]
    signed, fields = sent.signed, sent.signed.fields
    answer: Json = {
        "blockHash": _hex(block.hash),
        "blockNumber": hex(block.header.number),
        "from": _hex(sent.sender),
        "gas": hex(fields.gas),
        "gasPrice": hex(effective_gas_price(fields, block.header.base_fee_per_gas)),
    }
    if fields.type >= 2:
        answer["maxFeePerGas"] = hex(fields.max_fee)
        answer["maxPriorityFeePerGas"] = hex(fields.priority_fee)
    if fields.type == 3:
        answer["maxFeePerBlobGas"] = hex(fields.max_fee_per_blob_gas)
    answer |= {
        "hash": _hex(signed.hash),
        "input": _hex(fields.data),
        "nonce": hex(fields.nonce),
        "to": _hex(fields.to) if fields.to else None,
        "transactionIndex": hex(index),
        "value": hex(fields.value),
        "type": hex(fields.type),
    }
    return answer | _typed_fields(signed)


def _typed_fields(signed: Signed) -> Json:
    """What a type adds, and the signature, in geth's order. Absent fields are left out."""
    fields, signature = signed.fields, signed.signature
    answer: Json = {}
    if fields.type:
        answer["accessList"] = [
            {"address": _hex(address), "storageKeys": [_hex(key) for key in keys]}
            for address, keys in fields.access_list
        ]
    if fields.chain_id is not None:
        answer["chainId"] = hex(fields.chain_id)
    if fields.type == 3:
        answer["blobVersionedHashes"] = [_hex(each) for each in fields.blob_hashes]
    if fields.type == 4:
        answer["authorizationList"] = [
            {
                "chainId": hex(each.chain_id),
                "address": _hex(each.address),
                "nonce": hex(each.nonce),
                "yParity": hex(each.signature.y_parity),
                "r": hex(each.signature.r),
                "s": hex(each.signature.s),
            }
            for each in fields.authorizations
        ]
    answer |= {"v": hex(signed.v), "r": hex(signature.r), "s": hex(signature.s)}
    if fields.type:
        answer["yParity"] = hex(signature.y_parity)
    return answer


def _receipt_json(block: BuiltBlock, index: int, first_log: int) -> Json:
    sent, receipt, header = block.transactions[index], block.receipts[index], block.header
    fields = sent.signed.fields
    answer: Json = {}
    if fields.type == 3:
        answer["blobGasPrice"] = hex(
            blob_gas_price(header.excess_blob_gas, _BLOB_FEE_UPDATE_FRACTION)
        )
        answer["blobGasUsed"] = hex(GAS_PER_BLOB * len(fields.blob_hashes))
    return answer | {
        "blockHash": _hex(block.hash),
        "blockNumber": hex(header.number),
        "contractAddress": None if fields.to else _hex(created_address(sent.sender, fields.nonce)),
        "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
        "effectiveGasPrice": hex(effective_gas_price(fields, header.base_fee_per_gas)),
        "from": _hex(sent.sender),
        "gasUsed": hex(receipt.gas_used),
        "logs": _logs_json(block, index, receipt, first_log),
        "logsBloom": _hex(receipt.bloom.to_bytes(BLOOM_BYTES, "big")),
        "status": hex(receipt.status),
        "to": _hex(fields.to) if fields.to else None,
        "transactionHash": _hex(sent.signed.hash),
        "transactionIndex": hex(index),
        "type": hex(fields.type),
    }


def _logs_json(block: BuiltBlock, index: int, receipt: Receipt, first_log: int) -> list[Json]:
    number, timestamp = hex(block.header.number), hex(block.header.timestamp)
    transaction_hash = _hex(block.transactions[index].signed.hash)
    block_hash, transaction_index = _hex(block.hash), hex(index)
    return [
        {
            "address": _hex(log.address),
            "topics": [_hex(topic) for topic in log.topics],
            "data": _hex(log.data),
            "blockNumber": number,
            "transactionHash": transaction_hash,
            "transactionIndex": transaction_index,
            "blockHash": block_hash,
            "blockTimestamp": timestamp,
            "logIndex": hex(log_index),
            "removed": False,
        }
        for log_index, log in enumerate(receipt.logs, first_log)
    ]


def effective_gas_price(fields: Unsigned, base_fee: int) -> int:
    """Wei that a unit of gas costs the sender (EIP-1559)."""
    if fields.type < 2:
        return fields.max_fee
    return min(fields.max_fee, base_fee + fields.priority_fee)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
