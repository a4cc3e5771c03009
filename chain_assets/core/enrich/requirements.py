"""What a block must have before it is enriched, and which blocks lack it.

    native_price     the native token's price as of the block
    token_metadata   symbol and decimals of every token that moved in it
    labels           that there are labels at all

A key names what is missing, so that a block can be woken when it arrives: `price:native`,
`token:0x…`, `label`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.enrich.joins import column
from chain_assets.core.enrich.prices import NATIVE, PriceHistory
from chain_assets.core.enrich.reference import ReferenceTables
from chain_assets.core.requirement import Requirement

PRICE_KEY = "price:native"
LABEL_KEY = "label"


def token_key(address: bytes) -> str:
    """The key of a token's missing metadata."""
    return f"token:0x{address.hex()}"


def missing_keys(
    blocks: pa.Table,
    tokens_moved: pa.Table,
    reference: ReferenceTables,
    *,
    requires: Collection[Requirement],
    max_price_age: int,
) -> dict[int, tuple[str, ...]]:
    """The keys of what each block lacks, by number; blocks that lack nothing are left out.

    `blocks` has number and timestamp, `tokens_moved` block_number and token_address.
    """
    missing: dict[int, set[str]] = {}
    if "native_price" in requires:
        for number in _without_price(blocks, reference, max_price_age):
            missing.setdefault(number, set()).add(PRICE_KEY)
    if "token_metadata" in requires:
        known = column(reference.tokens, "address")
        unknown = pc.invert(pc.is_in(tokens_moved["token_address"], value_set=known))
        for row in tokens_moved.filter(unknown).to_pylist():
            missing.setdefault(row["block_number"], set()).add(token_key(row["token_address"]))
    if "labels" in requires and not len(reference.labels):
        for number in blocks["number"].to_pylist():
            missing.setdefault(number, set()).add(LABEL_KEY)
    return {number: tuple(sorted(keys)) for number, keys in missing.items()}


def reason_of(keys: Collection[str]) -> str:
    """`keys` for a person, the first few of them."""
    shown = sorted(keys)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return f"missing: {', '.join(shown[:3])}{more}"


def arrived_keys(
    wanted: Mapping[int, Collection[str]], reference: ReferenceTables
) -> frozenset[str]:
    """Those of the wanted keys that may be there now.

    Whether a price is right for a block only its next try can tell.
    """
    keys = {key for missing in wanted.values() for key in missing}
    there = {token_key(address) for address in reference.tokens["address"].to_pylist()}
    if len(reference.prices):
        there.add(PRICE_KEY)
    if len(reference.labels):
        there.add(LABEL_KEY)
    return frozenset(keys & there)


def _without_price(blocks: pa.Table, reference: ReferenceTables, max_age: int) -> list[int]:
    native = reference.prices.filter(pc.is_null(reference.prices["token_address"]))
    if not len(native) or not len(blocks):
        # A chain that nobody has prices for waits for none.
        return []
    # Neither does a block from before the first price.
    since = pc.min(native["price_at"])
    later = blocks.filter(pc.greater_equal(blocks["timestamp"], since))
    times = column(later, "timestamp")
    found = PriceHistory.of(native).as_of(
        pa.array([NATIVE] * len(later), pa.binary()), times, max_age=max_age
    )
    absent = pc.is_null(found["price_usd"])
    numbers: list[int] = later["number"].filter(absent).to_pylist()
    return numbers
