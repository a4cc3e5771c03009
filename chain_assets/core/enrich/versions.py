"""Which enricher and which reference rows a block was, or would be, enriched with."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.enrich.reference import ReferenceTables, reference_digest

# Bump it when enriched rows change for the same decoded and reference rows.
ENRICHER = "3"


def enricher_versions(
    timestamps: pa.Array, reference: ReferenceTables, *, max_price_age: int
) -> list[str]:
    """The enricher_version of blocks made at `timestamps` (UTC, microseconds), one each.

    It covers the labels, the tokens, and just those prices that are of use to the block: at its
    time or at most `max_price_age` seconds before. A new price leaves older blocks as they are.
    """
    if not len(timestamps):
        return []
    prices = reference.prices.sort_by("price_at")
    times = prices["price_at"].cast(pa.int64()).to_numpy()
    blocks = np.asarray(timestamps.cast(pa.int64()))
    lows = np.searchsorted(times, blocks - max_price_age * 1_000_000, side="left")
    highs = np.searchsorted(times, blocks, side="right")
    first, last = lows.min(), highs.max()
    sums = _running_sums(prices.slice(first, last - first))
    everywhere = _everywhere(reference)
    windows = zip(lows - first, highs - first, strict=True)
    return [_version(everywhere, sums[high] - sums[low]) for low, high in windows]


def _everywhere(reference: ReferenceTables) -> str:
    """The digest of what counts for all blocks."""
    prices = reference.prices.slice(0, 0)
    return reference_digest(ReferenceTables(reference.labels, reference.tokens, prices))


def _running_sums(prices: pa.Table) -> npt.NDArray[np.uint64]:
    """Row n: the sum of the first n rows' SHA-256, word by word and modulo 2^64.

    The difference of two rows stands for the prices between them, in whatever order: blocks of
    one range see many windows of prices that overlap, and none is hashed twice.
    """
    whole = [prices[name].cast(pa.int64()).to_pylist() for name in ("price_at", "as_of")]
    others = [prices[name].to_pylist() for name in ("token_address", "price_usd", "source")]
    rows = zip(*whole, *others, strict=True)
    digests = b"".join(sha256(repr(row).encode()).digest() for row in rows)
    words = np.frombuffer(digests, "<u8").astype(np.uint64).reshape(-1, 4)
    return np.vstack([np.zeros((1, 4), np.uint64), np.cumsum(words, axis=0, dtype=np.uint64)])


def _version(everywhere: str, prices: npt.NDArray[np.uint64]) -> str:
    digest = sha256(everywhere.encode() + prices.astype("<u8").tobytes()).hexdigest()
    return f"{ENRICHER}+{digest[:12]}"
