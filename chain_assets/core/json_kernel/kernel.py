"""One pass over the text of each document: keys to slots, values to buffers.

    for each document           read_documents
      until its last brace      read_document
        a key → its slot          find_slot   (guessed from the key before, else by hash)
        its value → a buffer      values.py
        the objects it closes     close_object, rows.py

A document is taken wholly or declined, and is declined wherever it is not of the plain sort that
nodes write: a declined one costs time and nothing else, a wrong one taken would be a wrong row.
"""

from __future__ import annotations

from typing import Any

from chain_assets.core.json_kernel.layout import (
    AUTHORIZATION,
    BLOCK,
    DOCUMENT,
    KEY_BYTES,
    KINDS,
    LOG,
    OBJECT,
    OBJECTS,
    RECEIPT,
    SKIPPED,
    SLOT_OF,
    SLOTS,
    TOPICS,
    TRANSACTION,
)
from chain_assets.core.json_kernel.rows import (
    close_row,
    keep_document,
    note_unknown,
    same_hash,
    save_document,
    undo_document,
)
from chain_assets.core.json_kernel.scan import (
    BUCKETS,
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    DECLINED,
    GUARD,
    NULL,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    bucket_of,
    has_key,
    in_window,
    skip_value,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    inlined,
    load_4_bytes,
    load_8_bytes,
    load_byte,
    plain_mask,
    store_byte,
    trailing_zeros,
)
from chain_assets.core.json_kernel.values import read_topics, read_value

_UNKNOWN_KEY = -1
_BLOCK_NUMBER, _BLOCK_HASH = SLOT_OF["block.number"], SLOT_OF["block.hash"]
_TRANSACTION_HASH = SLOT_OF["transaction.hash"]
_RECEIPT_HASH, _LOG_HASH = SLOT_OF["receipt.transactionHash"], SLOT_OF["log.transactionHash"]
_FIRST_TOPIC = SLOT_OF["log.topic0"]


def _bit(path: str) -> int:
    first = min(i for i, slot in enumerate(SLOTS) if slot.kind == SLOTS[SLOT_OF[path]].kind)
    return 1 << (SLOT_OF[path] - first)


_DOCUMENT_BLOCK, _DOCUMENT_RECEIPTS = _bit("document.block"), _bit("document.receipts")
_TOPIC_BITS = _bit("log.topic0")
_PARITY = _bit("transaction.authorizationList.yParity")
_V = _bit("transaction.authorizationList.v")


@compiled
def find_slot(position: int, kind: int, buckets: Any, keys: int, slots: Any) -> int:
    """The slot of the key at `position` (behind its quote), or _UNKNOWN_KEY."""
    length = trailing_zeros(~plain_mask(position))
    bucket = bucket_of(position, length)
    while True:
        slot = buckets[kind, bucket]
        if slot < 0:
            return _UNKNOWN_KEY
        if has_key(position, keys + slot * KEY_BYTES, slots[slot].key_length):
            return int(slot)
        bucket = (bucket + 1) & (BUCKETS - 1)


@compiled
def close_object(slots: Any, kinds: Any, kind: int, seen: int, present: int) -> bool:
    """Make the object a row after the checks between objects, or false."""
    row = kinds[kind].rows
    if kind == AUTHORIZATION:
        # Either of two keys for one value; of both the strict reader knows which counts.
        if (present & _PARITY != 0) == (present & _V != 0):
            return False
        if seen & _PARITY and seen & _V:
            return False
    if not close_row(slots, kinds, kind, seen, present):
        return False
    if kind == RECEIPT:
        return row < kinds[TRANSACTION].rows and same_hash(
            slots, _RECEIPT_HASH, row, _TRANSACTION_HASH, row
        )
    if kind == LOG:
        receipt = kinds[RECEIPT].rows
        return receipt < kinds[TRANSACTION].rows and same_hash(
            slots, _LOG_HASH, row, _TRANSACTION_HASH, receipt
        )
    return True


@compiled
def close_document(slots: Any, kinds: Any, number: int, hash_: int, present: int) -> bool:
    """Whether the block is number `number` with the hash at `hash_`, and its receipts are all."""
    row = kinds[BLOCK].rows - 1
    if load_8_bytes(slots[_BLOCK_NUMBER].values + 8 * row) != number:
        return False
    for at in range(0, 32, 8):
        wanted = load_8_bytes(hash_ + at)
        if load_8_bytes(slots[_BLOCK_HASH].values + 32 * row + at) != wanted:
            return False
    if present & _DOCUMENT_RECEIPTS == 0:
        # Rows of receipts stand beside those of transactions, also where there are none.
        required = kinds[RECEIPT].required
        kinds[RECEIPT].required = 0
        while kinds[RECEIPT].rows < kinds[TRANSACTION].rows:
            close_row(slots, kinds, RECEIPT, 0, 0)
        kinds[RECEIPT].required = required
    return bool(kinds[RECEIPT].rows == kinds[TRANSACTION].rows)


@compiled
def read_document(
    position: int,
    window: Any,
    number: int,
    hash_: int,
    slots: Any,
    kinds: Any,
    keys: int,
    buckets: Any,
    unknown: Any,
    unknown_address: int,
    serial: int,
) -> int:
    """Read one document; the position behind it, or DECLINED."""
    position = in_window(position, window)
    if load_byte(position) != OPEN_OBJECT:
        return DECLINED
    position += 1
    kind, seen, present, own_serial = DOCUMENT, 0, 0, serial
    slot, guess = -1, kinds[DOCUMENT].first_key
    while True:
        # A key and its colon.
        position = in_window(position, window)
        if load_byte(position) != QUOTE:
            return DECLINED
        position += 1
        if has_key(position, keys + guess * KEY_BYTES, slots[guess].key_length):
            found = guess
        else:
            found = find_slot(position, kind, buckets, keys, slots)
            if found >= 0:
                if slot < 0:
                    kinds[kind].first_key = found
                else:
                    slots[slot].next = found
        if found < 0:
            length = note_unknown(unknown, unknown_address, position, kind, own_serial)
            if length < 0:
                return DECLINED
            position = skip_value(position + length + 2, window)
        else:
            slot = found
            guess = slots[slot].next
            position += slots[slot].key_length
            bit = slots[slot].bit
            if seen & bit:
                return DECLINED
            seen |= bit
            code = slots[slot].code
            if code == SKIPPED:
                position = skip_value(position, window)
            elif load_4_bytes(position) == NULL:
                position += 4
            else:
                present |= bit
                if code == TOPICS:
                    position, topics = read_topics(position, slots, _FIRST_TOPIC)
                    present |= ((1 << topics) - 1) * _TOPIC_BITS
                elif code == OBJECTS or code == OBJECT:
                    child = slots[slot].child
                    if code == OBJECT:
                        opened = load_byte(position) == OPEN_OBJECT
                        position += 1
                    else:
                        if load_byte(position) != OPEN_LIST:
                            return DECLINED
                        opened = load_byte(position + 1) == OPEN_OBJECT
                        if not opened and load_byte(position + 1) != CLOSE_LIST:
                            return DECLINED
                        position += 2
                    if child == RECEIPT and kinds[DOCUMENT].rows < 0:
                        return DECLINED
                    if code == OBJECT and not opened:
                        return DECLINED
                    if opened:
                        if kinds[child].rows >= kinds[child].row_limit:
                            return DECLINED
                        kinds[kind].seen, kinds[kind].present = seen, present
                        kinds[kind].serial = own_serial
                        serial += 1
                        kind, seen, present, own_serial = child, 0, 0, serial
                        slot, guess = -1, kinds[kind].first_key
                        continue
                else:
                    position = read_value(
                        position, window, slots, slot, kind, kinds[kind].rows
                    )
        if position == DECLINED:
            return DECLINED
        # What follows a value: the next key, or the end of one or more objects.
        while True:
            end = load_byte(position)
            position += 1
            if end == COMMA:
                break
            if end != CLOSE_OBJECT:
                return DECLINED
            if not close_object(slots, kinds, kind, seen, present):
                return DECLINED
            if kind == DOCUMENT:
                done = close_document(slots, kinds, number, hash_, present)
                return position if done else DECLINED
            end = load_byte(position)
            parent_slot = kinds[kind].parent_slot
            if slots[parent_slot].code == OBJECTS:
                position += 1
                if end == COMMA:
                    # The next object of the list.
                    if load_byte(position) != OPEN_OBJECT:
                        return DECLINED
                    position += 1
                    if kinds[kind].rows >= kinds[kind].row_limit:
                        return DECLINED
                    serial += 1
                    seen, present, own_serial = 0, 0, serial
                    slot, guess = -1, kinds[kind].first_key
                    break
                if end != CLOSE_LIST:
                    return DECLINED
            slots[parent_slot].fill = kinds[kind].rows
            kind = kinds[kind].parent
            seen, present = kinds[kind].seen, kinds[kind].present
            own_serial = kinds[kind].serial
            slot = parent_slot
            guess = slots[slot].next
