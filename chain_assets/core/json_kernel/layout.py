"""Which keys the kernel knows, and where their values go: made from core/schemas, once.

A KIND of object has SLOTS, one a key (and one a topic). A slot's CODE says how its value is read:

    document ─ block ───── transactions[] ─ accessList[]
             │         │                  └ authorizationList[]
             │         └── withdrawals[]
             └ receipts[] ─ logs[]

Slots of one kind stand side by side, those that append to a buffer first. A slot's place among them
is its bit in the masks of its kind (which keys an object had, which it must have).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from chain_assets.core.block_tables import (
    BLOCK_TABLES,
    OBJECT_OF,
    OTHER_KEYS,
    REDUNDANT_PATHS,
    REQUIRED_PATHS,
    json_columns_of,
)
from chain_assets.core.schemas.columns import Column

ObjectName = Literal[
    "document",
    "block",
    "transaction",
    "transaction.accessList",
    "transaction.authorizationList",
    "withdrawal",
    "receipt",
    "log",
]
KINDS: tuple[ObjectName, ...] = get_args(ObjectName)
DOCUMENT, BLOCK, TRANSACTION, _, AUTHORIZATION, _, RECEIPT, LOG = range(len(KINDS))

# Codes of slots that append bytes to their buffer and note where each row ends ...
FIXED, DATA, WORD, TEXT, HASHES, OBJECTS = range(6)
# ... of those that write one number at the place of their row ...
QUANTITY, TIMESTAMP, AMOUNT, BOOL = range(6, 10)
# ... and of those that have no values of their own.
TOPICS, OBJECT, SKIPPED = range(10, 13)

APPENDING = range(FIXED, OBJECTS + 1)
NUMBER_BYTES = {QUANTITY: 8, TIMESTAMP: 8, AMOUNT: 16, BOOL: 8}

_FIXED_BYTES = {"hash": 32, "address": 20, "bloom": 256, "nonce": 8}
_CODES = {
    "data": DATA,
    "word": WORD,
    "text": TEXT,
    "hashes": HASHES,
    "quantity": QUANTITY,
    "timestamp": TIMESTAMP,
    "amount": AMOUNT,
    "bool": BOOL,
}
_LISTS: dict[str, ObjectName] = {
    "document.receipts": "receipt",
    "block.transactions": "transaction",
    "block.withdrawals": "withdrawal",
    "transaction.accessList": "transaction.accessList",
    "transaction.authorizationList": "transaction.authorizationList",
    "receipt.logs": "log",
}
# EIP-2930 and EIP-7702. Of an authorization's yParity and v, nodes say one.
_NESTED = (
    ("transaction.accessList.address", "address", True),
    ("transaction.accessList.storageKeys", "hashes", True),
    ("transaction.authorizationList.chainId", "word", True),
    ("transaction.authorizationList.address", "address", True),
    ("transaction.authorizationList.nonce", "amount", True),
    ("transaction.authorizationList.yParity", "quantity", False),
    ("transaction.authorizationList.v", "quantity", False),
    ("transaction.authorizationList.r", "word", True),
    ("transaction.authorizationList.s", "word", True),
)
# What the strict reader asks for although the columns may be NULL, or are none.
_ALSO_REQUIRED = {
    *("document.block", "block.transactions", "receipt.logs", "receipt.transactionHash"),
    *("receipt.gasUsed", "receipt.cumulativeGasUsed", "log.topics"),
    *REQUIRED_PATHS,
}
TOPIC_NAMES = tuple(f"topic{index}" for index in range(4))


@dataclass(frozen=True)
class Slot:
    """How the value under one key is read. `key` is empty where no key leads to it: topics."""

    path: str
    kind: int
    key: str
    code: int
    width: int = 0
    child: int = 0
    required: bool = False
    defaulted: bool = False

    @property
    def least_text(self) -> int:
        """The fewest bytes of JSON that an object with this slot has because of it."""
        return len(self.key) + 6 + 2 * self.width if self.required and self.key else 0


def _slot(path: str, kind: str, *, required: bool, keyed: bool = True) -> Slot:
    owner, _, name = path.rpartition(".")
    width = _FIXED_BYTES.get(kind, 0)
    return Slot(
        path=path,
        kind=KINDS.index(owner),
        key=name if keyed else "",
        code=FIXED if width else _CODES[kind],
        width=width,
        required=required,
        # Nodes older than Berlin name no type (EIP-2718).
        defaulted=path == "transaction.type",
    )


def _special(path: str, code: int, *, child: ObjectName = "document", width: int = 0) -> Slot:
    owner, _, name = path.rpartition(".")
    return Slot(
        path=path,
        kind=KINDS.index(owner),
        key=name,
        code=code,
        width=width,
        child=KINDS.index(child),
        required=path in _ALSO_REQUIRED,
    )


def _is_plain(column: Column, table: str) -> bool:
    path = column.json_path
    of_the_rows_block = path.startswith("block.") and OBJECT_OF[table] != "block"
    return not of_the_rows_block and path not in _LISTS and path != "log.topics"


def _slots() -> Iterator[Slot]:
    yield _special("document.block", OBJECT, child="block")
    for path, child in _LISTS.items():
        yield _special(path, OBJECTS, child=child)
    yield _special("log.topics", TOPICS)
    for name in TOPIC_NAMES:
        yield _slot(f"log.{name}", "hash", required=False, keyed=False)
    for table in BLOCK_TABLES:
        for column in json_columns_of(table):
            # Of a pair the word is read, and the amount made of it: see arrow_columns.py. Of a
            # sparse one the amount is read, and a block with one that does not fit is declined.
            word = table.word_of(column)
            in_word = word is not None and not word.sparse
            if _is_plain(column, table.name) and not column.sparse and not in_word:
                path = column.json_path
                required = not column.nullable or path in _ALSO_REQUIRED
                yield _slot(path, column.kind, required=required)
                if path in OTHER_KEYS:
                    yield _slot(OTHER_KEYS[path], column.kind, required=False)
    for path, kind, required in _NESTED:
        yield _slot(path, kind, required=required)
    # No column, but compared with the transaction's hash.
    yield _special("receipt.transactionHash", FIXED, width=32)
    for path in REDUNDANT_PATHS:
        if path not in ("receipt.transactionHash", "receipt.logs"):
            yield _special(path, SKIPPED)


def _ordered(slots: Iterator[Slot]) -> tuple[Slot, ...]:
    # The sort is stable: keys keep the order of the schema, in which many nodes write them.
    return tuple(sorted(slots, key=lambda slot: (slot.kind, _group(slot.code))))


def _group(code: int) -> int:
    return 0 if code in APPENDING else 1 if code in NUMBER_BYTES else 2


SLOTS = _ordered(_slots())
SLOT_OF = {slot.path: index for index, slot in enumerate(SLOTS)}

FIRST_SLOT = tuple(
    next(i for i, s in enumerate(SLOTS) if s.kind == kind) for kind in range(len(KINDS))
)


def bit_of(path: str) -> int:
    """The bit of a slot in the masks of its kind."""
    return _BITS[path]


_BITS = {slot.path: 1 << (index - FIRST_SLOT[slot.kind]) for index, slot in enumerate(SLOTS)}
