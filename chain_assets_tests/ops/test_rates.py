"""All who ask a chain's nodes keep to one rate together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chain_assets.ops.migrate import open_database
from chain_assets.ops.rates import SharedRate
from chain_assets.ops.store import OpsStore
from chain_assets_tests.ops.clock import Clock


def test_turns_follow_one_another_whoever_takes_them(ops: OpsStore, url: str, clock: Clock) -> None:
    with OpsStore(open_database(url), actor="another", clock=clock) as other:
        waits = [store.rates.take("base", 5, per_second=10) for store in (ops, other, ops, other)]
    assert waits == pytest.approx([0, 0.5, 1.0, 1.5])


def test_chains_do_not_wait_for_each_other(ops: OpsStore) -> None:
    ops.rates.take("base", 50, per_second=10)
    assert ops.rates.take("gnosis", 1, per_second=10) == 0


def test_a_rest_is_not_saved_up(ops: OpsStore, clock: Clock) -> None:
    ops.rates.take("base", 10, per_second=10)
    clock.now += 100
    waits = [ops.rates.take("base", 10, per_second=10) for _ in range(3)]
    assert waits == pytest.approx([0, 1, 2])


def test_a_clock_that_was_put_back_holds_up_nobody(ops: OpsStore, clock: Clock) -> None:
    ops.rates.take("base", 1, per_second=10)
    clock.now -= 3600
    assert ops.rates.take("base", 1, per_second=10) == 0
    assert ops.rates.take("base", 1, per_second=10) == pytest.approx(0.1)


def test_no_turn_is_given_twice(ops: OpsStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = pool.map(lambda _: ops.rates.take("base", 1, per_second=10), range(40))
    assert sorted(waits) == pytest.approx([turn / 10 for turn in range(40)])


@pytest.mark.parametrize("per_second", [0.5, 7, 25, 400])
def test_processes_keep_to_the_rate_together(
    ops: OpsStore, url: str, clock: Clock, per_second: float
) -> None:
    """Each sends a block's two requests when it may; the clock goes on while they wait."""
    start, sent = clock.now, 0
    with OpsStore(open_database(url), actor="another", clock=clock) as other:
        each = [SharedRate(store.rates, "base", per_second) for store in (ops, other)]
        while sent < 20 * max(per_second, 1):
            for rate in each:
                clock.now += rate.wait_for(2)
                sent += 2
                # Nothing is ahead but what each has taken for the next 0.2 seconds, or at least
                # one block's.
                ahead = 2 * max(2, 0.2 * per_second)
                assert sent <= (clock.now - start) * per_second + ahead + 1e-6
    assert sent >= (clock.now - start) * per_second - 1e-6
