"""Which enricher and which reference rows a block was, or would be, enriched with."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pyarrow as pa

from chain_assets.core.enrich.reference import ReferenceTables, reference_digest

# Bump it when enriched rows change for the same decoded and reference rows.
ENRICHER = "1"


def enricher_versions(
    timestamps: pa.Array, reference: ReferenceTables, *, max_price_age: int
) -> list[str]:
    """The enricher_version of blocks made at `timestamps` (UTC, microseconds), one each.

    It covers the labels, the tokens, and just those prices that are of use to the block: at its
    time or at most `max_price_age` seconds before. A new price leaves older blocks as they are.
    """
    prices = reference.prices.sort_by("price_at")
    times = prices["price_at"].cast(pa.int64()).to_numpy()
    blocks = np.asarray(timestamps.cast(pa.int64()))
    lows = np.searchsorted(times, blocks - max_price_age * 1_000_000, side="left")
    highs = np.searchsorted(times, blocks, side="right")
    windows: Sequence[tuple[int, int]] = list(zip(lows.tolist(), highs.tolist(), strict=True))
    digests = {
        (low, high): _digest(reference, prices.slice(low, high - low)) for low, high in set(windows)
    }
    return [f"{ENRICHER}+{digests[window]}" for window in windows]


def _digest(reference: ReferenceTables, prices: pa.Table) -> str:
    used = ReferenceTables(labels=reference.labels, tokens=reference.tokens, prices=prices)
    return sha256(reference_digest(used).encode()).hexdigest()[:12]
