"""Objects as rows: what happens when one begins and ends, and how a document is taken back.

An object becomes the next row of its kind when its brace closes. Until its whole document is read
and found right, its rows can be taken back: `rows` and `fill` are set to where they stood before.
"""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import (
    AMOUNT,
    AUTHORIZATION,
    BLOCK,
    DOCUMENT,
    KINDS,
    LOG,
    RECEIPT,
    SLOT_OF,
    SLOTS,
    TRANSACTION,
    bit_of,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    get,
    inlined,
    load_8_bytes,
    put,
    store_4_bytes,
    store_8_bytes,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import (
    APPENDING_SLOTS,
    CODE,
    DEFAULTED,
    FILL,
    FIRST,
    FIRST_KEY,
    GUESS,
    HASH,
    LAST,
    MASKS,
    NOTHING,
    NUMBER,
    NUMBERS,
    OFFSETS,
    PRESENT,
    REQUIRED,
    ROW_LIMIT,
    ROWS,
    SAVED_FILL,
    SAVED_ROWS,
    SEEN,
    TRACKED,
    VALUES,
    kind_row,
    slot_row,
)

_KINDS, _SLOTS = len(KINDS), len(SLOTS)
_BLOCK_NUMBER, _BLOCK_HASH = SLOT_OF["block.number"], SLOT_OF["block.hash"]
_TRANSACTION_HASH = SLOT_OF["transaction.hash"]
_RECEIPT_HASH, _LOG_HASH = SLOT_OF["receipt.transactionHash"], SLOT_OF["log.transactionHash"]
_PARITY = bit_of("transaction.authorizationList.yParity")
_V = bit_of("transaction.authorizationList.v")
_RECEIPTS = bit_of("document.receipts")


@inlined
def open_row(work: int, kind: int) -> bool:
    """Begin an object of `kind`, or false where there is no room for its row."""
    fields = kind_row(work, kind)
    put(fields, SEEN, 0)
    put(fields, PRESENT, 0)
    put(fields, LAST, NOTHING)
    put(fields, GUESS, get(fields, FIRST_KEY))
    return get(fields, ROWS) < get(fields, ROW_LIMIT)


@compiled
def close_row(work: int, kind: int) -> bool:
    """Make the object a row, or false where it is not right by itself or beside the others."""
    fields = kind_row(work, kind)
    # A default stands in for a key that is not there, not for one with a null.
    present = get(fields, PRESENT) | (get(fields, DEFAULTED) & ~get(fields, SEEN))
    if get(fields, REQUIRED) & ~present:
        return False
    if kind == AUTHORIZATION:
        # Two names of one value. Where both are given, the strict reader knows which counts.
        named = get(fields, SEEN) & (_PARITY | _V)
        if named == 0 or named == _PARITY | _V or get(fields, PRESENT) & named == 0:
            return False
    end_row(work, kind, present)
    if kind == RECEIPT:
        return _same_hash(work, _RECEIPT_HASH, get(fields, ROWS) - 1)
    if kind == LOG:
        return _same_hash(work, _LOG_HASH, get(kind_row(work, RECEIPT), ROWS))
    return True


@compiled
def end_row(work: int, kind: int, present: int) -> None:
    """Note where the values of the row end and which there are; numbers not there become zero."""
    fields = kind_row(work, kind)
    row = get(fields, ROWS)
    if present & (get(fields, APPENDING_SLOTS) | get(fields, NUMBERS)) & ~get(fields, TRACKED):
        _track(work, fields, present)
    # What lies in the buffer is from another row.
    missing = get(fields, NUMBERS) & get(fields, TRACKED) & ~get(fields, PRESENT)
    while missing:
        _clear_number(slot_row(work, get(fields, FIRST) + trailing_zeros(missing)), row)
        missing &= missing - 1
    ending = get(fields, APPENDING_SLOTS) & get(fields, TRACKED)
    while ending:
        slot = slot_row(work, get(fields, FIRST) + trailing_zeros(ending))
        ending &= ending - 1
        store_4_bytes(get(slot, OFFSETS) + 4 * (row + 1), get(slot, FILL))
    store_8_bytes(get(fields, MASKS) + 8 * row, present)
    put(fields, ROWS, row + 1)


@compiled
def _track(work: int, fields: int, present: int) -> None:
    """Make up for the rows before this one in the slots that have their first value here.

    Most slots of a chain never have one, and a slot that every row sees to costs as much as a value
    that is read.
    """
    columns = get(fields, APPENDING_SLOTS) | get(fields, NUMBERS)
    fresh = present & columns & ~get(fields, TRACKED)
    put(fields, TRACKED, get(fields, TRACKED) | fresh)
    while fresh:
        place = trailing_zeros(fresh)
        slot = slot_row(work, get(fields, FIRST) + place)
        is_number = (get(fields, NUMBERS) >> place) & 1
        fresh &= fresh - 1
        for row in range(get(fields, ROWS)):
            if is_number:
                _clear_number(slot, row)
            else:
                store_4_bytes(get(slot, OFFSETS) + 4 * (row + 1), 0)


@inlined
def _clear_number(slot: int, row: int) -> None:
    if get(slot, CODE) == AMOUNT:
        store_8_bytes(get(slot, VALUES) + 16 * row, 0)
        store_8_bytes(get(slot, VALUES) + 16 * row + 8, 0)
    else:
        store_8_bytes(get(slot, VALUES) + 8 * row, 0)


@inlined
def _same_hash(work: int, slot: int, transaction: int) -> bool:
    """Whether the hash that the slot got last is that of the transaction, which must be there."""
    if transaction >= get(kind_row(work, TRANSACTION), ROWS):
        return False
    wanted = get(slot_row(work, _TRANSACTION_HASH), VALUES) + 32 * transaction
    found = slot_row(work, slot)
    # Not at 32 bytes a row: rows of receipts that are not there have none.
    return _equal_hash(get(found, VALUES) + get(found, FILL) - 32, wanted)


@inlined
def _equal_hash(left: int, right: int) -> bool:
    difference = 0
    for at in range(0, 32, 8):
        difference |= load_8_bytes(left + at) ^ load_8_bytes(right + at)
    return difference == 0


@compiled
def close_document(work: int, payload: int) -> bool:
    """Whether the block is the one that its PAYLOAD_ROW names, and its receipts are all."""
    row = get(kind_row(work, BLOCK), ROWS) - 1
    if load_8_bytes(get(slot_row(work, _BLOCK_NUMBER), VALUES) + 8 * row) != get(payload, NUMBER):
        return False
    if not _equal_hash(get(slot_row(work, _BLOCK_HASH), VALUES) + 32 * row, get(payload, HASH)):
        return False
    if get(kind_row(work, DOCUMENT), PRESENT) & _RECEIPTS == 0:
        # The rows of receipts stand beside those of transactions, also where there are none.
        put(kind_row(work, RECEIPT), PRESENT, 0)
        while get(kind_row(work, RECEIPT), ROWS) < get(kind_row(work, TRANSACTION), ROWS):
            end_row(work, RECEIPT, 0)
    return get(kind_row(work, RECEIPT), ROWS) == get(kind_row(work, TRANSACTION), ROWS)


@compiled
def save_document(work: int) -> None:
    """Note where the rows of the document that follows begin."""
    for index in range(_SLOTS):
        put(slot_row(work, index), SAVED_FILL, get(slot_row(work, index), FILL))
    for kind in range(_KINDS):
        put(kind_row(work, kind), SAVED_ROWS, get(kind_row(work, kind), ROWS))


@compiled
def undo_document(work: int) -> None:
    """Take back the rows since save_document."""
    for index in range(_SLOTS):
        put(slot_row(work, index), FILL, get(slot_row(work, index), SAVED_FILL))
    for kind in range(_KINDS):
        put(kind_row(work, kind), ROWS, get(kind_row(work, kind), SAVED_ROWS))
