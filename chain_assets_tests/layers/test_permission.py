"""What a person has to approve: asked once, done once, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ApprovalNeeded, SourceUnavailable
from chain_assets.layers.permission import (
    Refresh,
    backfill_approval,
    closed_ranges,
    permitted_backfill,
    permitted_refresh,
)
from chain_assets.ops.approvals import LIFETIME_SECONDS, Approval
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.store import OpsStore, open_store
from chain_assets_tests.lake_fixtures import small_chain
from chain_assets_tests.ops.clock import Clock

CHAIN = replace(small_chain(), approve_backfill_above=20)
SPAN = [BlockRange(0, 25)]
TENS = [BlockRange(first, first + 10) for first in range(0, 50, 10)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ops(tmp_path: Path, clock: Clock) -> Iterator[OpsStore]:
    with open_store(sqlite_url(tmp_path / "ops.db"), clock=clock) as ops:
        yield ops


def _ask(ops: OpsStore, chain: Chain = CHAIN, *, blocks: int | None = None) -> bool:
    """Whether a backfill of `SPAN` is done."""
    try:
        with permitted_backfill(chain, SPAN, ops, blocks=blocks):
            return True
    except ApprovalNeeded:
        return False


def _only(ops: OpsStore, state: str) -> Approval:
    (approval,) = [a for a in ops.approvals.all() if a.state == state]
    return approval


@pytest.mark.parametrize(
    ("limit", "blocks", "done"),
    [
        pytest.param(None, None, True, id="no-limit"),
        pytest.param(25, None, True, id="as-many-as-allowed"),
        pytest.param(24, None, False, id="one-more"),
        pytest.param(24, 3, True, id="most-of-it-is-there"),
    ],
)
def test_a_backfill_of_more_blocks_than_allowed_waits(
    ops: OpsStore, limit: int | None, blocks: int | None, done: bool
) -> None:
    assert _ask(ops, replace(CHAIN, approve_backfill_above=limit), blocks=blocks) is done
    assert len(ops.approvals.all()) == (not done)


def test_an_approved_backfill_is_done_once(ops: OpsStore) -> None:
    assert not _ask(ops)
    assert not _ask(ops), "asking twice is no answer"
    approval = _only(ops, "pending")
    ops.approvals.approve(approval.id, who="ada", why="fine")
    assert _ask(ops)
    assert _only(ops, "used").id == approval.id
    assert not _ask(ops), "the next one is another question"


def test_a_backfill_that_fails_or_is_killed_goes_on_with_its_approval(ops: OpsStore) -> None:
    assert not _ask(ops)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="fine")
    with pytest.raises(SourceUnavailable), permitted_backfill(CHAIN, SPAN, ops):
        raise SourceUnavailable("the node is down")
    assert _only(ops, "approved")
    assert _ask(ops, blocks=22), "a part of it is there already"
    assert _only(ops, "used")


def test_an_approval_is_used_up_also_where_what_is_left_needs_none(ops: OpsStore) -> None:
    assert not _ask(ops)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="fine")
    assert _ask(ops, blocks=2)
    assert _only(ops, "used")
    assert not _ask(ops)


def test_a_rejection_stands_until_it_expires(ops: OpsStore, clock: Clock) -> None:
    assert not _ask(ops)
    ops.approvals.reject(_only(ops, "pending").id, who="bob", why="too dear")
    clock.now += LIFETIME_SECONDS - 1
    assert not _ask(ops)
    assert [a.state for a in ops.approvals.all()] == ["rejected"]
    clock.now += 1
    assert not _ask(ops)
    assert sorted(a.state for a in ops.approvals.all()) == ["expired", "pending"]


def test_an_approval_that_expired_permits_nothing(ops: OpsStore, clock: Clock) -> None:
    assert not _ask(ops)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="fine")
    clock.now += LIFETIME_SECONDS
    assert not _ask(ops)


def test_an_approval_that_expires_while_the_work_goes_on_is_no_error(
    ops: OpsStore, clock: Clock
) -> None:
    assert not _ask(ops)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="fine")
    with permitted_backfill(CHAIN, SPAN, ops):
        clock.now += LIFETIME_SECONDS + 1


def test_what_grows_by_itself_is_the_same_question(ops: OpsStore) -> None:
    for last in (25, 35):
        with pytest.raises(ApprovalNeeded):
            backfill_approval(CHAIN, [BlockRange(0, last)], ops, asked="catch-up")
    assert _only(ops, "pending")


def _refresh(ops: OpsStore, closed: list[BlockRange], *, version: str = "2") -> Refresh:
    with permitted_refresh(CHAIN, closed, asked="all blocks", version=version, ops=ops) as may:
        return may


def test_ranges_below_the_watermark_are_closed(ops: OpsStore) -> None:
    assert closed_ranges(CHAIN, TENS, ops) == ()
    ops.watermarks.raise_watermark(CHAIN.name, 29, bytes(32))
    assert closed_ranges(CHAIN, TENS, ops) == tuple(TENS[:3])
    assert closed_ranges(replace(CHAIN, approve_refresh=False), TENS, ops) == ()


def test_a_refresh_of_no_closed_range_asks_nobody(ops: OpsStore) -> None:
    assert _refresh(ops, []) == Refresh(())
    assert not ops.approvals.all()


def test_a_refresh_goes_on_with_its_approval_when_a_part_is_done(ops: OpsStore) -> None:
    with pytest.raises(ApprovalNeeded, match=r"5 closed ranges, 000000000000-000000000009 to"):
        _refresh(ops, TENS)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="new decoder")
    with (
        pytest.raises(SourceUnavailable),
        permitted_refresh(CHAIN, TENS, asked="all blocks", version="2", ops=ops),
    ):
        raise SourceUnavailable("killed")
    assert _refresh(ops, TENS[2:]) == Refresh(tuple(TENS[2:]))
    with pytest.raises(ApprovalNeeded):
        _refresh(ops, TENS)


def test_only_ranges_that_were_approved_are_rewritten(ops: OpsStore) -> None:
    some = [TENS[0], TENS[1], TENS[3]]
    with pytest.raises(ApprovalNeeded):
        _refresh(ops, some)
    asked = _only(ops, "pending")
    assert asked.detail["blocks"] == [[0, 19], [30, 39]]
    ops.approvals.approve(asked.id, who="ada", why="new labels")
    may = _refresh(ops, TENS)
    assert may == Refresh(tuple(some), later=(TENS[2], TENS[4]))
    with pytest.raises(ApprovalNeeded):
        _refresh(ops, [TENS[2], TENS[4]])


def test_another_version_is_another_question(ops: OpsStore) -> None:
    with pytest.raises(ApprovalNeeded):
        _refresh(ops, TENS)
    ops.approvals.approve(_only(ops, "pending").id, who="ada", why="new decoder")
    with pytest.raises(ApprovalNeeded):
        _refresh(ops, TENS, version="3")
