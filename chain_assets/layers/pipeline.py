"""A layer of a range, as a run does it: under its lease, with its holds, told to its readers.

    lease ─→ layers/raw, decoded, enriched ─→ block_changes ─→ holds put for what failed,
                                                              and ended for what came through

Everything that writes goes through here: the command line, Dagster's assets, and what follows the
head.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange, ranges_between
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.enrich.requirements import arrived_keys
from chain_assets.core.fault_points import fault_point
from chain_assets.engine.protocol import Engine
from chain_assets.lake.tables import Commit, LakeTables
from chain_assets.layers.changes import Reorg
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.enriched import materialize_enriched
from chain_assets.layers.finishing import strike_out_layers, told_afterwards
from chain_assets.layers.holding import find_holds, resting_hashes, settle
from chain_assets.layers.raw import materialize_raw
from chain_assets.layers.reference import materialize_reference
from chain_assets.layers.reorgs import WAIT_SECONDS, follow_reorgs
from chain_assets.layers.report import LayerReport, Progress, no_progress
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore
from chain_assets.sources.protocol import BlockSource

LAYERS = ("raw", "decoded", "enriched")


@dataclass(frozen=True)
class Writer:
    """Who writes to which lake.

    A `patient` one leaves blocks alone that failed not long ago: one that nobody has asked for
    these very blocks. Only one that `refreshes` makes rows anew that an older version made.
    `providers` are the names of the nodes that it asks, which holds remember.
    """

    tables: LakeTables
    ops: OpsStore
    run_id: str
    patient: bool = False
    refreshes: bool = False
    providers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parts:
    """What the layers work with."""

    source: BlockSource
    writer: Writer
    engine: Engine
    registry: Registry


def write_reference(chain: Chain, reference: ReferenceTables, writer: Writer) -> tuple[Commit, ...]:
    """The chain's reference rows; blocks that waited for what has come are due now."""

    def wake() -> None:
        _wake(chain, reference, writer.ops)

    # Before it too: where a run is killed after its last commit, no later one finds anything new.
    commits = materialize_reference(chain, reference, tables=writer.tables, before=wake)
    if commits:
        fault_point("reference written")
        wake()
    return commits


def _wake(chain: Chain, reference: ReferenceTables, ops: OpsStore) -> None:
    wanted = {hold.number: hold.missing for hold in ops.holds.find(chain.name, stage="enrich")}
    arrived = arrived_keys(wanted, reference)
    if arrived:
        ops.holds.wake(chain.name, missing=arrived)


def heal_raw(chain: Chain, source: BlockSource, writer: Writer) -> Reorg | None:
    """Before raw blocks are written: follow what the chain has replaced. Raises ChainHalted."""
    return follow_reorgs(
        chain, source=source, tables=writer.tables, ops=writer.ops, run_id=writer.run_id
    )


def write_raw(
    chain: Chain,
    block_range: BlockRange,
    source: BlockSource,
    writer: Writer,
    *,
    numbers: Sequence[int] | None = None,
    progress: Progress = no_progress,
) -> LayerReport:
    """raw_blocks of the range (or of its blocks `numbers`), and the changes told."""
    holds = find_holds(writer.ops, chain, block_range, "fetch", "prove", "decode")
    with writer.ops.held(LeaseKey(chain.name, block_range.key, "raw"), wait=WAIT_SECONDS) as lease:
        asleep = resting_hashes(writer.ops, chain, holds) if writer.patient else {}
        with told_afterwards(
            chain, block_range, tables=writer.tables, ops=writer.ops, run_id=writer.run_id
        ):
            report = materialize_raw(
                chain,
                block_range,
                source=source,
                tables=writer.tables,
                numbers=numbers,
                resting=asleep,
                unfetched={hold.number for hold in holds if hold.stage == "fetch"},
                fence=lease,
                progress=progress,
            )
    settle(writer.ops, chain, report, holds, providers=writer.providers)
    return report


def write_decoded(
    chain: Chain,
    block_range: BlockRange,
    engine: Engine,
    registry: Registry,
    writer: Writer,
    *,
    repair: Collection[int] = (),
    progress: Progress = no_progress,
) -> LayerReport:
    """The decoded tables of the range, but for blocks whose blob is lost and cannot be had."""
    holds = find_holds(writer.ops, chain, block_range, "decode", "prove")
    unfetched = find_holds(writer.ops, chain, block_range, "fetch")
    key = LeaseKey(chain.name, block_range.key, "decoded")
    with writer.ops.held(key, wait=WAIT_SECONDS) as lease:
        report = materialize_decoded(
            chain,
            block_range,
            tables=writer.tables,
            engine=engine,
            registry=registry,
            refresh=writer.refreshes,
            repair=repair,
            unfetched={hold.number for hold in unfetched},
            fence=lease,
            progress=progress,
        )
    settle(writer.ops, chain, report, holds, providers=writer.providers)
    return report


def write_enriched(
    chain: Chain,
    block_range: BlockRange,
    engine: Engine,
    writer: Writer,
    *,
    repair: Collection[int] = (),
    progress: Progress = no_progress,
) -> LayerReport:
    """The enriched tables of the range. Blocks that a person has dropped go without what they
    lack."""
    holds = find_holds(writer.ops, chain, block_range, "enrich")
    key = LeaseKey(chain.name, block_range.key, "enriched")
    with writer.ops.held(key, wait=WAIT_SECONDS) as lease:
        report = materialize_enriched(
            chain,
            block_range,
            tables=writer.tables,
            engine=engine,
            refresh=writer.refreshes,
            repair=repair,
            waived={(hold.number, hold.hash) for hold in holds if hold.state == "dropped"},
            fence=lease,
            progress=progress,
        )
    strike_out_layers(chain, block_range, tables=writer.tables, ops=writer.ops)
    settle(writer.ops, chain, report, holds, providers=writer.providers)
    return report


def split_by_range(
    chain: Chain, spans: Sequence[BlockRange]
) -> Iterator[tuple[BlockRange, list[int]]]:
    """The chain's ranges that hold blocks of `spans`, ascending, each with its blocks."""
    wanted: dict[BlockRange, list[int]] = {}
    for span in spans:
        for block_range in ranges_between(span.start, span.stop - 1, chain.ranges):
            shared = block_range.intersection(span)
            if shared is not None:
                wanted.setdefault(block_range, []).extend(shared.numbers())
    yield from sorted(wanted.items())


def run_blocks(
    chain: Chain,
    spans: Sequence[BlockRange],
    parts: Parts,
    *,
    progress: Callable[[str], Progress],
) -> list[LayerReport]:
    """All layers for the blocks of `spans`, reorgs first; reports come layer by layer.

    Each layer goes over all ranges before the next begins. `progress(layer)` gives what to call
    with the number of blocks done. Raises ChainHalted, and the errors of the layers.
    """
    writer = parts.writer
    heal_raw(chain, parts.source, writer)
    ranges = list(split_by_range(chain, spans))
    raw, decoded, enriched = (progress(layer) for layer in LAYERS)
    reports = [
        write_raw(chain, r, parts.source, writer, numbers=numbers, progress=raw)
        for r, numbers in ranges
    ]
    reports += [
        write_decoded(chain, r, parts.engine, parts.registry, writer, progress=decoded)
        for r, _ in ranges
    ]
    reports += [
        write_enriched(chain, r, parts.engine, writer, progress=enriched) for r, _ in ranges
    ]
    return reports
