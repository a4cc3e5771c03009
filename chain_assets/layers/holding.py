"""Holds of a range, kept in step with what its layers report."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.fault_points import fault_point
from chain_assets.layers.report import HeldBlock, LayerReport
from chain_assets.ops.hold_rules import Failure, Hold, Stage
from chain_assets.ops.store import OpsStore


def find_holds(
    ops: OpsStore, chain: Chain, block_range: BlockRange, *stages: Stage
) -> tuple[Hold, ...]:
    """The holds of the range at `stages`."""
    found = ops.holds.find(chain.name, block_range=block_range.key)
    return tuple(hold for hold in found if hold.stage in stages)


def resting(ops: OpsStore, chain: Chain, holds: Collection[Hold]) -> set[int]:
    """Blocks of `holds` that are not to be tried now: they failed not long ago, or too often, or a
    person has dropped them."""
    if not holds:
        return set()
    due = {(hold.number, hold.stage) for hold in ops.holds.due(chain.name)}
    return {hold.number for hold in holds if (hold.number, hold.stage) not in due}


def resting_hashes(ops: OpsStore, chain: Chain, holds: Collection[Hold]) -> dict[int, bytes | None]:
    """Blocks of `holds` that are not to be fetched now, each with its hash where it is just that
    block of the number that failed: another one in its place has failed nothing."""
    asleep = resting(ops, chain, holds)
    known = sorted(holds, key=lambda hold: hold.stage == "fetch")
    return {
        hold.number: None if hold.stage == "fetch" else hold.hash
        for hold in known
        if hold.number in asleep
    }


def wake_for_providers(ops: OpsStore, chain: Chain, providers: Collection[str]) -> int:
    """Blocks that failed with other nodes are due now that one of `providers` is among them; how
    many those are. Raises OpsStoreFailed."""
    unasked = [
        hold
        for hold in ops.holds.find(chain.name)
        if "provider" in hold.missing
        and hold.state != "dropped"
        and not set(providers).issubset((hold.seen or "").split())
    ]
    asleep = resting(ops, chain, unasked)
    return ops.holds.wake(chain.name, numbers=asleep) if asleep else 0


def settle(
    ops: OpsStore,
    chain: Chain,
    report: LayerReport,
    holds: Collection[Hold],
    *,
    providers: Collection[str] = (),
) -> None:
    """Put the holds of blocks that failed, and end those of blocks that came through.

    A block that is found held, but has no hold, gets one: an ops store may be lost.
    """
    fault_point("holds to settle")
    known = {(hold.number, hold.stage): hold for hold in holds}
    failed = {*report.failed, *(b for b in report.held if not _is_known(b, known))}
    # Looking once more at what still waits for its price is no attempt.
    waiting = resting(ops, chain, holds) if report.layer == "enriched" else set()
    put = [
        _failure(block, report.block_range, seen=_seen(block, known, providers))
        for block in failed
        if block.number not in waiting or not _is_told(block, known)
    ]
    if put:
        ops.holds.put(chain.name, sorted(put, key=lambda failure: failure.number))
        fault_point("holds put")
    held = {(block.number, block.stage) for block in report.held}
    for stage in {hold.stage for hold in holds}:
        at_stage = [hold for hold in holds if hold.stage == stage]
        healed = [h.number for h in at_stage if _came_through(h, report, held)]
        if healed:
            ops.holds.settle(chain.name, stage, healed)
            fault_point("holds settled")


def _is_known(block: HeldBlock, known: Mapping[tuple[int, Stage], Hold]) -> bool:
    """Whether its hold is of this very block, and not of one that a reorg has replaced."""
    hold = known.get((block.number, block.stage))
    return hold is not None and (None in (hold.hash, block.hash) or hold.hash == block.hash)


def _is_told(block: HeldBlock, known: Mapping[tuple[int, Stage], Hold]) -> bool:
    """Whether its hold also says what it misses, so that it is woken when that comes."""
    return _is_known(block, known) and known[block.number, block.stage].missing == block.missing


def _seen(
    block: HeldBlock, known: Mapping[tuple[int, Stage], Hold], providers: Collection[str]
) -> str | None:
    """The nodes that were asked for this block until now: writers elsewhere may ask others."""
    before = known[block.number, block.stage].seen if _is_known(block, known) else None
    return " ".join(sorted({*(before or "").split(), *providers})) or None


def _came_through(hold: Hold, report: LayerReport, held: set[tuple[int, Stage]]) -> bool:
    if (hold.number, hold.stage) in held:
        return False
    if hold.stage == "enrich" and hold.state == "dropped":
        # It went on because it was dropped: when it is made anew, it has to do so again.
        return False
    # A raw block that is there has been fetched; whether it proves, the decoded layer says.
    return report.layer != "raw" or (hold.stage == "fetch" and hold.number in report.present)


def _failure(block: HeldBlock, block_range: BlockRange, *, seen: str | None) -> Failure:
    return Failure(
        number=block.number,
        stage=block.stage,
        block_range=block_range.key,
        reason=block.reason,
        hash=block.hash,
        missing=block.missing,
        seen=seen,
    )
