"""Rows of an older version: which there are, and making them anew, when a person asks for it.

A new decoder, verifier or ABI makes every decoded row old, a new label or token every enriched
one, a new price those of the blocks that it is of use to. Nothing else that is done to a range
changes such rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.enrich.versions import ENRICHER, enricher_versions
from chain_assets.core.errors import OF_ONE_RANGE, ChainAssetsError, ConfigError, SourceError
from chain_assets.core.proofs import rules_for
from chain_assets.core.schemas import UNFINISHED
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decode_task import decoder_version
from chain_assets.layers.pipeline import Parts
from chain_assets.layers.reference import stored_reference
from chain_assets.layers.refetching import layers_above


@dataclass(frozen=True)
class Refreshed:
    """A range that was made anew: how many of its blocks were decoded and enriched, and how many
    are held; where something stopped it, the error."""

    block_range: BlockRange
    decoded: int = 0
    enriched: int = 0
    held: int = 0
    error: ChainAssetsError | None = None


def present_version(chain: Chain, registry: Registry) -> str:
    """What rows made now would be of, but for the reference rows."""
    rules = rules_for(chain.proof_rules, chain.chain_id)
    return f"{decoder_version(registry, rules)}/{ENRICHER}"


def stale_blocks(
    chain: Chain,
    ranges: Sequence[BlockRange],
    tables: LakeTables,
    registry: Registry,
    *,
    layers: Collection[str] = ("decoded", "enriched"),
) -> dict[BlockRange, set[int]]:
    """The blocks of which any row of these `layers` is of an older version, by range; ranges
    without are left out. Raises StorageFailed."""
    reference = stored_reference(chain.name, tables)
    rules = rules_for(chain.proof_rules, chain.chain_id)
    version = decoder_version(registry, rules)
    stale: dict[BlockRange, set[int]] = {}
    for block_range in ranges:
        found: set[int] = set()
        if "decoded" in layers:
            found |= _stale_decoded(chain, block_range, tables, version)
        if "enriched" in layers:
            found |= _stale_enriched(chain, block_range, tables, version, reference)
        if found:
            stale[block_range] = found
    return stale


def refresh(chain: Chain, ranges: Sequence[BlockRange], parts: Parts) -> Iterator[Refreshed]:
    """Make the old rows of `ranges` anew, range by range; the source is asked only for blocks whose
    blob is lost. A range where something is wrong is left, and the others go on."""
    parts = replace(parts, writer=replace(parts.writer, refreshes=True))
    for block_range in ranges:
        try:
            reports = list(layers_above(chain, block_range, parts))
        # A ConfigError where the lake has no node: just what is lost takes one.
        except (*OF_ONE_RANGE, ConfigError, SourceError) as error:
            yield Refreshed(block_range, error=error)
            continue
        held = {block.number for report in reports for block in report.held}
        *_, decoded, enriched = reports
        yield Refreshed(block_range, decoded.written, enriched.written, len(held))


def _stale_decoded(
    chain: Chain, block_range: BlockRange, tables: LakeTables, version: str
) -> set[int]:
    rows = tables.read(
        BLOCKS,
        columns=["number", "decoder_version"],
        chain=chain.name,
        block_range=block_range.key,
    )
    present = (version, UNFINISHED)
    return {r["number"] for r in rows.to_pylist() if r["decoder_version"] not in present}


def _stale_enriched(
    chain: Chain,
    block_range: BlockRange,
    tables: LakeTables,
    version: str,
    reference: ReferenceTables,
) -> set[int]:
    rows = tables.read(
        ENRICHED_BLOCKS,
        columns=["number", "timestamp", "decoder_version", "enricher_version"],
        chain=chain.name,
        block_range=block_range.key,
    )
    versions = enricher_versions(
        rows["timestamp"].combine_chunks(), reference, max_price_age=chain.max_price_age
    )
    return {
        row["number"]
        for row, enricher in zip(rows.to_pylist(), versions, strict=True)
        if row["enricher_version"] != UNFINISHED
        and (row["decoder_version"], row["enricher_version"]) != (version, enricher)
    }
