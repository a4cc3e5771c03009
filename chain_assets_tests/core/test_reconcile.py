"""The plan: doing it makes have equal to want; nothing is done where they are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.reconcile import Plan, reconcile

BLOCKS = st.dictionaries(st.integers(0, 30), st.sampled_from("abc"))


@pytest.mark.parametrize(
    ("want", "have", "write", "remove"),
    [
        pytest.param({}, {}, (), (), id="nothing"),
        pytest.param({2: "b", 1: "a"}, {}, (1, 2), (), id="all-new"),
        pytest.param({1: "a"}, {1: "a"}, (), (), id="as-wanted"),
        pytest.param({1: "x"}, {1: "a"}, (1,), (), id="another-hash"),
        pytest.param({}, {3: "a", 1: "a"}, (), (1, 3), id="no-longer-wanted"),
        pytest.param({1: "a", 2: "x"}, {1: "a", 2: "b", 3: "c"}, (2,), (3,), id="a-reorg"),
    ],
)
def test_the_plan_is_the_difference(
    want: dict[int, str], have: dict[int, str], write: tuple[int, ...], remove: tuple[int, ...]
) -> None:
    plan = reconcile(want, have)
    assert plan == Plan(write=write, remove=remove)
    assert bool(plan) == (want != have)
    assert plan.numbers == {*write, *remove}


@given(want=BLOCKS, have=BLOCKS)
def test_doing_the_plan_makes_have_equal_to_want(
    want: dict[int, str], have: dict[int, str]
) -> None:
    plan = reconcile(want, have)
    after = {n: identity for n, identity in have.items() if n not in plan.numbers}
    after |= {n: want[n] for n in plan.write}
    assert after == want
    assert not reconcile(want, after)


@given(want=BLOCKS, have=BLOCKS)
def test_what_is_right_is_left_alone(want: dict[int, str], have: dict[int, str]) -> None:
    right = {n for n in want if have.get(n) == want[n]}
    assert not right & reconcile(want, have).numbers
