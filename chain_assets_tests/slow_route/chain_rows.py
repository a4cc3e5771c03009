"""Blocks, transactions, logs and withdrawals of one block's JSON, row by row."""

from __future__ import annotations

from chain_assets_tests.slow_route.readers import (
    Json,
    Reader,
    Row,
    access_list,
    amount,
    as_is,
    authorization_list,
    data,
    fitting,
    hashes,
    moment,
    read,
    unfitting,
    whole,
    word,
)

_HEADER: dict[str, tuple[str, Reader]] = {
    "number": ("number", whole),
    "hash": ("hash", data),
    "parent_hash": ("parentHash", data),
    "timestamp": ("timestamp", moment),
    "nonce": ("nonce", data),
    "sha3_uncles": ("sha3Uncles", data),
    "logs_bloom": ("logsBloom", data),
    "transactions_root": ("transactionsRoot", data),
    "state_root": ("stateRoot", data),
    "receipts_root": ("receiptsRoot", data),
    "miner": ("miner", data),
    "mix_hash": ("mixHash", data),
    "aura_step": ("step", whole),
    "aura_signature": ("signature", data),
    "difficulty": ("difficulty", fitting),
    "difficulty_raw": ("difficulty", word),
    "total_difficulty": ("totalDifficulty", fitting),
    "total_difficulty_raw": ("totalDifficulty", word),
    "size": ("size", whole),
    "gas_limit": ("gasLimit", whole),
    "gas_used": ("gasUsed", whole),
    "extra_data": ("extraData", data),
    "base_fee_per_gas": ("baseFeePerGas", amount),
    "withdrawals_root": ("withdrawalsRoot", data),
    "blob_gas_used": ("blobGasUsed", whole),
    "excess_blob_gas": ("excessBlobGas", whole),
    "parent_beacon_block_root": ("parentBeaconBlockRoot", data),
    "requests_hash": ("requestsHash", data),
    "uncles": ("uncles", hashes),
}
_TRANSACTION: dict[str, tuple[str, Reader]] = {
    "transaction_index": ("transactionIndex", whole),
    "hash": ("hash", data),
    "type": ("type", whole),
    "chain_id": ("chainId", whole),
    "from_address": ("from", data),
    "to_address": ("to", data),
    "nonce": ("nonce", whole),
    "value": ("value", fitting),
    "value_raw": ("value", unfitting),
    "input": ("input", data),
    "gas": ("gas", whole),
    "gas_price": ("gasPrice", fitting),
    "gas_price_raw": ("gasPrice", unfitting),
    "max_fee_per_gas": ("maxFeePerGas", fitting),
    "max_fee_per_gas_raw": ("maxFeePerGas", unfitting),
    "max_priority_fee_per_gas": ("maxPriorityFeePerGas", amount),
    "max_fee_per_blob_gas": ("maxFeePerBlobGas", amount),
    "blob_versioned_hashes": ("blobVersionedHashes", hashes),
    "access_list": ("accessList", access_list),
    "authorization_list": ("authorizationList", authorization_list),
    "v": ("v", whole),
    "r": ("r", word),
    "s": ("s", word),
    "y_parity": ("yParity", whole),
    "fee_currency": ("feeCurrency", data),
    "gateway_fee_recipient": ("gatewayFeeRecipient", data),
    "gateway_fee": ("gatewayFee", amount),
    "source_hash": ("sourceHash", data),
    "mint": ("mint", amount),
    "is_system_transaction": ("isSystemTx", as_is),
    "request_id": ("requestId", data),
    "ticket_id": ("ticketId", data),
    "refund_to": ("refundTo", data),
    "max_refund": ("maxRefund", fitting),
    "max_refund_raw": ("maxRefund", word),
    "submission_fee_refund": ("submissionFeeRefund", amount),
    "l1_base_fee": ("l1BaseFee", amount),
    "deposit_value": ("depositValue", fitting),
    "deposit_value_raw": ("depositValue", word),
    "retry_to": ("retryTo", data),
    "retry_value": ("retryValue", fitting),
    "retry_value_raw": ("retryValue", word),
    "retry_data": ("retryData", data),
    "beneficiary": ("beneficiary", data),
    "max_submission_fee": ("maxSubmissionFee", fitting),
    "max_submission_fee_raw": ("maxSubmissionFee", word),
}
_RECEIPT: dict[str, tuple[str, Reader]] = {
    "contract_address": ("contractAddress", data),
    "status": ("status", whole),
    "root": ("root", data),
    "gas_used": ("gasUsed", whole),
    "cumulative_gas_used": ("cumulativeGasUsed", whole),
    "effective_gas_price": ("effectiveGasPrice", amount),
    "blob_gas_used": ("blobGasUsed", whole),
    "blob_gas_price": ("blobGasPrice", amount),
    "logs_bloom": ("logsBloom", data),
    "base_fee": ("baseFee", amount),
    "deposit_nonce": ("depositNonce", whole),
    "deposit_receipt_version": ("depositReceiptVersion", whole),
    "l1_fee": ("l1Fee", amount),
    "l1_gas_used": ("l1GasUsed", whole),
    "l1_gas_price": ("l1GasPrice", amount),
    "l1_fee_scalar": ("l1FeeScalar", as_is),
    "l1_blob_base_fee": ("l1BlobBaseFee", amount),
    "operator_fee_scalar": ("operatorFeeScalar", whole),
    "operator_fee_constant": ("operatorFeeConstant", amount),
    "gas_used_for_l1": ("gasUsedForL1", whole),
}
_LOG: dict[str, tuple[str, Reader]] = {
    "transaction_hash": ("transactionHash", data),
    "transaction_index": ("transactionIndex", whole),
    "log_index": ("logIndex", whole),
    "address": ("address", data),
    "data": ("data", data),
}
_WITHDRAWAL: dict[str, tuple[str, Reader]] = {
    "withdrawal_index": ("index", whole),
    "validator_index": ("validatorIndex", whole),
    "address": ("address", data),
    "amount_gwei": ("amount", amount),
}


def of_block(document: Json) -> Row:
    """The columns that tie a row to its block."""
    block = document["block"]
    return {
        "block_number": whole(block["number"]),
        "block_hash": data(block["hash"]),
        "block_timestamp": moment(block["timestamp"]),
    }


def blocks(document: Json) -> list[Row]:
    """The one row of `decoded_blocks`."""
    block, receipts = document["block"], document["receipts"]
    withdrawals = block.get("withdrawals")
    return [
        {
            **read(block, _HEADER),
            "transaction_count": len(block["transactions"]),
            "log_count": None if receipts is None else sum(len(r["logs"]) for r in receipts),
            "withdrawal_count": None if withdrawals is None else len(withdrawals),
        }
    ]


def transactions(document: Json) -> list[Row]:
    """The rows of `decoded_transactions`, each with its receipt's columns, found by hash."""
    receipts = {r["transactionHash"]: r for r in document["receipts"] or []}
    rows = []
    for transaction in document["block"]["transactions"]:
        receipt = receipts.get(transaction["hash"])
        row = {**of_block(document), **read(transaction, _TRANSACTION)}
        if "type" not in transaction:
            row["type"] = 0
        row |= read(receipt or {}, _RECEIPT)
        row["log_count"] = None if receipt is None else len(receipt["logs"])
        rows.append(row)
    return rows


def logs(document: Json) -> list[Row]:
    """The rows of `decoded_logs`."""
    rows = []
    for receipt in document["receipts"] or []:
        for log in receipt["logs"]:
            row = {**of_block(document), **read(log, _LOG)}
            topics = [data(topic) for topic in log["topics"]] + [None] * 4
            row |= {f"topic{i}": topics[i] for i in range(4)}
            rows.append(row)
    return rows


def withdrawals(document: Json) -> list[Row]:
    """The rows of `decoded_withdrawals`."""
    return [
        {**of_block(document), **read(withdrawal, _WITHDRAWAL)}
        for withdrawal in document["block"].get("withdrawals") or []
    ]
