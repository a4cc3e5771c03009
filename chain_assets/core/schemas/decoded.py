"""The decoded tables. Receipt columns are NULL where the source supplied no receipts."""

from __future__ import annotations

from dataclasses import replace

from chain_assets.core.schemas.abi import CALLS, EVENTS, TOKEN_TRANSFERS
from chain_assets.core.schemas.columns import Column, Kind, Table, of_block

_OF_BLOCK = of_block("block.number", "block.hash", "block.timestamp")


def _block(name: str, kind: Kind, key: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name, kind, doc, (f"block.{key}",), nullable)


def _pair(name: str, path: str, doc: str) -> tuple[Column, Column]:
    return (
        Column(name, "amount", f"{doc}; NULL from 10^38 on.", (path,), nullable=True),
        Column(f"{name}_raw", "word", "The same, all 256 bits.", (path,), nullable=True),
    )


def _sparse_pair(name: str, path: str, doc: str) -> tuple[Column, Column]:
    amount, word = _pair(name, path, doc)
    return amount, replace(word, doc="All 256 bits of those from 10^38 on, else NULL.", sparse=True)


def _transaction(name: str, kind: Kind, key: str, doc: str, *, nullable: bool = True) -> Column:
    return Column(name, kind, doc, (f"transaction.{key}",), nullable)


def _receipt(name: str, kind: Kind, key: str, doc: str) -> Column:
    return Column(name, kind, doc, (f"receipt.{key}",), nullable=True)


def _log(name: str, kind: Kind, key: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, kind, doc, (f"log.{key}",), nullable)


def _withdrawal(name: str, kind: Kind, key: str, doc: str) -> Column:
    return Column(name, kind, doc, (f"withdrawal.{key}",))


BLOCKS = Table(
    name="decoded_blocks",
    layer="decoded",
    grain="canonical block; committed last: a row says that the block's other rows are there",
    key=("number",),
    number_column="number",
    columns=(
        _block("number", "quantity", "number", "Block number.", nullable=False),
        _block("hash", "hash", "hash", "Block hash.", nullable=False),
        _block("parent_hash", "hash", "parentHash", "Hash of the parent.", nullable=False),
        _block("timestamp", "timestamp", "timestamp", "When it was made.", nullable=False),
        _block("nonce", "nonce", "nonce", "Proof-of-work nonce; zero since the Merge."),
        _block("sha3_uncles", "hash", "sha3Uncles", "Hash of the list of uncle headers."),
        _block("logs_bloom", "bloom", "logsBloom", "Bloom filter of all logs."),
        _block("transactions_root", "hash", "transactionsRoot", "Root of the transactions trie."),
        _block("state_root", "hash", "stateRoot", "Root of the state after this block."),
        _block("receipts_root", "hash", "receiptsRoot", "Root of the receipts trie."),
        _block("miner", "address", "miner", "Who collects the priority fees.", nullable=False),
        _block("mix_hash", "hash", "mixHash", "Proof-of-work mix; prevRandao since the Merge."),
        _block("aura_step", "quantity", "step", "AuRa chains: seal, the step that it was made in."),
        _block("aura_signature", "data", "signature", "AuRa chains: seal, of who made it."),
        *_pair("difficulty", "block.difficulty", "Zero since the Merge"),
        *_pair("total_difficulty", "block.totalDifficulty", "Many nodes do not say it"),
        _block("size", "quantity", "size", "Size of the block's RLP in bytes."),
        _block("gas_limit", "quantity", "gasLimit", "Gas that the block may use."),
        _block("gas_used", "quantity", "gasUsed", "Gas that it used.", nullable=False),
        _block("extra_data", "data", "extraData", "Whatever its maker put there."),
        _block("base_fee_per_gas", "amount", "baseFeePerGas", "Wei; since London (EIP-1559)."),
        _block("withdrawals_root", "hash", "withdrawalsRoot", "Since Shanghai (EIP-4895)."),
        _block("blob_gas_used", "quantity", "blobGasUsed", "Since Cancun (EIP-4844)."),
        _block("excess_blob_gas", "quantity", "excessBlobGas", "Since Cancun (EIP-4844)."),
        _block(
            "parent_beacon_block_root", "hash", "parentBeaconBlockRoot", "Since Cancun (EIP-4788)."
        ),
        _block("requests_hash", "hash", "requestsHash", "Since Prague (EIP-7685)."),
        _block("uncles", "hashes", "uncles", "Hashes of the uncles."),
        _block(
            "transaction_count", "quantity", "transactions", "Transactions here.", nullable=False
        ),
        Column(
            "log_count",
            "quantity",
            "Logs here; NULL where the source supplied no receipts.",
            ("receipt.logs",),
            nullable=True,
        ),
        _block("withdrawal_count", "quantity", "withdrawals", "NULL before Shanghai."),
        Column("proof", "text", "How far the block is proved against its own header."),
        Column("decoder_version", "text", "Version of the decoder and of its ABIs."),
        Column(
            "raw_sha256",
            "hash",
            "SHA-256 of the blob it was decoded from.",
            ("raw_blocks.sha256",),
        ),
    ),
)

TRANSACTIONS = Table(
    name="decoded_transactions",
    layer="decoded",
    grain="transaction",
    key=("block_number", "transaction_index"),
    columns=(
        *_OF_BLOCK,
        _transaction(
            "transaction_index",
            "quantity",
            "transactionIndex",
            "Place in the block.",
            nullable=False,
        ),
        _transaction("hash", "hash", "hash", "Transaction hash.", nullable=False),
        Column(
            "type",
            "quantity",
            "EIP-2718 type; 0 where the node names none: a legacy transaction has no envelope.",
            ("transaction.type",),
        ),
        _transaction("chain_id", "quantity", "chainId", "NULL before EIP-155."),
        _transaction("from_address", "address", "from", "Sender.", nullable=False),
        _transaction("to_address", "address", "to", "NULL where a contract is created."),
        _receipt("contract_address", "address", "contractAddress", "The contract created."),
        _transaction("nonce", "quantity", "nonce", "Sender's count before it.", nullable=False),
        # A deposit of the OP Stack may name any value: one that nobody has fails on the chain, and
        # stands in its block all the same. 32 bytes of every transaction would be zeros.
        *_sparse_pair("value", "transaction.value", "Wei moved"),
        _transaction("input", "data", "input", "Call data, or creation code.", nullable=False),
        _transaction("gas", "quantity", "gas", "Gas limit of the transaction.", nullable=False),
        # Arbitrum's tickets without gas may name any fee, which nodes also give as their price.
        *_sparse_pair("gas_price", "transaction.gasPrice", "Wei per gas, as the node says it"),
        *_sparse_pair("max_fee_per_gas", "transaction.maxFeePerGas", "Since London (EIP-1559)"),
        _transaction("max_priority_fee_per_gas", "amount", "maxPriorityFeePerGas", "Since London."),
        _transaction("max_fee_per_blob_gas", "amount", "maxFeePerBlobGas", "Type 3 (EIP-4844)."),
        _transaction("blob_versioned_hashes", "hashes", "blobVersionedHashes", "Type 3."),
        _transaction("access_list", "access_list", "accessList", "Since Berlin (EIP-2930)."),
        _transaction("authorization_list", "authorization_list", "authorizationList", "Type 4."),
        _transaction("v", "quantity", "v", "Signature: recovery id, with the chain id in type 0."),
        _transaction("r", "word", "r", "Signature."),
        _transaction("s", "word", "s", "Signature."),
        _transaction("y_parity", "quantity", "yParity", "Signature: parity, where it is said."),
        _receipt("status", "quantity", "status", "1 success, 0 failure; since Byzantium."),
        _receipt("root", "hash", "root", "State root after it; before Byzantium."),
        _receipt("gas_used", "quantity", "gasUsed", "Gas used by this transaction."),
        _receipt("cumulative_gas_used", "quantity", "cumulativeGasUsed", "Gas up to it."),
        _receipt("effective_gas_price", "amount", "effectiveGasPrice", "Wei paid per gas."),
        _receipt("blob_gas_used", "quantity", "blobGasUsed", "Type 3."),
        _receipt("blob_gas_price", "amount", "blobGasPrice", "Wei per blob gas; type 3."),
        _receipt("logs_bloom", "bloom", "logsBloom", "Bloom filter of its logs."),
        Column("log_count", "quantity", "Logs of it.", ("receipt.logs",), nullable=True),
        _transaction(
            "fee_currency", "address", "feeCurrency", "Celo: the token that gas is paid in."
        ),
        _transaction("gateway_fee_recipient", "address", "gatewayFeeRecipient", "Celo, layer 1."),
        _transaction("gateway_fee", "amount", "gatewayFee", "Celo, layer 1: what it gets."),
        _receipt("base_fee", "amount", "baseFee", "Celo: per gas, in the token paid."),
        _transaction("source_hash", "hash", "sourceHash", "OP Stack deposit: its origin."),
        _transaction("mint", "amount", "mint", "OP Stack deposit: wei minted."),
        _transaction("is_system_transaction", "bool", "isSystemTx", "OP Stack, before Regolith."),
        _receipt("deposit_nonce", "quantity", "depositNonce", "OP Stack, since Regolith."),
        _receipt("deposit_receipt_version", "quantity", "depositReceiptVersion", "Since Canyon."),
        _receipt("l1_fee", "amount", "l1Fee", "OP Stack: wei paid for layer 1."),
        _receipt("l1_gas_used", "quantity", "l1GasUsed", "OP Stack: gas on layer 1."),
        _receipt("l1_gas_price", "amount", "l1GasPrice", "OP Stack: wei per gas on layer 1."),
        _receipt("l1_fee_scalar", "text", "l1FeeScalar", "OP Stack: a decimal, as received."),
        _receipt("l1_blob_base_fee", "amount", "l1BlobBaseFee", "OP Stack, since Ecotone."),
        _receipt(
            "operator_fee_scalar", "quantity", "operatorFeeScalar", "OP Stack, since Isthmus."
        ),
        _receipt("operator_fee_constant", "amount", "operatorFeeConstant", "The same: wei."),
        _receipt("gas_used_for_l1", "quantity", "gasUsedForL1", "Arbitrum: gas for layer 1."),
        _transaction("request_id", "hash", "requestId", "Arbitrum: its message from layer 1."),
        _transaction("ticket_id", "hash", "ticketId", "Arbitrum retry: who submitted its ticket."),
        _transaction("refund_to", "address", "refundTo", "Arbitrum ticket: who gets fees back."),
        *_pair("max_refund", "transaction.maxRefund", "Arbitrum retry: the most of it"),
        _transaction(
            "submission_fee_refund",
            "amount",
            "submissionFeeRefund",
            "Arbitrum retry: for its ticket.",
        ),
        _transaction("l1_base_fee", "amount", "l1BaseFee", "Arbitrum ticket: wei per gas there."),
        *_pair("deposit_value", "transaction.depositValue", "Arbitrum ticket: wei that came along"),
        _transaction("retry_to", "address", "retryTo", "Arbitrum ticket: whom it calls, if any."),
        *_pair("retry_value", "transaction.retryValue", "Arbitrum ticket: wei that its call moves"),
        _transaction("retry_data", "data", "retryData", "Arbitrum ticket: its call's data."),
        _transaction("beneficiary", "address", "beneficiary", "Arbitrum ticket: who may cancel."),
        *_pair(
            "max_submission_fee",
            "transaction.maxSubmissionFee",
            "Arbitrum ticket: the most that its keeping may cost",
        ),
    ),
)

LOGS = Table(
    name="decoded_logs",
    layer="decoded",
    grain="log",
    key=("block_number", "log_index"),
    columns=(
        *_OF_BLOCK,
        _log("transaction_hash", "hash", "transactionHash", "Its transaction."),
        _log("transaction_index", "quantity", "transactionIndex", "Its transaction's place."),
        _log("log_index", "quantity", "logIndex", "Place in the block."),
        _log("address", "address", "address", "The contract that emitted it."),
        _log("topic0", "hash", "topics", "Hash of the event's signature.", nullable=True),
        _log("topic1", "hash", "topics", "First indexed argument.", nullable=True),
        _log("topic2", "hash", "topics", "Second indexed argument.", nullable=True),
        _log("topic3", "hash", "topics", "Third indexed argument.", nullable=True),
        _log("data", "data", "data", "The plain arguments, ABI-encoded."),
    ),
)

WITHDRAWALS = Table(
    name="decoded_withdrawals",
    layer="decoded",
    grain="withdrawal of a validator's stake (EIP-4895)",
    key=("block_number", "withdrawal_index"),
    columns=(
        *_OF_BLOCK,
        _withdrawal("withdrawal_index", "quantity", "index", "Counts up over the whole chain."),
        _withdrawal("validator_index", "quantity", "validatorIndex", "The validator."),
        _withdrawal("address", "address", "address", "Who receives it."),
        _withdrawal("amount_gwei", "amount", "amount", "Gwei, not wei (EIP-4895)."),
    ),
)

# In the order of their commits: see BLOCKS.
DECODED_TABLES = (TRANSACTIONS, LOGS, EVENTS, CALLS, TOKEN_TRANSFERS, WITHDRAWALS, BLOCKS)
