"""Watermarks never go down; the audit tells who did what when, and is kept small."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_assets.ops.audit import spans_text
from chain_assets.ops.hold_rules import Failure
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore
from chain_assets.ops.watermarks import Watermark
from chain_assets_tests.ops.clock import START, Clock

KEY = LeaseKey("base", "000000000000-000000000999", "raw")


def test_a_chain_without_a_finalized_block_has_no_watermark(ops: OpsStore) -> None:
    assert ops.watermarks.watermark("base") is None


def test_a_watermark_rises_and_never_goes_down(ops: OpsStore, clock: Clock) -> None:
    first = ops.watermarks.raise_watermark("base", 100, b"\xaa" * 32)
    clock.sleep(5)
    assert ops.watermarks.raise_watermark("base", 99, b"\xbb" * 32) == first
    higher = ops.watermarks.raise_watermark("base", 101, b"\xcc" * 32)
    assert higher == Watermark(101, b"\xcc" * 32, START + 5)
    assert ops.watermarks.watermark("base") == higher
    assert ops.watermarks.watermark("gnosis") is None


def test_another_hash_at_the_same_number_gives_back_the_one_that_was_final(ops: OpsStore) -> None:
    first = ops.watermarks.raise_watermark("base", 100, b"\xaa" * 32)
    assert ops.watermarks.raise_watermark("base", 100, b"\xbb" * 32) == first


def test_a_watermark_that_a_person_has_forgotten_begins_anew_below_it(ops: OpsStore) -> None:
    ops.watermarks.raise_watermark("base", 10**6, b"\xaa" * 32)
    other = ops.watermarks.raise_watermark("gnosis", 7, b"\xcc" * 32)
    forgotten = ops.watermarks.forget("base", who="ada", why="a lie")
    assert forgotten is not None
    assert forgotten.number == 10**6
    assert ops.watermarks.watermark("base") is None
    assert ops.watermarks.forget("base", who="ada", why="again") is None
    assert ops.watermarks.raise_watermark("base", 100, b"\xbb" * 32).number == 100
    assert ops.watermarks.watermark("gnosis") == other
    assert [(line.actor, line.action, line.subject) for line in ops.audit.lines("base")] == [
        ("ada", "finality forgotten", "block 1000000")
    ]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(numbers=st.lists(st.integers(0, 2**62), min_size=1, max_size=6))
def test_the_watermark_is_the_highest_that_was_ever_seen(ops: OpsStore, numbers: list[int]) -> None:
    before = ops.watermarks.watermark("base")
    seen = [*numbers] if before is None else [before.number, *numbers]
    for number in numbers:
        ops.watermarks.raise_watermark("base", number, number.to_bytes(8, "big"))
    after = ops.watermarks.watermark("base")
    assert after is not None
    assert (after.number, after.hash) == (max(seen), max(seen).to_bytes(8, "big"))


def test_a_lease_that_was_taken_over_is_told_with_both_owners(ops: OpsStore, clock: Clock) -> None:
    lease = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(30)
    ops.leases.heartbeat(lease)
    clock.sleep(60)
    other = ops.leases.acquire(KEY, owner="two:2", ttl=60)
    ops.leases.release(other)
    assert [(x.at - START, x.actor, x.action, x.detail) for x in ops.audit.lines("base")] == [
        (90.0, "two:2", "lease inherited", {"token": other.token, "from": "one:1"}),
    ]
    assert ops.audit.lines("gnosis") == ()


def test_the_newest_line_comes_first(ops: OpsStore) -> None:
    ops.holds.put("base", [Failure(1, "fetch", KEY.block_range, "it was not there")])
    ops.holds.drop("base", [1], who="ann", why="never mind")
    assert [line.action for line in ops.audit.lines()] == ["blocks dropped", "blocks held"]
    assert [line.action for line in ops.audit.lines(limit=1)] == ["blocks dropped"]


def test_block_numbers_are_told_as_a_person_types_them() -> None:
    assert spans_text([12, 5, 10, 11, 5]) == "5, 10-12"
    assert spans_text([]) == ""
