"""The enriched rows of one block, from the slow route's decoded rows and plain reference rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

from chain_assets_tests.slow_route.readers import Row

_BLOB_TRANSACTION, _OP_DEPOSIT, _LAST_OF_ETHEREUM = 3, 0x7E, 4
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)

Decoded = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Reference:
    """Rows of entity_labels, token_metadata and token_prices of one chain, and its settings."""

    labels: Sequence[Row]
    tokens: Sequence[Row]
    prices: Sequence[Row]
    native_decimals: int
    max_price_age: int

    @cached_property
    def _labels(self) -> dict[Any, list[Row]]:
        return _grouped(self.labels, "address")

    @cached_property
    def _tokens(self) -> dict[Any, list[Row]]:
        return _grouped(self.tokens, "address")

    @cached_property
    def _prices(self) -> dict[Any, list[Row]]:
        return _grouped(self.prices, "token_address")

    def label(self, address: bytes | None) -> str | None:
        row = _newest(self._labels.get(address, ()))
        return None if row is None else str(row["label"])

    def token(self, address: bytes) -> Row | None:
        return _newest(self._tokens.get(address, ()))

    def price(self, address: bytes | None, at: datetime) -> tuple[Any, Any, Any]:
        """USD, source and time of the newest price at `at` or before; None for the native token."""
        known = [row for row in self._prices.get(address, ()) if row["price_at"] <= at]
        if not known:
            return None, None, None
        newest = max(row["price_at"] for row in known)
        if at - newest > timedelta(seconds=self.max_price_age):
            return None, None, None
        row = _newest(row for row in known if row["price_at"] == newest)
        assert row is not None
        return row["price_usd"], row["source"], row["price_at"]


def _grouped(rows: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _newest(rows: Iterable[Row]) -> Row | None:
    """The last by `as_of` (none is the least), then by source, then by what it says."""
    return max(rows, key=_age, default=None)


def _age(row: Row) -> tuple[Any, ...]:
    rest = [row[name] for name in row if name not in ("as_of", "source", "address")]
    ordered = [(value is not None, value) for value in rest if not isinstance(value, datetime)]
    return (row["as_of"] or _EPOCH, row["source"], ordered)


def token_transfers(decoded: Decoded, reference: Reference) -> list[Row]:
    """The rows of `enriched_token_transfers`."""
    return [_transfer(row, reference) for row in decoded["decoded_token_transfers"]]


def _transfer(row: Row, reference: Reference) -> Row:
    token = reference.token(row["token_address"])
    value = int.from_bytes(row["value_raw"], "big")
    amount = None
    if token is not None and row["standard"] == "erc20":
        amount = _whole_tokens(value, token["decimals"])
    price, source, at = reference.price(row["token_address"], row["block_timestamp"])
    kept = {k: v for k, v in row.items() if k not in ("operator", "token_id", "value")}
    return {
        **kept,
        "token_symbol": token and token["symbol"],
        "token_decimals": token and token["decimals"],
        "from_label": reference.label(row["from_address"]),
        "to_label": reference.label(row["to_address"]),
        "amount": amount,
        "amount_usd": _product(amount, price),
        "price_usd": price,
        "price_source": source,
        "price_at": at,
    }


def _whole_tokens(value: int, decimals: int) -> Decimal | None:
    """Exact with 18 digits behind the point and 20 before it, or None."""
    units, lost = divmod(value * 10**18, 10**decimals)
    if lost or units >= 10**38:
        return None
    return _shifted(units, 18)


def _shifted(units: int, places: int) -> Decimal:
    with localcontext(prec=80):
        return Decimal(units).scaleb(-places)


def _product(amount: Decimal | None, price: float | None) -> float | None:
    return None if amount is None or price is None else float(amount) * price


def transactions(decoded: Decoded, reference: Reference) -> list[Row]:
    """The rows of `enriched_transactions`."""
    functions = {row["transaction_hash"]: row["function"] for row in decoded["decoded_calls"]}
    return [
        _transaction(row, functions.get(row["hash"]), reference, _is_jovian(decoded))
        for row in decoded["decoded_transactions"]
    ]


_KEPT = (
    *("block_number", "block_hash", "block_timestamp", "hash", "transaction_index"),
    *("from_address", "to_address", "status", "value", "value_raw"),
)


def _is_jovian(decoded: Decoded) -> bool:
    """The OP Stack's headers since then have 17 bytes of extra data, of version 1."""
    (block,) = decoded["decoded_blocks"]
    extra = block["extra_data"] or b""
    return len(extra) == 17 and extra.startswith(b"\x01")


def _transaction(row: Row, function: str | None, reference: Reference, jovian: bool) -> Row:
    price, source, at = reference.price(None, row["block_timestamp"])
    fee = _fee(row, jovian)
    return {
        **{name: row[name] for name in _KEPT},
        "from_label": reference.label(row["from_address"]),
        "to_label": reference.label(row["to_address"]),
        "function": function,
        "value_usd": None
        if row["value"] is None
        else _product(_shifted(int(row["value"]), reference.native_decimals), price),
        "fee": None if fee is None else Decimal(fee),
        "fee_usd": None
        if fee is None
        else _product(_shifted(fee, reference.native_decimals), price),
        "native_price_usd": price,
        "price_source": source,
        "price_at": at,
    }


def _gas_price(row: Row) -> int | None:
    """Wei per gas: a deposit pays none, nor does another internal transaction that names none."""
    if row["fee_currency"] is not None:
        return None
    if row["type"] == _OP_DEPOSIT:
        return 0
    for name in ("effective_gas_price", "gas_price"):
        if row[name] is not None:
            return int(row[name])
    return 0 if row["type"] > _LAST_OF_ETHEREUM else None


def _fee(row: Row, jovian: bool) -> int | None:
    price = _gas_price(row)
    if row["gas_used"] is None or price is None:
        return None
    fee = int(row["gas_used"]) * price
    if row["type"] == _BLOB_TRANSACTION:
        if row["blob_gas_used"] is None or row["blob_gas_price"] is None:
            # Some nodes leave these out of their receipts, and the blobs were not free.
            return None
        fee += int(row["blob_gas_used"]) * int(row["blob_gas_price"])
    if row["type"] != _OP_DEPOSIT:
        fee += int(row["l1_fee"] or 0) + int(row["operator_fee_constant"] or 0)
        scaled = row["gas_used"] * (row["operator_fee_scalar"] or 0)
        fee += scaled * 100 if jovian else scaled // 10**6
    return fee


def blocks(decoded: Decoded, reference: Reference) -> list[Row]:
    """The rows of `enriched_blocks`; the decoded rows must all be of one block."""
    (row,) = decoded["decoded_blocks"]
    price, source, at = reference.price(None, row["timestamp"])
    base, known = row["base_fee_per_gas"], row["log_count"] is not None
    kept = ("number", "hash", "timestamp", "miner", "transaction_count", "gas_used", "gas_limit")
    return [
        {
            **{name: row[name] for name in (*kept, "base_fee_per_gas")},
            "miner_label": reference.label(row["miner"]),
            "token_transfer_count": len(decoded["decoded_token_transfers"]) if known else None,
            "burned_wei": None if base is None else Decimal(int(base) * row["gas_used"]),
            "priority_fees_wei": _priority_fees(decoded, int(base or 0)) if known else None,
            "native_price_usd": price,
            "price_source": source,
            "price_at": at,
        }
    ]


def _priority_fees(decoded: Decoded, base: int) -> Decimal | None:
    total = 0
    for row in decoded["decoded_transactions"]:
        price = _gas_price(row)
        if price is None:
            return None
        total += max(0, price - base) * int(row["gas_used"])
    return Decimal(total)
