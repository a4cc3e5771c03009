"""What a receipt says that follows from what the roots cover, where a chain keeps Ethereum's rules.

    effective gas price   gas price, or min(max fee, base fee + max priority fee)   EIP-1559
    gas price             the same, or the max fee, where no effective one is said
    contract address      keccak(rlp([sender, nonce]))[12:] of a creation           yellow paper, 7
    blob gas used         2^17 for each blob                                        EIP-4844
    blob gas price        e^(the block's excess blob gas / a fork's fraction)       EIP-4844, 7691

No root covers these, and fees are made of three of them. What the source left out is not
missed, and of types beside Ethereum's own only a deposit's contract is looked at (0x7e).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.derived import blob_gas_price, created_address
from chain_assets.core.proofs.batch import Longs, Mask, ProofBatch, integers
from chain_assets.core.proofs.columns import fixed_rows
from chain_assets.core.proofs.encodings import DEPOSIT
from chain_assets.core.words import limbs_from_words

_LAST_TYPE, _LAST_WITH_ONE_PRICE = 4, 1
_BLOBS, _GAS_OF_A_BLOB = 3, 1 << 17
_PRICES = ("effective_gas_price", "gas_price", "max_fee_per_gas", "max_priority_fee_per_gas")
_CREATED = ("type", "from_address", "nonce", "to_address", "contract_address", "deposit_nonce")
_NOBODY = bytes(20)
# e^87 has 38 digits.
_MOST_FRACTIONS = 87


def derived_checks(batch: ProofBatch) -> Iterator[tuple[Mask, str]]:
    """(bad transactions, reason) of each check; nothing on chains whose rules are not known."""
    since = batch.rules.ethereum_since
    if since is None:
        return
    table, kinds = batch.transactions, integers(batch.transactions["type"])
    reached = integers(table["block_number"]) >= since
    ours = reached & ~batch.state_sync & (kinds <= _LAST_TYPE)
    wrong = _wrong_prices(batch, ours, kinds)
    yield wrong, "transaction {0}: the effective gas price is not what its fees and the block give"
    deposits = reached & (kinds == DEPOSIT)
    wrong = _wrong_addresses(table, ours | deposits)
    yield wrong, "transaction {0}: the contract address is not that of its sender and nonce"
    blobs = pc.multiply(pc.list_value_length(table["blob_versioned_hashes"]), _GAS_OF_A_BLOB)
    differs = pc.fill_null(pc.not_equal(blobs, table["blob_gas_used"]), False).to_numpy()
    # The OP Stack says of other types how much data they are (Jovian), under the same name.
    yield (
        ours & differs & (kinds == _BLOBS),
        "transaction {0}: the blob gas used is not that of its blobs",
    )
    wrong = _wrong_blob_prices(batch, ours & (kinds == _BLOBS))
    yield wrong, "transaction {0}: the blob gas price is not what the block gives"


def _wrong_prices(batch: ProofBatch, ours: Mask, kinds: Longs) -> Mask:
    """In 64 bits for all rows at once; what differs then, or may not fit, once more row by row."""
    wrong = np.zeros(len(kinds), np.bool_)
    table, base = batch.transactions.select(_PRICES), batch.blocks["base_fee_per_gas"]
    supplied = table["effective_gas_price"].is_valid().to_numpy()
    # Fees are made of the gas price where no effective one is said; later types do not hash it.
    instead = batch.has_receipts[batch.transaction_owners] & ~supplied
    instead &= (kinds > _LAST_WITH_ONE_PRICE) & table["gas_price"].is_valid().to_numpy()
    if not (supplied | instead).any():
        return wrong
    columns = [_halves(table[name]) for name in _PRICES]
    low, high = np.stack([*columns, _halves(base)[batch.transaction_owners]]).transpose(2, 0, 1)
    effective, price, cap, tip, floor = low
    paid = np.where(supplied, effective, price)
    derived = np.where(kinds <= _LAST_WITH_ONE_PRICE, price, np.minimum(cap, tip + floor))
    # Of such a size two may wrap when they are added.
    large = ((high != 0) | (low >= 1 << 63)).any(axis=0)
    rows = np.flatnonzero(ours & (supplied | instead) & (large | (paid != derived)))
    bases = base.take(pa.array(batch.transaction_owners[rows])).to_pylist()
    for row, said, fee in zip(rows.tolist(), table.take(rows).to_pylist(), bases, strict=True):
        right = _price(said, fee, one_price=bool(kinds[row] <= _LAST_WITH_ONE_PRICE))
        if supplied[row]:
            wrong[row] = right is not None and said["effective_gas_price"] != right
        else:
            # Some nodes gave the most that is paid as the price.
            wrong[row] = right not in (None, _whole(said["gas_price"])) and (
                said["gas_price"] != said["max_fee_per_gas"]
            )
    return wrong


def _price(said: dict[str, Any], base: Any, *, one_price: bool) -> int | None:
    """Wei per gas; None where the source did not supply what it is made of."""
    _, price, cap, tip = (said[name] for name in _PRICES)
    parts = (price,) if one_price else (cap, tip, base)
    whole = [_whole(part) for part in parts if part is not None]
    if len(whole) < len(parts):
        return None
    return whole[0] if one_price else min(whole[0], whole[1] + whole[2])


def _whole(amount: Any) -> int:
    # Sums of Decimals are rounded to 28 digits.
    return int.from_bytes(amount, "big") if isinstance(amount, bytes) else int(amount)


def _halves(column: Any) -> npt.NDArray[np.uint64]:
    """`(n, 2)`: the low 64 bits of each amount, and others that are not 0 where any beside them is
    not; anything for NULL."""
    array = column.combine_chunks()
    if pa.types.is_binary(array.type):
        limbs = limbs_from_words(fixed_rows(array, 32)[0])
        return np.stack([limbs[:, 3], np.bitwise_or.reduce(limbs[:, :3], axis=1)], axis=1)
    words = np.frombuffer(array.buffers()[1], np.uint64)[2 * array.offset :]
    return words[: 2 * len(array)].reshape(-1, 2)


def _wrong_blob_prices(batch: ProofBatch, of_blobs: Mask) -> Mask:
    wrong = np.zeros(len(of_blobs), np.bool_)
    rows = np.flatnonzero(of_blobs)
    said = batch.transactions["blob_gas_price"].take(rows).to_pylist()
    header = batch.blocks.select(["timestamp", "excess_blob_gas"])
    headers = header.take(batch.transaction_owners[rows]).to_pylist()
    for row, price, block in zip(rows.tolist(), said, headers, strict=True):
        excess, fraction = block["excess_blob_gas"], batch.rules.blob_fraction(block["timestamp"])
        if price is None or excess is None or fraction is None:
            continue
        # A made-up header may say any excess, and the sum would never end.
        if excess < _MOST_FRACTIONS * fraction:
            wrong[row] = int(price) != blob_gas_price(excess, fraction)
    return wrong


def _wrong_addresses(table: pa.Table, these: Mask) -> Mask:
    """Of calls with a contract address too; some nodes give them that of nobody."""
    wrong = np.zeros(table.num_rows, np.bool_)
    rows = np.flatnonzero(these & table["contract_address"].is_valid().to_numpy())
    for row, each in zip(rows.tolist(), table.select(_CREATED).take(rows).to_pylist(), strict=True):
        # A deposit has the nonce in its receipt, since Regolith.
        nonce = each["deposit_nonce"] if each["type"] == DEPOSIT else each["nonce"]
        if each["to_address"] is not None:
            wrong[row] = each["contract_address"] != _NOBODY
        elif nonce is not None:
            wrong[row] = each["contract_address"] != created_address(each["from_address"], nonce)
    return wrong
