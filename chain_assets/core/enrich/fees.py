"""What transactions paid and what became of it, in wei and exact.

    fee        gas_used · price  +  blob_gas_used · blob_gas_price  +  l1_fee  +  operator's
    operator's gas_used · scalar / 10^6 + constant; since Jovian gas_used · scalar · 100 + constant
    tip        gas_used · max(0, price - base fee)
    burned     gas_used · base fee

`price` is what the receipt calls effectiveGasPrice (EIP-1559: min(max fee, base fee + max priority
fee)); blobs are paid for by type 3 only (EIP-4844); l1_fee is the OP Stack's charge for data on
layer 1, and the operator's fee what comes on top since Isthmus (OP Stack specification, "Operator
Fee"; quotients are rounded down). On Celo the price is one in the token that the transaction names
(CIP-64), if it names one: such a fee is no amount of wei, and unknown here.

What has more than 38 digits is NULL. No chain has that much wei, but a made-up block may say so,
and must not stop those beside it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.enrich.joins import Positions, column
from chain_assets.core.schemas.columns import ARROW_TYPES

BLOB_TYPE = 3
# OP Stack specification, "Deposited Transaction Type": its gas is paid for on layer 1.
DEPOSIT_TYPE = 0x7E
# Types above Ethereum's own (EIP-7702 is type 4) are a chain's internal ones: where they name no
# price they pay none.
_LAST_ETHEREUM_TYPE = 4

_JOVIAN_BYTES = 17

_INTEGER = ARROW_TYPES["amount"]
_WIDE = pa.decimal256(38, 0)
_LIMIT = pa.scalar(10**38, pa.decimal256(39, 0))


def gas_price_paid(transactions: pa.Table) -> pa.Array:
    """Wei per gas, DECIMAL(38,0): effective_gas_price, else gas_price; NULL where neither is said.

    Before London both are the same thing, and of later transactions nodes put the effective price
    into gas_price too. Zero for deposits, and for internal transactions that name none; NULL where
    gas was paid in a token.
    """
    type_ = column(transactions, "type")
    said = pc.coalesce(
        column(transactions, "effective_gas_price"), column(transactions, "gas_price")
    )
    free = pc.and_(pc.is_null(said), pc.greater(type_, _LAST_ETHEREUM_TYPE))
    price = pc.if_else(pc.or_(free, pc.equal(type_, DEPOSIT_TYPE)), _zero(_INTEGER), said)
    in_token = pc.is_valid(column(transactions, "fee_currency"))
    return pc.if_else(in_token, pa.scalar(None, _INTEGER), price)


def transaction_fees(
    blocks: pa.Table, transactions: pa.Table, positions: Positions, price: pa.Array
) -> pa.Array:
    """Wei paid in all, DECIMAL(38,0); NULL without a receipt, or where it lacks a price.

    `positions` are the transactions' blocks.
    """
    type_ = column(transactions, "type")
    gas = pc.multiply(_wide(column(transactions, "gas_used")), _wide(price))
    blobs = pc.multiply(
        _wide(column(transactions, "blob_gas_used")), _wide(column(transactions, "blob_gas_price"))
    )
    # Other types pay for no blob, even where a layer 2 puts figures of its own into these fields.
    blobs = pc.if_else(pc.equal(type_, BLOB_TYPE), blobs, _zero(blobs.type))
    layer_1 = pc.fill_null(_wide(column(transactions, "l1_fee")), _zero(_WIDE))
    layer_1 = pc.if_else(pc.equal(type_, DEPOSIT_TYPE), _zero(_WIDE), layer_1)
    fees = _narrow(pc.add(pc.add(gas, blobs), layer_1))
    return _with_operator_fees(fees, blocks, transactions, positions)


def _with_operator_fees(
    fees: pa.Array, blocks: pa.Table, transactions: pa.Table, positions: Positions
) -> pa.Array:
    """`fees` with those of the operator: few chains have any, and Python's integers do it."""
    scalar, constant = (
        column(transactions, f"operator_fee_{part}") for part in ("scalar", "constant")
    )
    said = pc.or_(
        pc.fill_null(pc.greater(scalar, 0), False),
        pc.fill_null(pc.greater(constant, _zero(_INTEGER)), False),
    )
    owed = pc.and_(said, pc.not_equal(column(transactions, "type"), DEPOSIT_TYPE))
    if not pc.any(owed).as_py():
        return fees
    places = np.flatnonzero(owed.to_numpy(zero_copy_only=False))
    extra = column(blocks, "extra_data").take(pa.array(positions[places])).to_pylist()
    parts = (fees, column(transactions, "gas_used"), scalar, constant)
    rows = zip(*(part.take(pa.array(places)).to_pylist() for part in parts), extra, strict=True)
    return pc.replace_with_mask(fees, owed, pa.array([_operated(row) for row in rows], _INTEGER))


def _operated(row: tuple[Any, ...]) -> Decimal | None:
    fee, gas, scalar, constant, extra = row
    if fee is None or gas is None:
        return None
    scaled = gas * (scalar or 0)
    scaled = scaled * 100 if _is_jovian(extra) else scaled // 10**6
    total = int(fee) + scaled + int(constant or 0)
    return Decimal(total) if total < 10**38 else None


def _is_jovian(extra: bytes | None) -> bool:
    # The extra data of its headers have a version of their own and the least base fee behind.
    return extra is not None and len(extra) == _JOVIAN_BYTES and extra[0] == 1


def burned(blocks: pa.Table) -> pa.Array:
    """Base fee times gas used of each block; NULL before London."""
    wei = pc.multiply(_wide(column(blocks, "gas_used")), _wide(column(blocks, "base_fee_per_gas")))
    return _narrow(wei)


def priority_fees(
    blocks: pa.Table, transactions: pa.Table, positions: Positions, price: pa.Array
) -> pa.Array:
    """What each block's transactions paid above its base fee (0 before London), in all.

    `positions` are the transactions' blocks. NULL where the block has no receipts or a transaction
    of it no price; 0 where it has no transactions.
    """
    base = pc.fill_null(column(blocks, "base_fee_per_gas"), _zero(_INTEGER))
    above = pc.subtract(_wide(price), _wide(base.take(pa.array(positions))))
    tip = pc.max_element_wise(above, _zero(above.type), skip_nulls=False)
    wei = pc.multiply(tip, _wide(column(transactions, "gas_used")))
    sums = _sum_by_block(wei, positions, blocks=len(blocks))
    known = pc.is_valid(column(blocks, "log_count"))
    sums = pc.if_else(known, sums, pa.scalar(None, sums.type))
    return _narrow(sums)


def _sum_by_block(wei: pa.Array, positions: Positions, *, blocks: int) -> pa.Array:
    """The sum for each block: 0 where it has no row, NULL where one of its rows is NULL."""
    options = pc.ScalarAggregateOptions(skip_nulls=False, min_count=0)
    grouped = pa.table({"block": pa.array(positions), "wei": wei}).group_by("block")
    sums = grouped.aggregate([("wei", "sum", options)])
    place = pc.index_in(pa.array(np.arange(blocks)), value_set=column(sums, "block"))
    total = column(sums, "wei_sum").take(place)
    return pc.if_else(pc.is_null(place), _zero(total.type), total)


def _wide(values: pa.Array) -> pa.Array:
    """As 256-bit decimals: a product of 19 and 38 digits does not fit into 128 bits."""
    return values.cast(pa.decimal256(19, 0) if values.type == pa.int64() else _WIDE)


def _narrow(wei: pa.Array) -> pa.Array:
    """Back to DECIMAL(38,0): NULL where it does not fit."""
    fits = pc.less(wei, _LIMIT)
    return pc.if_else(fits, wei, pa.scalar(None, wei.type)).cast(_INTEGER)


def _zero(type_: pa.DataType) -> Any:
    return pa.scalar(0, pa.int64()).cast(type_)
