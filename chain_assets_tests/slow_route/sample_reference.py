"""Labels, tokens and prices made up for the addresses of some blocks, with every awkward case.

Some addresses have no label and some two; tokens have 0 to 36 decimals; prices lie before, at and
after each block, some too old, some twice for one time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.schemas import TABLES
from chain_assets_tests.slow_route import chain_rows, token_rows
from chain_assets_tests.slow_route.enriched_rows import Reference
from chain_assets_tests.slow_route.readers import Row
from chain_assets_tests.slow_route.real_blocks import RealBlock

_MAX_PRICE_AGE = 3600
_DECIMALS = (0, 2, 6, 8, 18, 19, 24, 36)
_OLD = datetime(2015, 1, 1, tzinfo=UTC)
# How far a price lies from its block: too old, just not too old, at the block, after it.
_STEPS = (-3601, -3600, -1, 0, 1)


def sample_reference(blocks: Sequence[RealBlock]) -> tuple[Reference, ReferenceTables]:
    """The same reference rows twice: for the slow route and for the kernel."""
    transfers = [row for block in blocks for row in token_rows.token_transfers(block.document)]
    senders = {r["from_address"] for b in blocks for r in chain_rows.transactions(b.document)}
    times = sorted({row["timestamp"] for b in blocks for row in chain_rows.blocks(b.document)})
    tokens = sorted({row["token_address"] for row in transfers})
    reference = Reference(
        labels=_labels(sorted(senders | {row["to_address"] for row in transfers})),
        tokens=_tokens(tokens),
        prices=_prices(times, [None, *tokens[::40]]),
        native_decimals=18,
        max_price_age=_MAX_PRICE_AGE,
    )
    return reference, ReferenceTables(
        labels=_table("entity_labels", reference.labels),
        tokens=_table("token_metadata", reference.tokens),
        prices=_table("token_prices", reference.prices),
    )


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=TABLES[name].file_schema)


def _labels(addresses: Sequence[bytes]) -> list[Row]:
    rows: list[Row] = []
    for index, address in enumerate(addresses[::7]):
        rows.append({"address": address, "label": f"label {index}", "source": "b", "as_of": None})
        if index % 3 == 0:
            newer = f"newer {index}"
            rows.append({"address": address, "label": newer, "source": "a", "as_of": _OLD})
    return rows


def _tokens(addresses: Sequence[bytes]) -> list[Row]:
    return [
        {
            "address": address,
            "symbol": f"T{index}",
            "name": None,
            "decimals": _DECIMALS[index % len(_DECIMALS)],
            "source": "list",
            "as_of": None,
        }
        for index, address in enumerate(addresses)
        if index % 5
    ]


def _prices(times: Sequence[datetime], tokens: Sequence[bytes | None]) -> list[Row]:
    rows = []
    for index, at in enumerate(times):
        for place, token in enumerate(tokens):
            step = timedelta(seconds=_STEPS[(index + place) % len(_STEPS)])
            for source in ("one", "two")[: 1 + index % 2]:
                price = 0.1 + index + place / 7 + len(source)
                said = {"price_at": at + step, "price_usd": price, "source": source, "as_of": None}
                rows.append({"token_address": token, **said})
    return rows
