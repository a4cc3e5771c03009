"""Which JSON values a block's own header vouches for, and how to flip one bit of one of them.

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
_TRANSACTION = {
    0x0: ("nonce", "gasPrice", *_CALL, "v", "r", "s"),
    0x1: ("chainId", "nonce", "gasPrice", *_CALL, *_LISTS, *_SIGNATURE),
    0x2: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x3: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x4: (*_FEES, *_CALL, *_LISTS, *_SIGNATURE),
    0x6A: ("chainId", "input"),
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
