"""Approvals: asked once, decided by a person who is named, used once, gone in time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chain_assets.core.errors import ApprovalNeeded
from chain_assets.ops.approvals import Approval
from chain_assets.ops.store import OpsStore
from chain_assets_tests.ops.clock import START, Clock

DAY = 86_400.0


def ask(ops: OpsStore, subject: str = "fork at 100") -> Approval:
    return ops.approvals.request(
        "deep_reorg",
        "base",
        subject,
        what="Replace 70 blocks from 100 on",
        by="worker:1",
        detail={"depth": 70, "heads": ["0xaa", "0xbb"]},
        lifetime=DAY,
    )


def told(ops: OpsStore) -> list[tuple[float, str, str]]:
    return [(line.at - START, line.actor, line.action) for line in reversed(ops.audit.lines())]


def test_a_question_has_all_that_a_person_needs_to_decide(ops: OpsStore) -> None:
    asked = ask(ops)
    assert ops.approvals.get(asked.id) == asked
    assert ops.approvals.all() == (asked,)
    assert (asked.kind, asked.chain, asked.subject) == ("deep_reorg", "base", "fork at 100")
    assert (asked.what, asked.detail["depth"]) == ("Replace 70 blocks from 100 on", 70)
    assert (asked.requested_at, asked.requested_by) == (START, "worker:1")
    assert (asked.expires_at, asked.state) == (START + DAY, "pending")


def test_asking_again_gives_the_same_question(ops: OpsStore, clock: Clock) -> None:
    asked = ask(ops)
    clock.sleep(60)
    assert ask(ops) == asked
    approved = ops.approvals.approve(asked.id, who="ann", why="the node is right")
    assert ask(ops) == approved
    assert len(ops.audit.lines()) == 2


def test_another_subject_kind_or_chain_is_another_question(ops: OpsStore) -> None:
    asked = ask(ops)
    assert ask(ops, "fork at 200").id != asked.id
    others = (("backfill", "base"), ("deep_reorg", "gnosis"))
    for kind, chain in others:
        other = ops.approvals.request(
            kind,  # type: ignore[arg-type]
            chain,
            "fork at 100",
            what="",
            by="",
        )
        assert other.id != asked.id
    assert ops.approvals.find("deep_reorg", "base", "fork at 100") == asked
    assert ops.approvals.find("refresh", "base", "fork at 100") is None


def test_an_approval_is_used_once(ops: OpsStore, clock: Clock) -> None:
    asked = ask(ops)
    clock.sleep(1)
    approved = ops.approvals.approve(asked.id, who="ann", why="the node is right")
    assert (approved.state, approved.decided_at) == ("approved", START + 1)
    assert (approved.decided_by, approved.why) == ("ann", "the node is right")
    clock.sleep(1)
    used = ops.approvals.use(asked.id, by="worker:2")
    assert ops.approvals.get(asked.id) == used
    assert used.state == "used"
    with pytest.raises(ApprovalNeeded, match="used"):
        ops.approvals.use(asked.id, by="worker:2")
    assert told(ops) == [
        (0.0, "worker:1", "approval requested"),
        (1.0, "ann", "approval approved"),
        (2.0, "worker:2", "approval used"),
    ]
    assert ops.audit.lines()[1].detail == {"why": "the node is right"}
    # The next time is another question.
    assert ask(ops).id != asked.id


def test_what_is_not_approved_cannot_be_used_and_the_error_says_how_to_go_on(
    ops: OpsStore,
) -> None:
    asked = ask(ops)
    with pytest.raises(ApprovalNeeded) as caught:
        ops.approvals.use(asked.id, by="worker:1")
    assert str(caught.value) == (
        f"base: Replace 70 blocks from 100 on (approval {asked.id}: pending). "
        f"chain-assets approvals show {asked.id}, then approve or reject it"
    )


def test_a_rejection_stands_until_it_expires(ops: OpsStore, clock: Clock) -> None:
    asked = ask(ops)
    rejected = ops.approvals.reject(asked.id, who="ann", why="the node lies")
    clock.sleep(DAY - 1)
    assert ask(ops) == rejected
    with pytest.raises(ApprovalNeeded, match="rejected"):
        ops.approvals.use(asked.id, by="worker:1")
    clock.sleep(1)
    assert ask(ops).id != asked.id


def test_a_decision_can_be_changed_until_it_is_used(ops: OpsStore) -> None:
    asked = ask(ops)
    ops.approvals.reject(asked.id, who="ann", why="no")
    ops.approvals.approve(asked.id, who="bob", why="yes")
    ops.approvals.reject(asked.id, who="ann", why="no!")
    ops.approvals.approve(asked.id, who="bob", why="yes!")
    ops.approvals.use(asked.id, by="worker:1")
    with pytest.raises(ApprovalNeeded):
        ops.approvals.reject(asked.id, who="ann", why="too late")


@pytest.mark.parametrize(
    "act",
    [
        lambda ops, asked: ops.approvals.approve(asked, who="ann", why=""),
        lambda ops, asked: ops.approvals.reject(asked, who="ann", why=""),
        lambda ops, asked: ops.approvals.use(asked, by="worker:1"),
    ],
    ids=["approve", "reject", "use"],
)
def test_after_its_time_a_question_is_expired(
    ops: OpsStore, clock: Clock, act: Callable[[OpsStore, str], object]
) -> None:
    asked = ask(ops)
    clock.sleep(DAY)
    assert ops.approvals.get(asked.id).state == "expired"
    assert ops.approvals.all("pending") == ()
    with pytest.raises(ApprovalNeeded, match="expired"):
        act(ops, asked.id)
    again = ask(ops)
    assert again.id != asked.id
    assert [a.id for a in ops.approvals.all()] == [again.id, asked.id]
    assert (DAY, "clock", "approval expired") in told(ops)


def test_what_is_approved_late_has_its_whole_time_to_be_used(ops: OpsStore, clock: Clock) -> None:
    asked = ask(ops)
    clock.sleep(DAY - 1)
    ops.approvals.approve(asked.id, who="ann", why="")
    clock.sleep(DAY - 1)
    assert ops.approvals.use(asked.id, by="worker:1").state == "used"


def test_an_unknown_approval_is_told_where_to_look(ops: OpsStore) -> None:
    with pytest.raises(ApprovalNeeded, match=r"no approval 'nonsense'.*approvals list"):
        ops.approvals.approve("nonsense", who="ann", why="")


def test_a_detail_that_is_not_json_is_refused_before_anything_is_written(ops: OpsStore) -> None:
    with pytest.raises(TypeError):
        ops.approvals.request("refresh", "base", "x", what="", by="", detail={"hash": b"\x01"})
    assert ops.approvals.all() == ()
