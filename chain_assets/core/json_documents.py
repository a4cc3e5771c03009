"""One payload's text to a JSON document that rows can be taken from.

What is refused here concerns a whole document: text that is too long, is not JSON or names a key
twice, a block other than the one asked for, receipts that are not of its transactions.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from chain_assets.core.block_tables import RawPayload
from chain_assets.core.json_columns import read_quantity, short

Json = dict[str, Any]

# Half of it is the most that a column of bytes may get, and Arrow's end at 2 GiB. Blocks of public
# chains have a fiftieth of it at most.
MAX_PAYLOAD_BYTES = 1 << 30


class Refusal(Exception):
    """Block `block` (its index) cannot be decoded."""

    def __init__(self, what: str, *, block: int = 0) -> None:
        super().__init__(what)
        self.block = block


def read_document(raw: RawPayload) -> Json:
    """The JSON of one block, checked as far as rows can be taken from it. Raises Refusal."""
    if len(raw.payload) > MAX_PAYLOAD_BYTES:
        raise Refusal(f"the payload has {len(raw.payload)} bytes, too many to be decoded")
    try:
        document = orjson.loads(raw.payload)
    except orjson.JSONDecodeError as error:
        raise Refusal(f"the payload is not JSON ({error})") from None
    _check_keys_are_unique(raw.payload, document)
    if not isinstance(document, dict) or not isinstance(document.get("block"), dict):
        raise Refusal("the payload has no block")
    block: Json = document["block"]
    if not _is_same_hash(block.get("hash"), f"0x{raw.hash.hex()}"):
        raise Refusal(f"the payload is of another block, {short(block.get('hash'))}")
    # A number that is no quantity at all is refused with its column, where the error is better.
    if _is_another_number(block.get("number"), raw.number):
        raise Refusal(f"the payload is of another block, number {short(block['number'])}")
    _check_objects(block.get("transactions"), "transactions")
    if block.get("withdrawals") is not None:
        _check_objects(block["withdrawals"], "withdrawals")
    if document.get("receipts") is not None:
        _check_receipts(document["receipts"], block["transactions"])
    return document


def _check_keys_are_unique(text: bytes, document: Any) -> None:
    """Refuse text in which an object names a key twice: readers differ in which value they take."""
    # A key that stood twice is written once, so text that comes back as it was has none. That is
    # how sources store it; only other text needs the slow reader that sees every pair.
    try:
        if orjson.dumps(document) == text:
            return
    except orjson.JSONEncodeError:
        pass
    try:
        json.loads(text, object_pairs_hook=_unique_pairs)
    except RecursionError:
        raise Refusal("the payload is nested too deeply") from None


def _unique_pairs(pairs: list[tuple[str, Any]]) -> Json:
    unique: Json = {}
    for key, value in pairs:
        if key in unique:
            raise Refusal(f"the payload names the key {key[:80]!r} twice in one object")
        unique[key] = value
    return unique


def _is_another_number(value: Any, number: int) -> bool:
    try:
        return read_quantity(value) != number
    except ValueError:
        return False


def _is_same_hash(value: Any, other: Any) -> bool:
    if type(value) is str and type(other) is str:
        return value.lower() == other.lower()
    # A hash that is not there at all is refused with its column, where the error is better.
    return value is None and other is None


def _check_objects(values: Any, name: str) -> None:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise Refusal(f"{name} is not a list of objects")


def _check_receipts(receipts: Any, transactions: list[Json]) -> None:
    _check_objects(receipts, "receipts")
    if len(receipts) != len(transactions):
        raise Refusal(f"{len(receipts)} receipts for {len(transactions)} transactions")
    for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        if not _is_same_hash(receipt.get("transactionHash"), transaction.get("hash")):
            raise Refusal(f"receipt {index} is of another transaction")
        for key in ("gasUsed", "cumulativeGasUsed"):
            # These columns are nullable only for blocks that have no receipts at all.
            if receipt.get(key) is None:
                raise Refusal(f"receipt {index}: {key} is missing")
        _check_objects(receipt.get("logs"), f"receipt {index}: logs")
        for log in receipt["logs"]:
            topics = log.get("topics")
            # A null would pass for a topic that is not there: these columns are nullable.
            if not isinstance(topics, list) or len(topics) > 4 or None in topics:
                raise Refusal(f"receipt {index}: topics of a log are not a list of at most four")
            # No root covers this field: a log under a wrong hash would pass every proof.
            if not _is_same_hash(log.get("transactionHash"), transaction.get("hash")):
                raise Refusal(f"receipt {index}: a log is of another transaction")
