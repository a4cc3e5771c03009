"""What a source of blocks answers, whatever stands behind it: a node, a folder, a made-up chain.

All sources pass the same contract test (`chain_assets_tests/sources/contract.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from chain_assets.core.block_range import NUMBER_LIMIT
from chain_assets.core.errors import MalformedAnswer

Json = dict[str, Any]

_QUANTITY = re.compile(r"0x[0-9a-fA-F]+")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Header:
    """The part of a block's header that links it. Hashes are 32 bytes, `timestamp` Unix seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


@dataclass(frozen=True)
class RawBlock:
    """One block as its source answered it.

    `payload` is compact JSON, `{"block": eth_getBlockByHash(…, true), "receipts":
    eth_getBlockReceipts(…)}`: same keys, same order, same strings as received. `receipts` is null
    where the source does not supply them; then `log_count` is None. `source` names the provider
    without secrets.
    """

    header: Header
    payload: bytes
    source: str
    transaction_count: int
    log_count: int | None


class BlockSource(Protocol):
    """Raises SourceError (transient or not) and never answers with something made up.

    A block that is not there is a BlockNotFound, never a shorter list: a silent hole in the data
    would be taken for the truth.
    """

    def head(self) -> Header:
        """The newest block."""
        ...

    def finalized(self) -> Header | None:
        """The newest block that cannot be reorganized away, or None where there is none yet."""
        ...

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises BlockNotFound."""
        ...

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`, whole, in the order asked. Raises BlockNotFound."""
        ...


def parse_json(text: bytes) -> Any:
    """A source's JSON as Python objects: every integer exact, keys in the order received.

    Raises ValueError for what is not JSON (NaN, say), and for what is nested 1024 deep.
    """
    # Neither parser does alone: orjson turns an integer beyond 64 bits into a float, and json
    # overruns the C stack on "[[[[…", because web3 (py_ecc) raises the recursion limit to 100,000.
    orjson.loads(text)
    return json.loads(text)


def shown(value: object) -> str:
    """A bad value as an error quotes it: whole or not at all, as half a secret is not known as one
    by who blanks them."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{type(value).__name__}, {len(text)} long"


def parse_quantity(value: object, *, field: str, chain: str, block: int | None = None) -> int:
    """A JSON-RPC QUANTITY (`0x` and hex digits) as an int. Raises MalformedAnswer."""
    # int() alone would also take "0x_1", " 0x1" and "-0x1".
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise MalformedAnswer(f"{field} is {shown(value)}, not a quantity", chain=chain, block=block)


def parse_hash(value: object, *, field: str, chain: str, block: int | None = None) -> bytes:
    """A JSON-RPC 32-byte DATA as bytes. Raises MalformedAnswer."""
    if isinstance(value, str) and _HASH.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise MalformedAnswer(f"{field} is {shown(value)}, not a hash", chain=chain, block=block)


# The last second of the year 9999: later ones have no date in Python, Arrow or most engines.
_TIME_LIMIT = 253_402_300_800


def header_of(block: object, *, chain: str) -> Header:
    """The header of an `eth_getBlockBy…` result. Raises MalformedAnswer."""
    if not isinstance(block, dict):
        raise MalformedAnswer(f"a block is an object, not {type(block).__name__}", chain=chain)
    number = parse_quantity(block.get("number"), field="number", chain=chain)
    if number >= NUMBER_LIMIT:
        # Whoever believed it as a head would list its ranges until the memory is full.
        raise MalformedAnswer(f"number is {number}, of more than twelve digits", chain=chain)
    timestamp = parse_quantity(block.get("timestamp"), field="timestamp", chain=chain, block=number)
    if timestamp >= _TIME_LIMIT:
        raise MalformedAnswer(
            f"timestamp is {timestamp}, after the year 9999", chain=chain, block=number
        )
    return Header(
        number=number,
        hash=parse_hash(block.get("hash"), field="hash", chain=chain, block=number),
        parent_hash=parse_hash(
            block.get("parentHash"), field="parentHash", chain=chain, block=number
        ),
        timestamp=timestamp,
    )


def raw_block(block: Json, receipts: list[Json] | None, *, chain: str, source: str) -> RawBlock:
    """Pack one block and its receipts, after checking that they are of each other.

    Raises MalformedAnswer where the receipts are not one for each transaction, in order and of
    this very block (nodes behind a load balancer answer the two calls from different forks), or
    where a value cannot be written as it was read (an integer beyond 64 bits).
    """
    header = header_of(block, chain=chain)
    _check_receipts(header, block, receipts, chain=chain)
    try:
        payload = orjson.dumps({"block": block, "receipts": receipts})
    except orjson.JSONEncodeError as error:
        what = f"a value cannot be kept as received ({error})"
        raise MalformedAnswer(what, chain=chain, block=header.number) from error
    return RawBlock(
        header=header,
        payload=payload,
        source=source,
        transaction_count=len(block["transactions"]),
        log_count=None if receipts is None else sum(len(r["logs"]) for r in receipts),
    )


def _check_receipts(
    header: Header, block: Json, receipts: list[Json] | None, *, chain: str
) -> None:
    transactions = block.get("transactions")
    if not isinstance(transactions, list) or not all(isinstance(t, dict) for t in transactions):
        raise MalformedAnswer(
            "transactions are not a list of objects", chain=chain, block=header.number
        )
    if receipts is None:
        return
    if not isinstance(receipts, list) or not all(isinstance(r, dict) for r in receipts):
        raise MalformedAnswer(
            "receipts are not a list of objects", chain=chain, block=header.number
        )
    if len(receipts) != len(transactions):
        what = f"{len(receipts)} receipts for {len(transactions)} transactions"
        raise MalformedAnswer(what, chain=chain, block=header.number)
    for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        if not _same_hash(receipt.get("blockHash"), block["hash"]):
            other = shown(receipt.get("blockHash"))
            what = f"receipt {index} is of block {other}, not {block['hash']}"
            raise MalformedAnswer(what, chain=chain, block=header.number)
        if not _same_hash(receipt.get("transactionHash"), transaction.get("hash")):
            what = f"receipt {index} is of another transaction"
            raise MalformedAnswer(what, chain=chain, block=header.number)
        if not isinstance(receipt.get("logs"), list):
            what = f"the logs of receipt {index} are not a list"
            raise MalformedAnswer(what, chain=chain, block=header.number)


def _same_hash(one: object, other: object) -> bool:
    # Hex has no canonical case in JSON-RPC: a proxy may answer one call in upper case.
    return isinstance(one, str) and isinstance(other, str) and one.lower() == other.lower()
