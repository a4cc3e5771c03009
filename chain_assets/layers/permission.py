"""Work that a person has to approve first: large backfills, and rewriting what is final.

asked for ─→ ApprovalNeeded, nothing is done ─→ approved ─→ asked for again: it is done

The question is the same each time it comes up, so the same command, run again after the approval,
goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.counted import counted
from chain_assets.core.errors import ApprovalNeeded
from chain_assets.ops.approvals import Approval, Kind
from chain_assets.ops.store import OpsStore


@contextmanager
def permitted_backfill(
    chain: Chain,
    spans: Sequence[BlockRange],
    ops: OpsStore,
    *,
    blocks: int | None = None,
) -> Iterator[None]:
    """Do what is in the block only if so many blocks need no approval, or have it.

    The approval is used up at the end of the block, not by an error in it. Raises ApprovalNeeded.
    """
    found = backfill_approval(chain, spans, ops, blocks=blocks)
    yield
    # What was approved may be little enough by now, after a run that was killed.
    use_up(found, ops)


def backfill_approval(
    chain: Chain,
    spans: Sequence[BlockRange],
    ops: OpsStore,
    *,
    blocks: int | None = None,
    asked: str | None = None,
) -> Approval | None:
    """The approval by which a backfill may begin, if any: for work that is done by several runs or
    calls, of which only the last may use it up. Raises ApprovalNeeded.

    `blocks` is how many of `spans` are still to be done, by default all; `asked` names what was
    asked for where that grows by itself.
    """
    whole = sum(len(span) for span in spans)
    blocks = whole if blocks is None else blocks
    first, last = spans[0].start, spans[-1].stop - 1
    subject = asked or f"{first}-{last}/{whole}"
    limit = chain.approve_backfill_above
    if limit is not None and blocks > limit:
        what = (
            f"a backfill of {counted(blocks, 'block')} from {first} to {last}: more than {limit:,}"
        )
        return _approved("backfill", chain, subject, what, {"blocks": blocks}, ops)
    return ops.approvals.find("backfill", chain.name, subject)


def catch_up_question(chain: Chain, *, ranges: int | None = None) -> str:
    """What `asked` is for a catch-up: the head moves on between two calls, the question stays the
    same, whether a command asks it or a schedule."""
    return f"catch-up of {ranges or 'all'} ranges from {chain.start_block}"


def note_range(approval: Approval | None, block_range: BlockRange, ops: OpsStore) -> None:
    """The range is done, by leave of `approval`: a call that is interrupted does not count anew."""
    if approval is not None and approval.state == "approved":
        done = ranges_done(ops.approvals.get(approval.id))
        ops.approvals.note(approval.id, done=sorted({*done, block_range.key}))


def ranges_done(approval: Approval | None) -> frozenset[str]:
    """The keys of the ranges that were done by leave of `approval`, if that is one that stands."""
    if approval is None or approval.state != "approved":
        return frozenset()
    return frozenset(approval.detail.get("done", ()))


@dataclass(frozen=True)
class Refresh:
    """What may be made anew: `ranges` now, and `later` only what a new approval is asked for."""

    ranges: tuple[BlockRange, ...]
    later: tuple[BlockRange, ...] = ()
    approval: Approval | None = field(default=None, compare=False, repr=False)


def closed_ranges(
    chain: Chain, ranges: Sequence[BlockRange], ops: OpsStore
) -> tuple[BlockRange, ...]:
    """Those of `ranges` that may not be rewritten without an approval: all blocks are final."""
    mark = ops.watermarks.watermark(chain.name)
    if mark is None or not chain.approve_refresh:
        return ()
    return tuple(r for r in ranges if r.stop - 1 <= mark.number)


@contextmanager
def permitted_refresh(
    chain: Chain, closed: Sequence[BlockRange], *, asked: str, version: str, ops: OpsStore
) -> Iterator[Refresh]:
    """Rewrite closed ranges in the block only with an approval, and only those that it names.

    `asked` is what of the chain is to be brought to `version`: the same also when a part of it is
    done. The approval is used up at the end of the block, not by an error in it. Raises
    ApprovalNeeded.
    """
    may = may_refresh(chain, closed, asked=asked, version=version, ops=ops)
    yield may
    use_up(may.approval, ops)


def may_refresh(
    chain: Chain, closed: Sequence[BlockRange], *, asked: str, version: str, ops: OpsStore
) -> Refresh:
    """As `permitted_refresh`, for work that goes on in several steps: the last one uses the
    approval up. Raises ApprovalNeeded."""
    subject = f"{asked}/{version}"
    if not closed:
        return Refresh((), approval=ops.approvals.find("refresh", chain.name, subject))
    keys = [block_range.key for block_range in closed]
    what = f"a refresh of {asked}: {len(keys):,} closed ranges, {keys[0]} to {keys[-1]}"
    spans = [[span.start, span.stop - 1] for span in _merged(closed)]
    detail = {"version": version, "blocks": spans}
    approval = _approved("refresh", chain, subject, what, detail, ops)
    approved = [BlockRange(first, last + 1) for first, last in approval.detail["blocks"]]
    now = tuple(r for r in closed if any(r.start in span for span in approved))
    return Refresh(now, tuple(r for r in closed if r not in now), approval)


def _approved(
    kind: Kind, chain: Chain, subject: str, what: str, detail: Mapping[str, object], ops: OpsStore
) -> Approval:
    asked = ops.approvals.request(kind, chain.name, subject, what=what, by=ops.actor, detail=detail)
    if asked.state != "approved":
        raise asked.needed()
    return asked


def use_up(approval: Approval | None, ops: OpsStore) -> None:
    """The work that was approved is done: the next is another question."""
    if approval is not None and approval.state == "approved":
        # It may have run out while the work went on: then there is nothing left to use up.
        with suppress(ApprovalNeeded):
            ops.approvals.use(approval.id, by=ops.actor)


def _merged(ranges: Sequence[BlockRange]) -> list[BlockRange]:
    merged: list[BlockRange] = []
    for block_range in sorted(ranges):
        if merged and merged[-1].stop == block_range.start:
            merged[-1] = BlockRange(merged[-1].start, block_range.stop)
        else:
            merged.append(block_range)
    return merged
