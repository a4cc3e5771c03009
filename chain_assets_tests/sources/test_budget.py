"""A budget is kept to, in all and a second, and says what it is still enough for."""

from __future__ import annotations

import pytest

from chain_assets.core.errors import BudgetSpent, SourceError
from chain_assets.sources.budget import Budget, BudgetedSource, OwnRate
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets_tests.ops.clock import Clock


def _source(budget: Budget) -> BudgetedSource:
    net = Devnet(DevnetSpec(blocks=30, transactions_per_block=1, finality_depth=5))
    return BudgetedSource(DevnetSource(net), budget, "devnet")


def test_it_answers_what_the_source_answers_and_counts() -> None:
    budget = Budget()
    source = _source(budget)
    assert (source.head().number, source.header(3).number) == (29, 3)
    final = source.finalized()
    assert final is not None
    assert final.number == 24
    assert budget.spent == 3
    assert [block.header.number for block in source.blocks([4, 5])] == [4, 5]
    assert budget.spent == 7


def test_no_request_more_than_allowed_is_answered() -> None:
    source = _source(Budget(total=5))
    source.head()
    blocks = source.blocks([1, 2, 3])
    assert [next(blocks).header.number for _ in range(2)] == [1, 2]
    with pytest.raises(BudgetSpent, match=r"^devnet: 5 of 5 requests are spent\. Run it again"):
        next(blocks)
    for ask in (source.head, source.finalized, lambda: source.header(1)):
        with pytest.raises(BudgetSpent):
            ask()


def test_a_spent_budget_is_no_fault_of_a_block() -> None:
    assert not issubclass(BudgetSpent, SourceError), "blocks would be held for it"


@pytest.mark.parametrize(("total", "blocks"), [(None, None), (100, 46), (11, 1)])
def test_what_it_is_still_enough_for(total: int | None, blocks: int | None) -> None:
    budget = Budget(total=total)
    assert budget.blocks_left(chain="devnet") == blocks
    if blocks is not None:
        source = _source(budget)
        assert len(list(source.blocks(range(min(blocks, 30))))) == min(blocks, 30)
        source.head()


def test_a_budget_for_no_block_more_is_spent() -> None:
    with pytest.raises(BudgetSpent):
        Budget(total=9).blocks_left(chain="devnet")


def test_the_rate_is_kept_on_average_and_a_rest_is_not_saved_up() -> None:
    clock = Clock()
    start = clock.now
    budget = Budget(rate=OwnRate(10, clock), sleep=clock.sleep)
    for _ in range(21):
        budget.spend(1, chain="devnet")
    assert clock.now - start == pytest.approx(2.0)
    clock.now += 100
    rested = clock.now
    for _ in range(21):
        budget.spend(2, chain="devnet")
    assert clock.now - rested == pytest.approx(4.0)
