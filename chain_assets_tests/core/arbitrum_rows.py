"""Transactions of Arbitrum's own types, as nodes answer them, beside the items of their RLP lists.

The layouts are those of Arbitrum Nitro (OffchainLabs/go-ethereum, core/types/arb_types.go), the
names those of its RPC (internal/ethapi/api.go). `REAL` are transactions of public chains, whose
hashes are known: the encodings and hashes are facts of Arbitrum One and of Arbitrum Sepolia.
"""

from __future__ import annotations

from typing import Any

from chain_assets_tests.core.proof_blocks import WORD, A, B, Json, data_of, transaction

Made = tuple[Json, list[Any]]

ONE, SEPOLIA = 42161, 421614
ARBOS, RETRYABLES = "0x" + "0" * 35 + "a4b05", "0x" + "0" * 38 + "6e"
LARGEST = 2**256 - 1


def _row(kind: int, chain_id: int, **fields: Any) -> Json:
    own = {"chainId": hex(chain_id), "value": "0x0", "input": "0x", **fields}
    return transaction(kind, **own)


def _to(row: Json, name: str = "to") -> bytes:
    return b"" if row.get(name) is None else data_of(row[name])


def _number(row: Json, name: str) -> int:
    return int(row[name], 16)


def deposit(chain_id: int, **fields: Any) -> Made:
    """0x64: ether from layer 1."""
    row = _row(0x64, chain_id, gas="0x0", **fields)
    ids = [chain_id, data_of(row["requestId"]), data_of(row["from"])]
    return row, [*ids, _to(row), _number(row, "value")]


def unsigned(chain_id: int, **fields: Any) -> Made:
    """0x65: sent by an account of layer 1. Nodes say the most it pays as its gas price only."""
    row = _row(0x65, chain_id, **fields)
    sender = [chain_id, data_of(row["from"]), _number(row, "nonce")]
    return row, [*sender, _number(row, "gasPrice"), *_call(row)]


def contract(chain_id: int, **fields: Any) -> Made:
    """0x66: sent by a contract of layer 1."""
    row = _row(0x66, chain_id, **fields)
    ids = [chain_id, data_of(row["requestId"]), data_of(row["from"])]
    return row, [*ids, _number(row, "maxFeePerGas"), *_call(row)]


def retry(chain_id: int, **fields: Any) -> Made:
    """0x68: an attempt to execute a retryable ticket."""
    row = _row(0x68, chain_id, **fields)
    sender = [chain_id, _number(row, "nonce"), data_of(row["from"])]
    refund = [data_of(row["refundTo"]), _number(row, "maxRefund")]
    ticket = [data_of(row["ticketId"]), *refund, _number(row, "submissionFeeRefund")]
    return row, [*sender, _number(row, "maxFeePerGas"), *_call(row), *ticket]


def submit_retryable(chain_id: int, **fields: Any) -> Made:
    """0x69: a retryable ticket from layer 1."""
    row = _row(0x69, chain_id, to=RETRYABLES, **fields)
    ids = [chain_id, data_of(row["requestId"]), data_of(row["from"])]
    paid = [_number(row, name) for name in ("l1BaseFee", "depositValue", "maxFeePerGas", "gas")]
    call = [_to(row, "retryTo"), _number(row, "retryValue"), data_of(row["beneficiary"])]
    fee = [_number(row, "maxSubmissionFee"), data_of(row["refundTo"])]
    return row, [*ids, *paid, *call, *fee, data_of(row["retryData"])]


def internal(chain_id: int, data: str) -> Made:
    """0x6a: ArbOS to itself."""
    call: Json = {"from": ARBOS, "to": ARBOS, "gas": "0x0", "input": data}
    return _row(0x6A, chain_id, **call), [chain_id, data_of(data)]


def _call(row: Json) -> list[Any]:
    value = [_number(row, "value"), data_of(row["input"])]
    return [_number(row, "gas"), _to(row), *value]


def _words(selector: str, *values: int) -> str:
    return selector + "".join(f"{value:064x}" for value in values)


_SENDER = "0xb8787d8f23e176a5d32135d746b69886e03313be"
_RECEIVER = "0x11155ca9bbf7be58e27f3309e629c847996b43c8"
_TARGET = "0x3fab184622dc19b6109349b94811493bf2a45362"
TICKET = "0x13cb79b086a427f3db7ebe6ec2bb90a806a3b0368ecee6020144f352e37dbdf6"
RETRY = "0x873c5ee3092c40336006808e249293bf5f4cb3235077a74cac9cafa7cf73cb8b"

# Block 1 of Arbitrum Sepolia: a ticket is submitted and redeemed at once.
SEPOLIA_1: tuple[Made, ...] = (
    internal(SEPOLIA, _words("0x6bf6a42d", 0x5BD57BD9, 0x3F28DB, 1, 0x64E4F6D4)),
    submit_retryable(
        SEPOLIA,
        requestId="0x" + f"{1:064x}",
        l1BaseFee="0x5bd57bd9",
        depositValue="0x23e3dbb7b88ab8",
        maxFeePerGas="0x3b9aca00",
        gas="0x186a0",
        retryTo=_TARGET,
        retryValue="0x2386f26fc10000",
        beneficiary=_RECEIVER,
        maxSubmissionFee="0x1f6377d4ab8",
        refundTo=_RECEIVER,
        retryData="0x",
        **{"from": _SENDER},
    ),
    retry(
        SEPOLIA,
        maxFeePerGas="0x5f5e100",
        gas="0x186a0",
        to=_TARGET,
        value="0x2386f26fc10000",
        ticketId=TICKET,
        refundTo=_RECEIVER,
        maxRefund="0xb0e85efeab8",
        submissionFeeRefund="0x1f6377d4ab8",
        **{"from": _SENDER},
    ),
)
# Block 90091287 of Arbitrum One: a ticket without gas, which nobody redeems at once.
_BRIDGED = "0x" + "0" * 24 + "7a3d05c70581bd345fe117c06e45f9669205384f"
ONE_90091287: tuple[Made, ...] = (
    internal(ONE, _words("0x6bf6a42d", 0x9A3BD877B, 0x1072BC6, 90_091_287, 0)),
    submit_retryable(
        ONE,
        requestId="0x" + f"{0xCE993:064x}",
        l1BaseFee="0x9a3bd877b",
        depositValue="0x60ffa32345b0",
        maxFeePerGas="0x0",
        gas="0x0",
        retryTo="0x3749c4f034022c39ecaffaba182555d4508caccc",
        retryValue="0x0",
        beneficiary="0x" + "0" * 40,
        maxSubmissionFee="0x60ffa32345b0",
        refundTo="0x" + "0" * 40,
        retryData=_words(
            "0xcc29a306",
            *(int(_BRIDGED, 16), 0x1A942840B9D4000, 0x1A71922B86B2D5A, 0x1881255A947, 0, 0),
        ),
        **{"from": "0xee488a11475d588908001e0e99e4fd89abda6545"},
    ),
)
REAL: tuple[tuple[str, Made], ...] = (
    ("0x1ac8d67d5c4be184b3822f9ef97102789394f4bc75a0f528d5e14debef6e184c", SEPOLIA_1[0]),
    (TICKET, SEPOLIA_1[1]),
    (RETRY, SEPOLIA_1[2]),
    ("0xd420a8799a87c13e6d6e9dbeb66b40d928f76eff1acfea38845a8960bc122fda", ONE_90091287[0]),
    ("0xb96bee31487d0826e41f58618deed9dbcfd6ae20957a7d5cbbe07067db4c0746", ONE_90091287[1]),
    (
        "0x8b7e4e0a2a31d2889200dc6c91c12833208d2f7847eabf0c21e9b15f86a8a8aa",
        unsigned(
            SEPOLIA,
            nonce="0x1",
            gasPrice="0xa0eebb00",
            gas="0x1bdd4",
            to="0x" + "0" * 38 + "64",
            value="0x1",
            input=_words("0x25e16063", 0x51072981BF35CDF00DBECDB9BBC00BE3313893CB),
            **{"from": "0x62182981bf35cdf00dbecdb9bbc00be33138a4dc"},
        ),
    ),
    (
        "0x733c1300c06ac4ced959e68f16f565ee8918a4e75c9f9e3913bc7a7e939c60db",
        deposit(
            SEPOLIA,
            requestId="0x" + f"{0xF:064x}",
            to="0x88888aa374dbde60d26433e275ad700b65872063",
            value="0xde0b6b3a7640000",
            **{"from": "0x99998aa374dbde60d26433e275ad700b65873174"},
        ),
    ),
)


# One of each type, made up: no two fields of one have the same value where that may be.
TICKET_FIELDS: Json = {
    "requestId": WORD,
    "l1BaseFee": "0x7",
    "depositValue": "0x80",
    "maxFeePerGas": "0x9",
    "retryTo": B,
    "retryValue": "0x1",
    "beneficiary": A,
    "maxSubmissionFee": "0x100",
    "refundTo": B,
    "retryData": "0x00",
}
RETRY_FIELDS: Json = {
    "ticketId": WORD,
    "refundTo": A,
    "maxRefund": "0x80",
    "submissionFeeRefund": "0x7f",
    "maxFeePerGas": "0x9",
}
EVERY_TYPE = {
    0x64: deposit(ONE, requestId=WORD),
    0x65: unsigned(ONE, gasPrice="0x9", nonce="0x81", input="0x12"),
    0x66: contract(ONE, requestId=WORD, maxFeePerGas="0x9", input="0x12"),
    0x68: retry(ONE, nonce="0x2", input="0x12", **RETRY_FIELDS),
    0x69: submit_retryable(ONE, **TICKET_FIELDS),
    0x6A: internal(ONE, "0x99"),
}
