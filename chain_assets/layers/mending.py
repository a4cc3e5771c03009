"""Mending what the scanner found: just those blocks, of just those layers, are made anew.

findings ─→ by range ─→ raw ─→ decoded ─→ enriched      a layer that follows one that changed is
                                                        reconciled with it, as always
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import OF_ONE_RANGE, ChainAssetsError, SourceError, StorageFailed
from chain_assets.core.schemas import JOURNAL_TABLES, RAW_BLOCKS, TABLES
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import take_out_doubled
from chain_assets.layers.commits import begin
from chain_assets.layers.findings import Finding, LayerName, Scan
from chain_assets.layers.forks import stored_ranges
from chain_assets.layers.gaps import scan_range
from chain_assets.layers.journal_repair import restore_journal
from chain_assets.layers.lost_rows import find_lost_rows, give_up_lost_rows, restore_index
from chain_assets.layers.pipeline import (
    Parts,
    Writer,
    heal_raw,
    write_enriched,
    write_raw,
)
from chain_assets.layers.raw_index import index_change, merge_index, read_canonical, read_index
from chain_assets.layers.refetching import decode_or_refetch
from chain_assets.layers.reorgs import WAIT_SECONDS
from chain_assets.layers.report import LayerReport
from chain_assets.ops.leases import LeaseKey

_JOURNAL = frozenset(table.name for table in JOURNAL_TABLES)


def scan_of(chain: Chain, parts: Parts) -> Scan:
    """What the chain's ranges are looked at with: as things stand now."""
    holds = parts.writer.ops.holds.find(chain.name)
    return Scan(
        chain=chain,
        tables=parts.writer.tables,
        registry=parts.registry,
        top=_top(chain, parts.writer.tables),
        held_back={
            "raw": frozenset(hold.number for hold in holds if hold.stage == "fetch"),
            "enriched": frozenset(
                hold.number for hold in holds if hold.stage == "enrich" and hold.state != "dropped"
            ),
        },
    )


def _top(chain: Chain, tables: LakeTables) -> int:
    """The highest canonical block. A chain that became shorter has left higher ones behind, and
    nobody could fetch what is above its head."""
    for block_range in reversed(stored_ranges(chain, tables)):
        rows = read_canonical(tables, chain=chain.name, block_range=block_range.key)
        if rows:
            return max(row.number for row in rows)
    return -1


def find_gaps(
    chain: Chain,
    parts: Parts,
    ranges: Sequence[BlockRange] | None = None,
    *,
    progress: Callable[[BlockRange], None] = lambda block_range: None,
) -> list[Finding]:
    """All findings in `ranges`, by default in all of which any layer has rows, ascending.

    Where rows of raw_blocks are gone, only what else is gone: nothing can be compared with them.
    """
    tables = parts.writer.tables
    asked = sorted(ranges or _ranges_of_layers(chain, tables))
    gone = {r: list(find_lost_rows(chain, r, tables)) for r in asked}
    found = [finding for own in gone.values() for finding in own]
    if any(finding.table == RAW_BLOCKS.name for finding in found):
        return found
    scan = scan_of(chain, parts)
    for block_range in asked:
        if not gone[block_range]:
            found += scan_range(scan, block_range)
        progress(block_range)
    return sorted(found, key=lambda finding: finding.block_range)


def _ranges_of_layers(chain: Chain, tables: LakeTables) -> set[BlockRange]:
    """Not of raw_blocks alone: a range that is gone there altogether would look as if it had never
    been loaded. Raises ConfigError as `stored_ranges` does."""
    above = (BLOCKS, ENRICHED_BLOCKS)
    keys = {key for table in above for key in tables.range_keys(table, chain=chain.name)}
    return {*stored_ranges(chain, tables), *map(BlockRange.from_key, keys)}


def mend(chain: Chain, findings: Sequence[Finding], parts: Parts) -> list[LayerReport]:
    """Make the blocks of `findings` anew, range by range; what was done.

    Raises ChainHalted, and the errors of the layers: what is wrong with a single range when all
    others are done.
    """
    reports = _restore_rows(chain, [f for f in findings if f.kind == "gone"], parts)
    # First, as block_changes does not replay while a row stands there twice.
    for finding in findings:
        if finding.kind == "doubled" and finding.table in _JOURNAL:
            table = TABLES[finding.table]
            take_out_doubled(chain, finding.block_range, table, tables=parts.writer.tables)
    heal_raw(chain, parts.source, parts.writer)
    failed: ChainAssetsError | None = None
    for block_range in sorted({finding.block_range for finding in findings}):
        own = [finding for finding in findings if finding.block_range == block_range]
        try:
            reports += _mend_range(chain, block_range, own, parts)
        except (*OF_ONE_RANGE, SourceError) as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return reports


def _restore_rows(chain: Chain, gone: Sequence[Finding], parts: Parts) -> list[LayerReport]:
    """Give up rows whose files are gone, but for those of raw_blocks: these are had again. The
    journal's are worked out from them."""
    journal = {f.table for f in gone} & _JOURNAL
    reports: list[LayerReport] = []
    # All of them first: each is linked with the ranges next to it.
    for block_range, layer in sorted({(f.block_range, f.layer) for f in gone}):
        if layer == "raw":
            restore_index(chain, block_range, parts.source, parts.writer)
        else:
            give_up_lost_rows(chain, block_range, layer, parts.writer)
    for finding in gone:
        if finding.table == RAW_BLOCKS.name:
            # What could not be had is held. Telling waits where the journal's own files are lost.
            with suppress(StorageFailed) if journal else nullcontext():
                reports.append(
                    write_raw(
                        chain,
                        finding.block_range,
                        parts.source,
                        parts.writer,
                        numbers=finding.numbers,
                    )
                )
    if journal:
        restore_journal(chain, tables=parts.writer.tables, run_id=parts.writer.run_id)
    return reports


def _mend_range(
    chain: Chain, block_range: BlockRange, findings: Sequence[Finding], parts: Parts
) -> list[LayerReport]:
    # Rows of older versions that are to be made anew are among the findings.
    writer = replace(parts.writer, patient=True, refreshes=False)
    reports = []
    if any(finding.layer == "raw" for finding in findings):
        index = [finding for finding in findings if finding.table == RAW_BLOCKS.name]
        doubled = _numbers(index, "raw", kinds={"doubled"})
        if doubled:
            _single_rows(chain, block_range, doubled, writer)
        fetched = _numbers(findings, "raw", kinds={"missing", "lost"})
        reports.append(write_raw(chain, block_range, parts.source, writer, numbers=sorted(fetched)))
    reports += decode_or_refetch(
        chain, block_range, replace(parts, writer=writer), repair=_numbers(findings, "decoded")
    )
    repair = _numbers(findings, "enriched")
    reports.append(write_enriched(chain, block_range, parts.engine, writer, repair=repair))
    return reports


def _numbers(
    findings: Sequence[Finding], layer: LayerName, *, kinds: set[str] | None = None
) -> set[int]:
    return {
        number
        for finding in findings
        if finding.layer == layer and (kinds is None or finding.kind in kinds)
        for number in finding.numbers
    }


def _single_rows(chain: Chain, block_range: BlockRange, numbers: set[int], writer: Writer) -> None:
    """One index row a block, one canonical block a number: the one that was fetched last."""
    key = LeaseKey(chain.name, block_range.key, "raw")
    partition = {"chain": chain.name, "block_range": block_range.key}
    with writer.ops.held(key, wait=WAIT_SECONDS) as lease:
        begin(writer.tables, [RAW_BLOCKS], partition, lease)
        rows = read_index(writer.tables, chain=chain.name, block_range=block_range.key)
        newest = {(row.number, row.hash): row for row in sorted(rows, key=lambda r: r.fetched_at)}
        canonical = {row.number: row for row in newest.values() if row.canonical}
        chosen = [canonical[number] for number in sorted(numbers) if number in canonical]
        change = index_change(
            writer.tables,
            merge_index(list(newest.values()), chosen, numbers),
            chain=chain,
            block_range=block_range,
            changed=numbers,
            fence=lease,
        )
        writer.tables.replace_in_ranges(RAW_BLOCKS, [change])
