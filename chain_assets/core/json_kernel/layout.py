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
from typing import Any, Literal, get_args

import numpy as np

from chain_assets.core.block_tables import BLOCK_TABLES, OBJECT_OF, REDUNDANT_PATHS, json_columns_of
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
# A key's text is kept with the quote and the colon behind it, in one vector of this many bytes.
KEY_BYTES = 32
BUCKETS = 256
# Odd numbers with bits all over, below 2^63: a product of theirs mixes all bits into the highest 8.
FIRST_FACTOR, LAST_FACTOR = 0x1E3779B97F4A7C15, 0x42B2AE3D27D4EB4F

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
}
TOPIC_NAMES = tuple(f"topic{index}" for index in range(4))


@dataclass(frozen=True)
class Slot:
    """How the value under one key is read. `text` is empty where no key leads to it: topics."""

    path: str
    kind: int
    text: str
    code: int
    width: int = 0
    child: int = 0
    required: bool = False
    defaulted: bool = False

    @property
    def least_text(self) -> int:
        """The fewest bytes of JSON that an object with this slot has because of it."""
        return len(self.text) + 6 + 2 * self.width if self.required and self.text else 0


def _slot(path: str, kind: str, *, required: bool, key: bool = True) -> Slot:
    owner, _, name = path.rpartition(".")
    width = _FIXED_BYTES.get(kind, 0)
    return Slot(
        path=path,
        kind=KINDS.index(owner),  # type: ignore[arg-type]
        text=name if key else "",
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
        kind=KINDS.index(owner),  # type: ignore[arg-type]
        text=name,
        code=code,
        width=width,
        child=KINDS.index(child),
        required=path in _ALSO_REQUIRED,
    )


def _is_plain(column: Column, table: str) -> bool:
    path = column.json_path
    return (
        path.startswith(f"{OBJECT_OF[table]}.")  # not a column of the row's block
        and path not in _LISTS
        and path != "log.topics"
    )


def _slots() -> Iterator[Slot]:
    yield _special("document.block", OBJECT, child="block")
    for path, child in _LISTS.items():
        yield _special(path, OBJECTS, child=child)
    yield _special("log.topics", TOPICS)
    for name in TOPIC_NAMES:
        yield _slot(f"log.{name}", "hash", required=False, key=False)
    for table in BLOCK_TABLES:
        for column in json_columns_of(table):
            if _is_plain(column, table.name):
                path = column.json_path
                required = not column.nullable or path in _ALSO_REQUIRED
                yield _slot(path, column.kind, required=required)
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

_INT = np.int64
# One row a slot. The kernel reads the first five and changes the others; `values` and `offsets` are
# addresses of buffers, `fill` is how far the first is filled, `next` guesses the key that follows.
SLOT_FIELDS = np.dtype(
    [(name, _INT) for name in ("code", "width", "child", "bit", "key_length")]
    + [(name, _INT) for name in ("values", "offsets", "fill", "saved_fill", "next")]
)
# One row a kind. `first` to `numbers_end` are places of slots; `required`, `defaulted` masks;
# `masks` is the address of the rows' masks. `guess` to `present` belong to the object being read:
# the slot its next key should have, that of its last key, the keys it has, those that are not null.
KIND_FIELDS = np.dtype(
    [(name, _INT) for name in ("first", "appending_end", "numbers_end", "end")]
    + [(name, _INT) for name in ("required", "defaulted", "numbers", "parent", "parent_slot")]
    + [(name, _INT) for name in ("masks", "row_limit", "rows", "saved_rows")]
    + [(name, _INT) for name in ("first_key", "guess", "slot", "seen", "present")]
)


def slot_table() -> Any:
    """A fresh SLOT_FIELDS array, addresses still missing."""
    table = np.zeros(len(SLOTS), SLOT_FIELDS)
    kinds = kind_table()
    for index, (slot, row) in enumerate(zip(SLOTS, table, strict=True)):
        row["code"], row["width"], row["child"] = slot.code, slot.width, slot.child
        row["bit"] = 1 << (index - kinds[slot.kind]["first"])
        row["key_length"] = len(slot.text) + 2
        row["next"] = index
    return table


def kind_table() -> Any:
    """A fresh KIND_FIELDS array, addresses and limits still missing."""
    table = np.zeros(len(KINDS), KIND_FIELDS)
    for kind, row in enumerate(table):
        own = [slot for slot in SLOTS if slot.kind == kind]
        first = SLOTS.index(own[0])
        groups = [_group(slot.code) for slot in own]
        row["first"] = row["first_key"] = first
        row["appending_end"] = first + groups.count(0)
        row["numbers_end"] = row["appending_end"] + groups.count(1)
        row["end"] = first + len(own)
        for bit, slot in enumerate(own):
            row["required"] |= slot.required << bit
            row["defaulted"] |= slot.defaulted << bit
            row["numbers"] |= (slot.code in NUMBER_BYTES) << bit
        for index, slot in enumerate(SLOTS):
            if slot.code in (OBJECTS, OBJECT) and slot.child == kind:
                row["parent"], row["parent_slot"] = slot.kind, index
    return table


def bit_of(path: str) -> int:
    """The bit of a slot in the masks of its kind."""
    return int(slot_table()[SLOT_OF[path]]["bit"])


def key_texts() -> Any:
    """The text of each slot's key, its quote and its colon, as rows of KEY_BYTES bytes."""
    texts = np.zeros((len(SLOTS), KEY_BYTES), np.uint8)
    for slot, row in zip(SLOTS, texts, strict=True):
        if slot.text:
            text = f'{slot.text}":'.encode()
            row[: len(text)] = np.frombuffer(text, np.uint8)
    return texts


def bucket_table() -> Any:
    """`[kind, bucket of the key]` is the key's slot or -1; a taken bucket's key is in the next."""
    table = np.full((len(KINDS), BUCKETS), -1, np.int64)
    for index, slot in enumerate(SLOTS):
        if slot.text:
            bucket = key_bucket(slot.text.encode())
            while table[slot.kind, bucket] >= 0:
                bucket = (bucket + 1) % BUCKETS
            table[slot.kind, bucket] = index
    return table


def key_bucket(key: bytes) -> int:
    """The bucket of a key: a hash of its length and its first and last 8 bytes."""
    first = int.from_bytes(key[:8], "little")
    last = int.from_bytes(key[-8:], "little") if len(key) >= 8 else 0
    return ((first * FIRST_FACTOR + last * LAST_FACTOR + len(key)) >> 56) % BUCKETS
