"""Leases: one holder at a time, tokens that only grow, and holders that are told when too late."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_assets.core.errors import LeaseLost, LeaseTaken
from chain_assets.ops.leases import Lease, LeaseKey
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import OpsStore
from chain_assets_tests.ops.clock import Clock

KEY = LeaseKey("ethereum", "000000000000-000000000999", "decoded")
OTHERS = (
    LeaseKey("base", KEY.block_range, KEY.layer),
    LeaseKey(KEY.chain, "000000001000-000000001999", KEY.layer),
    LeaseKey(KEY.chain, KEY.block_range, "enriched"),
)


def test_a_lease_that_somebody_holds_is_refused_with_owner_and_end(ops: OpsStore) -> None:
    ops.leases.acquire(KEY, owner="one:1", ttl=60)
    with pytest.raises(LeaseTaken) as caught:
        ops.leases.acquire(KEY, owner="two:2", ttl=60)
    assert str(caught.value).startswith(
        "ethereum: one:1 has the lease of decoded 000000000000-000000000999 "
        "until 2023-11-14 22:14:20 UTC"
    )
    assert caught.value.transient


def test_its_own_owner_is_refused_too(ops: OpsStore) -> None:
    ops.leases.acquire(KEY, owner="one:1", ttl=60)
    with pytest.raises(LeaseTaken):
        ops.leases.acquire(KEY, owner="one:1", ttl=60)


@pytest.mark.parametrize("other", OTHERS, ids=["chain", "range", "layer"])
def test_leases_of_other_chains_ranges_and_layers_are_free(ops: OpsStore, other: LeaseKey) -> None:
    ops.leases.acquire(KEY, owner="one:1", ttl=60)
    assert ops.leases.acquire(other, owner="two:2", ttl=60).key == other


def test_a_lease_given_back_is_free_at_once_and_not_inherited(ops: OpsStore) -> None:
    first = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    assert ops.leases.release(first)
    second = ops.leases.acquire(KEY, owner="two:2", ttl=60)
    assert second.token > first.token
    assert not first.inherited
    assert not second.inherited


def test_a_lease_that_ran_out_is_inherited(ops: OpsStore, clock: Clock) -> None:
    first = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(60)
    second = ops.leases.acquire(KEY, owner="two:2", ttl=60)
    assert second.inherited
    assert second.token > first.token


def test_an_extended_lease_is_held_on(ops: OpsStore, clock: Clock) -> None:
    lease = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    for _ in range(5):
        clock.sleep(59)
        lease = ops.leases.heartbeat(lease)
        with pytest.raises(LeaseTaken):
            ops.leases.acquire(KEY, owner="two:2", ttl=60)


def test_a_holder_that_slept_through_its_end_can_neither_extend_nor_give_back(
    ops: OpsStore, clock: Clock
) -> None:
    sleeper = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(61)
    holder = ops.leases.acquire(KEY, owner="two:2", ttl=60)
    with pytest.raises(LeaseLost, match="ethereum: the lease of decoded"):
        ops.leases.heartbeat(sleeper)
    assert not ops.leases.release(sleeper)
    with pytest.raises(LeaseTaken, match="two:2"):
        ops.leases.acquire(KEY, owner="three:3", ttl=60)
    assert ops.leases.release(ops.leases.heartbeat(holder))


def test_a_lease_that_ran_out_is_lost_also_where_nobody_took_it_over(
    ops: OpsStore, clock: Clock
) -> None:
    lease = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(60)
    with pytest.raises(LeaseLost):
        ops.leases.heartbeat(lease)
    # It may still be writing: who comes next has to know.
    assert not ops.leases.release(lease)
    assert ops.leases.acquire(KEY, owner="two:2", ttl=60).inherited


def test_tokens_of_a_new_store_are_above_those_of_one_that_was_lost(
    ops: OpsStore, clock: Clock, tmp_path: Path
) -> None:
    lease = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    for _ in range(20):
        ops.leases.release(lease)
        clock.sleep(0.002)
        lease = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(0.002)
    with OpsStore(open_database(f"sqlite:///{tmp_path}/n.db"), actor="t", clock=clock) as new:
        assert new.leases.acquire(KEY, owner="one:1", ttl=60).token > lease.token


def test_tokens_grow_also_when_the_clock_is_set_back(ops: OpsStore, clock: Clock) -> None:
    first = ops.leases.acquire(KEY, owner="one:1", ttl=60)
    ops.leases.release(first)
    clock.sleep(-86_400)
    assert ops.leases.acquire(KEY, owner="one:1", ttl=60).token > first.token


def test_who_holds_what_is_listed(ops: OpsStore, clock: Clock) -> None:
    ops.leases.acquire(OTHERS[0], owner="gone", ttl=5)
    ops.leases.release(ops.leases.acquire(OTHERS[1], owner="done", ttl=60))
    ops.leases.acquire(KEY, owner="one:1", ttl=60)
    clock.sleep(10)
    assert [(lease.key, lease.owner, lease.ttl) for lease in ops.leases.live()] == [
        (KEY, "one:1", 50.0)
    ]
    assert ops.leases.live("base") == ()


def test_a_lease_without_duration_is_refused(ops: OpsStore) -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        ops.leases.acquire(KEY, owner="one:1", ttl=0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), st.integers(0, 2)),
        st.tuples(st.just("heartbeat"), st.integers(0, 2)),
        st.tuples(st.just("release"), st.integers(0, 2)),
        st.tuples(st.just("sleep"), st.integers(1, 12)),
    ),
    max_size=25,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_any_history_has_one_holder_at_a_time_and_growing_tokens(
    ops: OpsStore, clock: Clock, steps: list[tuple[str, int]]
) -> None:
    """Three owners in any order, against a model: a dict of who holds until when."""
    key = LeaseKey("ethereum", str(time.monotonic_ns()), "decoded")  # a new one for each history
    mine: dict[int, Lease] = {}
    holder: int | None = None
    last, until, released = 0, 0.0, True
    for action, argument in steps:
        alive = holder is not None and clock.now < until
        if action == "sleep":
            clock.sleep(argument)
        elif action == "acquire" and alive:
            with pytest.raises(LeaseTaken):
                ops.leases.acquire(key, owner=f"owner {argument}", ttl=10)
        elif action == "acquire":
            lease = ops.leases.acquire(key, owner=f"owner {argument}", ttl=10)
            assert lease.token > last
            assert lease.inherited == (not released)
            mine[argument], holder = lease, argument
            last, until, released = lease.token, clock.now + 10, False
        elif argument in mine:
            ours = alive and holder == argument
            if action == "release":
                assert ops.leases.release(mine[argument]) == ours
                if ours:
                    holder, released = None, True
            elif ours:
                mine[argument] = ops.leases.heartbeat(mine[argument])
                until = clock.now + 10
            else:
                with pytest.raises(LeaseLost):
                    ops.leases.heartbeat(mine[argument])
