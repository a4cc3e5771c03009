"""What is hashed, field by field: the RLP lists behind hashes and roots, as column names.

The order of the fields is the protocol's, the names are those of the decoded tables. How a field is
written follows from its column's type (core/proofs/fields.py says it once for both routes):
integers without leading zeros, bytes as they are, lists as lists, NULL as the empty string. Which
fields may be NULL says MAY_BE_ABSENT.

Sources: yellow paper, section 4.3 and appendix B; EIP-155, 1559, 2718, 2930, 4788, 4844, 4895,
7685, 7702; OP Stack specification, "Deposits"; CIP-64; Arbitrum Nitro, `arb_types.go`.
"""

from __future__ import annotations

HEADER_START = (
    *("parent_hash", "sha3_uncles", "miner", "state_root", "transactions_root", "receipts_root"),
    *("logs_bloom", "difficulty_raw", "number", "gas_limit", "gas_used", "timestamp", "extra_data"),
)
"""The fields of every header since Frontier, up to its seal."""

SEAL = ("mix_hash", "nonce")
"""What follows: the proof of work, or what stands in its place since the Merge."""

AURA_SEAL = ("aura_step", "aura_signature")
"""What follows on AuRa chains: a header that has a step and a signature has no proof of work.

Source: Nethermind, HeaderDecoder; OpenEthereum's RPC gives both encoded, as `sealFields`. The step
is an integer, the signature 65 bytes.
"""

HEADER_FORKS = (
    "base_fee_per_gas",
    "withdrawals_root",
    "blob_gas_used",
    "excess_blob_gas",
    "parent_beacon_block_root",
    "requests_hash",
)
"""What London, Shanghai, Cancun and Prague appended.

A header ends with the last of them that it has. One that is missing before it is written as the
empty string, which is how geth writes the optional fields of chains that skipped a fork.
"""

CAME_TOGETHER = {
    "base_fee_per_gas": HEADER_FORKS[1:],
    "blob_gas_used": ("excess_blob_gas", "parent_beacon_block_root"),
    "excess_blob_gas": ("blob_gas_used", "parent_beacon_block_root"),
}
"""Integers of a header: where one of the fields behind them is there, they are too.

The empty string may stand for their 0. The other fields are 32 bytes, whose place tells whether a
chain skipped them: a chain may have skipped Cancun, but none skipped London for a later fork, and
BSC took Cancun at first without its EIP-4788.
"""

WITHDRAWAL = ("withdrawal_index", "validator_index", "address", "amount_gwei")

# `parity` is `v`, or `y_parity` where the node says only that (execution-apis asks for both).
SIGNATURE = ("parity", "r", "s")
_CALL = ("gas", "to_address", "value", "input")
_FEES = ("max_priority_fee_per_gas", "max_fee_per_gas")

ETHEREUM_TRANSACTIONS: dict[int, tuple[str, ...]] = {
    0: ("nonce", "gas_price", *_CALL, "v", "r", "s"),
    1: ("signed_chain_id", "nonce", "gas_price", *_CALL, "access_list", *SIGNATURE),
    2: ("signed_chain_id", "nonce", *_FEES, *_CALL, "access_list", *SIGNATURE),
    3: (
        *("signed_chain_id", "nonce", *_FEES, *_CALL, "access_list"),
        *("max_fee_per_blob_gas", "blob_versioned_hashes", *SIGNATURE),
    ),
    4: (
        "signed_chain_id",
        "nonce",
        *_FEES,
        *_CALL,
        "access_list",
        "authorization_list",
        *SIGNATURE,
    ),
}
"""By EIP-2718 type; type 0 stands outside an envelope."""

DEPOSIT = 0x7E
OP_STACK_TRANSACTIONS: dict[int, tuple[str, ...]] = {
    DEPOSIT: (
        *("source_hash", "from_address", "to_address", "mint", "value", "gas"),
        *("is_system_transaction", "input"),
    ),
}
DEPOSIT_RECEIPT = ("deposit_nonce", "deposit_receipt_version")
"""Appended to a deposit's receipt since Canyon, which is when receipts began to have a version.

Regolith already gave receipts a nonce but forgot it in the root, hence the version.
"""

CELO_TRANSACTIONS: dict[int, tuple[str, ...]] = {
    0x7B: (
        *("signed_chain_id", "nonce", *_FEES, *_CALL, "access_list", "fee_currency", *SIGNATURE),
    ),
    0x7C: (
        *("signed_chain_id", "nonce", *_FEES, "gas", "fee_currency", "gateway_fee_recipient"),
        *("gateway_fee", "to_address", "value", "input", "access_list", *SIGNATURE),
    ),
}
"""Fee market transactions whose gas is paid in a token: CIP-64, and CIP-42 while a layer 1."""

CELO_RECEIPT = ("base_fee",)
"""Appended to the receipt of a CIP-64 transaction since Celo is a layer 2 (celo-org/op-geth,
`core/types/celo_receipt.go`); those of CIP-42 are Ethereum's."""

# `gas_fee_cap` is the most that is paid for gas: `max_fee_per_gas`, or `gas_price` where the node
# says only that, as Nitro does of 0x65.
_ARBITRUM_CALL = ("gas_fee_cap", *_CALL)

ARBITRUM_TRANSACTIONS: dict[int, tuple[str, ...]] = {
    0x64: ("signed_chain_id", "request_id", "from_address", "to_address", "value"),
    0x65: ("signed_chain_id", "from_address", "nonce", *_ARBITRUM_CALL),
    0x66: ("signed_chain_id", "request_id", "from_address", *_ARBITRUM_CALL),
    0x68: (
        *("signed_chain_id", "nonce", "from_address", *_ARBITRUM_CALL),
        *("ticket_id", "refund_to", "max_refund_raw", "submission_fee_refund"),
    ),
    0x69: (
        *("signed_chain_id", "request_id", "from_address", "l1_base_fee", "deposit_value_raw"),
        *("gas_fee_cap", "gas", "retry_to", "retry_value_raw", "beneficiary"),
        *("max_submission_fee_raw", "refund_to", "retry_data"),
    ),
    0x6A: ("signed_chain_id", "input"),
}
"""0x64 deposit, 0x65 unsigned, 0x66 contract, 0x68 retry, 0x69 submit retryable, 0x6a internal.

Source: Arbitrum Nitro (OffchainLabs/go-ethereum), the structs of `core/types/arb_types.go`; which
JSON names hold their fields says newRPCTransaction of `internal/ethapi/api.go`. Nobody signs them.
Their receipts are those of Ethereum in an envelope of their type (`core/types/receipt.go`): the gas
for layer 1, which nodes add, is not hashed.
"""

MAY_BE_ABSENT = frozenset(
    {
        # A creation calls nobody, and neither does the ticket of one.
        *("to_address", "retry_to"),
        # geth leaves them out of a deposit that mints nothing, or is no system transaction.
        *("mint", "is_system_transaction"),
        # Some providers leave out an empty one. Lists of blobs and authorizations are never empty.
        "access_list",
        # Celo: gas paid in the native token, and nobody's gateway.
        *("fee_currency", "gateway_fee_recipient"),
        # Since Canyon only: see DEPOSIT_RECEIPT.
        "deposit_receipt_version",
    }
)
"""Fields that are hashed as nothing where they are NULL.

Of all others NULL says that the source left them out. RLP writes nothing as it writes 0, so without
this the root of a block would hold where its rows lack a value, and be proved in full.
"""

ABSENT_WITH = {"gateway_fee": "gateway_fee_recipient"}
"""Fields that are nothing where another one is: the fee of nobody's gateway."""
