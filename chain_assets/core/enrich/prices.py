"""The price as of a block: the newest one at its timestamp or before it.

A price from after the block would let the future into the past: the same block would be worth
something else each time it is enriched, and a backtest would know what nobody knew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.enrich.joins import column, latest_rows

Int64s = npt.NDArray[np.int64]

# Stands for the native token, which has no address.
NATIVE = b""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class PriceHistory:
    """Prices sorted by token, then time, one for each of both.

    `tokens` and `times` (µs) are the distinct ones, ascending; `keys` has for each price the
    number that places it among them, so that one binary search finds token and time at once.
    """

    prices: pa.Table
    tokens: pa.Array
    times: Int64s
    keys: Int64s

    @classmethod
    def of(cls, prices: pa.Table) -> PriceHistory:
        """Of the file columns of token_prices. Of two prices of a token at the same time the one
        counts that `latest_rows` takes: the last by `as_of`, then by `source`, then by price."""
        prices = latest_rows(prices, key=("token_address", "price_at"))
        addresses = pc.fill_null(column(prices, "token_address"), NATIVE)
        tokens = addresses.unique()
        at = _microseconds(column(prices, "price_at"))
        times = np.unique(at)
        codes = pc.index_in(addresses, value_set=tokens).to_numpy().astype(np.int64)
        return cls(prices, tokens, times, codes * len(times) + np.searchsorted(times, at))

    def as_of(self, tokens: pa.Array, at: pa.Array, *, max_age: int) -> pa.Table:
        """The price of each token (address, or NATIVE) at each time, a row for each.

        `price_usd`, `source` and `price_at` are NULL where there is no price at that time or
        before, and where the newest is more than `max_age` seconds older.
        """
        codes = pc.fill_null(pc.index_in(tokens, value_set=self.tokens), -1)
        token = codes.to_numpy(zero_copy_only=False).astype(np.int64)
        now = _microseconds(at)
        # -1 where all times are later: the key then falls to the token before, and is no match.
        time = np.searchsorted(self.times, now, side="right") - 1
        found = np.searchsorted(self.keys, token * len(self.times) + time, side="right") - 1
        known = (token >= 0) & (time >= 0) & (found >= 0)
        if len(self.keys):
            key = self.keys[found]
            age = now - self.times[key % len(self.times)]
            known &= (key // len(self.times) == token) & (age <= max_age * _MICROSECONDS)
        rows = pa.array(found, mask=~known)
        return self.prices.select(["price_usd", "source", "price_at"]).take(rows)


def _microseconds(times: pa.Array) -> Int64s:
    values: Int64s = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values
