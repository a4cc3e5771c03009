"""Objects as rows: what happens when one begins and ends, and how a document is taken back.

An object becomes the next row of its kind when its brace closes. Until its whole document is read
and found right, its rows can be taken back: `rows` and `fill` are set to where they stood before.
"""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import (
    AMOUNT,
    AUTHORIZATION,
    BLOCK,
    LOG,
    RECEIPT,
    SLOT_OF,
    TRANSACTION,
    bit_of,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    inlined,
    load_8_bytes,
    store_4_bytes,
    store_8_bytes,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import NOTHING, Work

_BLOCK_NUMBER, _BLOCK_HASH = SLOT_OF["block.number"], SLOT_OF["block.hash"]
_TRANSACTION_HASH = SLOT_OF["transaction.hash"]
_RECEIPT_HASH, _LOG_HASH = SLOT_OF["receipt.transactionHash"], SLOT_OF["log.transactionHash"]
_PARITY = bit_of("transaction.authorizationList.yParity")
_V = bit_of("transaction.authorizationList.v")
_RECEIPTS = bit_of("document.receipts")


@inlined
def open_row(work: Work, kind: int) -> bool:
    """Begin an object of `kind`, or false where there is no room for its row."""
    fields = work.kinds[kind]
    fields.seen = fields.present = 0
    fields.slot = NOTHING
    fields.guess = fields.first_key
    return bool(fields.rows < fields.row_limit)


@compiled
def close_row(work: Work, kind: int) -> bool:
    """Make the object a row, or false where it is not right by itself or beside the others."""
    fields = work.kinds[kind]
    row = fields.rows
    # A default stands in for a key that is not there; a null is such a key.
    present = fields.present | (fields.defaulted & ~fields.seen)
    if fields.required & ~present:
        return False
    if kind == AUTHORIZATION:
        # Two names of one value. Where both are given, the strict reader knows which counts.
        named = fields.seen & (_PARITY | _V)
        if named == 0 or named == _PARITY | _V or fields.present & named == 0:
            return False
    end_row(work, kind, present)
    if kind == RECEIPT:
        return _same_hash(work, _RECEIPT_HASH, row, row)
    if kind == LOG:
        return _same_hash(work, _LOG_HASH, row, work.kinds[RECEIPT].rows)
    return True


@compiled
def end_row(work: Work, kind: int, present: int) -> None:
    """Note where the values of the row end and which there are; numbers not there become zero."""
    fields = work.kinds[kind]
    row = fields.rows
    # What lies in the buffer is from another row.
    missing = fields.numbers & ~fields.present
    while missing:
        slot = work.slots[fields.first + trailing_zeros(missing)]
        missing &= missing - 1
        if slot.code == AMOUNT:
            store_8_bytes(slot.values + 16 * row, 0)
            store_8_bytes(slot.values + 16 * row + 8, 0)
        else:
            store_8_bytes(slot.values + 8 * row, 0)
    for index in range(fields.first, fields.appending_end):
        store_4_bytes(work.slots[index].offsets + 4 * (row + 1), work.slots[index].fill)
    store_8_bytes(fields.masks + 8 * row, present)
    fields.rows = row + 1


@inlined
def _same_hash(work: Work, slot: int, row: int, transaction: int) -> bool:
    """Whether the hash in `row` of `slot` is that of the transaction, which must be there."""
    if transaction >= work.kinds[TRANSACTION].rows:
        return False
    wanted = work.slots[_TRANSACTION_HASH].values + 32 * transaction
    return _equal_hash(work.slots[slot].values + 32 * row, wanted)


@inlined
def _equal_hash(left: int, right: int) -> bool:
    difference = 0
    for at in range(0, 32, 8):
        difference |= load_8_bytes(left + at) ^ load_8_bytes(right + at)
    return difference == 0


@compiled
def close_document(work: Work, present: int, number: int, hash_: int) -> bool:
    """Whether the block is number `number` with the hash at `hash_`, and its receipts are all."""
    row = work.kinds[BLOCK].rows - 1
    if load_8_bytes(work.slots[_BLOCK_NUMBER].values + 8 * row) != number:
        return False
    if not _equal_hash(work.slots[_BLOCK_HASH].values + 32 * row, hash_):
        return False
    if present & _RECEIPTS == 0:
        # The rows of receipts stand beside those of transactions, also where there are none.
        work.kinds[RECEIPT].present = 0
        while work.kinds[RECEIPT].rows < work.kinds[TRANSACTION].rows:
            end_row(work, RECEIPT, 0)
    return bool(work.kinds[RECEIPT].rows == work.kinds[TRANSACTION].rows)


@compiled
def save_document(work: Work) -> None:
    """Note where the rows of the document that follows begin."""
    for slot in work.slots:
        slot.saved_fill = slot.fill
    for kind in work.kinds:
        kind.saved_rows = kind.rows


@compiled
def undo_document(work: Work) -> None:
    """Take back the rows since save_document."""
    for slot in work.slots:
        slot.fill = slot.saved_fill
    for kind in work.kinds:
        kind.rows = kind.saved_rows
