"""Which JSON values a block's own header vouches for, and how to tamper with one of them.

Written from the specifications of what is hashed, not from the product's tables of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Path = tuple[str | int, ...]

_HEADER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash", "hash"),
)
_ALWAYS = ("hash", "transactionIndex", "type")
_CALL = ("gas", "to", "value", "input")
_SIGNATURE = ("v", "r", "s", "yParity")
_FEES = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas")
_LISTS = ("accessList", "blobVersionedHashes", "authorizationList", "maxFeePerBlobGas")
_GATEWAY = ("gatewayFeeRecipient", "gatewayFee")
_SENT = ("chainId", "from", "gas", "to", "value", "input")
_TRANSACTION = {
    0x0: ("nonce", "gasPrice", *_CALL, "v", "r", "s"),
    0x1: ("chainId", "nonce", "gasPrice", *_CALL, *_LISTS, *_SIGNATURE),
    0x2: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x3: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x4: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x64: ("chainId", "requestId", "from", "to", "value"),
    0x65: (*_SENT, "nonce", "gasPrice"),
    0x66: (*_SENT, "requestId", "maxFeePerGas"),
    0x68: (
        *(*_SENT, "nonce", "maxFeePerGas", "ticketId", "refundTo", "maxRefund"),
        "submissionFeeRefund",
    ),
    0x69: (
        *("chainId", "from", "gas", "requestId", "l1BaseFee", "depositValue", "maxFeePerGas"),
        *("retryTo", "retryValue", "beneficiary", "maxSubmissionFee", "refundTo", "retryData"),
    ),
    0x6A: ("chainId", "input"),
    0x7B: (*_FEES, *_CALL, "accessList", "feeCurrency", *_SIGNATURE),
    0x7C: (*_FEES, *_CALL, *_GATEWAY, "accessList", "feeCurrency", *_SIGNATURE),
    0x7E: ("sourceHash", "from", "to", "mint", "value", "gas", "isSystemTx", "input"),
}
_RECEIPT = ("status", "root", "cumulativeGasUsed", "gasUsed", "logsBloom")
_LOG = ("address", "topics", "data", "logIndex", "transactionIndex", "transactionHash")
_WITHDRAWAL = ("index", "validatorIndex", "address", "amount")


def covered_fields(document: Json) -> list[Path]:
    """The places of all values in `document` that cannot change without being found."""
    block = document["block"]
    paths = list(_leaves(block, _HEADER, ("block",)))
    for index, transaction in enumerate(block["transactions"]):
        names = _ALWAYS + _TRANSACTION[int(transaction.get("type", "0x0"), 16)]
        paths += _leaves(transaction, names, ("block", "transactions", index))
    for index, withdrawal in enumerate(block.get("withdrawals") or ()):
        paths += _leaves(withdrawal, _WITHDRAWAL, ("block", "withdrawals", index))
    for index, receipt in enumerate(document["receipts"] or ()):
        paths += _leaves(receipt, _RECEIPT, ("receipts", index))
        for place, log in enumerate(receipt["logs"]):
            paths += _leaves(log, _LOG, ("receipts", index, "logs", place))
    return paths


def needed_keys(document: Json) -> list[Path]:
    """The places of all keys in `document` that the block is not fully proved without."""
    block = document["block"]
    # By its number and its hash a block is asked for.
    header = [name for name in _HEADER if name not in ("number", "hash")]
    paths: list[Path] = [("block", name) for name in header if block.get(name) is not None]
    for index, transaction in enumerate(block["transactions"]):
        names = _ALWAYS + _TRANSACTION[int(transaction.get("type", "0x0"), 16)]
        needed = [name for name in names if _is_needed(transaction, name)]
        paths += [("block", "transactions", index, name) for name in needed]
    for index, withdrawal in enumerate(block.get("withdrawals") or ()):
        paths += [("block", "withdrawals", index, name) for name in withdrawal]
    for index, receipt in enumerate(document["receipts"] or ()):
        # Of a state root and a status one is hashed; the bloom is made of the logs.
        owed = ["cumulativeGasUsed", "gasUsed", "status" if "status" in receipt else "root"]
        if "depositReceiptVersion" in receipt:
            owed += ["depositNonce", "depositReceiptVersion"]
        owed += ["baseFee"] if "baseFee" in receipt else []
        paths += [("receipts", index, name) for name in owed]
        for place in range(len(receipt["logs"])):
            paths += [("receipts", index, "logs", place, name) for name in _LOG]
    return paths


def _is_needed(transaction: Json, name: str) -> bool:
    if name == "type":
        return bool(transaction.get(name, "0x0") != "0x0")
    if name in ("v", "yParity"):
        # Nodes say one of them or both.
        other = "yParity" if name == "v" else "v"
        return transaction.get(name) is not None and transaction.get(other) is None
    if name == "gatewayFee":
        return transaction.get("gatewayFeeRecipient") is not None
    # Typed transactions are taken to be of the chain whose rules they are proved by. The others
    # are left out by geth where they are nothing.
    may_be_absent = name == "chainId" or (
        name in ("accessList", "mint", "isSystemTx") and transaction.get(name) in ([], "0x0", False)
    )
    return transaction.get(name) is not None and not may_be_absent


def take_away(document: Json, path: Path, *, null: bool) -> Json:
    """A copy of `document` without the key at `path`, or with null under it."""
    changed = copy.deepcopy(document)
    *way, last = path
    holder: Any = changed
    for step in way:
        holder = holder[step]
    if null:
        holder[last] = None
    else:
        del holder[last]
    return changed


def _leaves(value: Json, names: tuple[str, ...], path: Path) -> Iterator[Path]:
    for name in names:
        if name in value:
            yield from _texts(value[name], (*path, name))


def _texts(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
    elif isinstance(value, bool) or (isinstance(value, str) and len(value) > 2):
        yield path


def flip_bit(document: Json, path: Path, bit: int) -> Json:
    """A copy of `document` with bit `bit` (modulo their number) of the value at `path` flipped."""
    changed = copy.deepcopy(document)
    *way, last = path
    holder: Any = changed
    for step in way:
        holder = holder[step]
    value = holder[last]
    if isinstance(value, bool):
        holder[last] = not value
    else:
        digits = value[2:]
        place, mask = divmod(bit % (4 * len(digits)), 4)
        flipped = int(digits[place], 16) ^ (1 << mask)
        holder[last] = f"0x{digits[:place]}{flipped:x}{digits[place + 1 :]}"
    return changed
