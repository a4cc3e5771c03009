"""Whatever changes are lost: others take their numbers that can be applied, and end as they did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.lost_steps import lost_steps
from chain_assets.core.reorgs import BlockId, Step, changes_between, replay


def _journal(forks: list[tuple[int, int]]) -> list[Step]:
    """A chain that grows, is replaced `depth` blocks deep, and comes back to sides it had."""
    chain: list[BlockId] = []
    told: list[Step] = []
    for depth, side in forks:
        kept = chain[: max(0, len(chain) - depth)]
        top = len(chain) + 1
        after = [*kept, *((n, bytes([side, n])) for n in range(len(kept), top))]
        told += changes_between(chain, after).steps()
        chain = after
    return told


@given(
    forks=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=8),
    data=st.data(),
)
def test_they_replay_to_what_is_canonical(
    forks: list[tuple[int, int]], data: st.DataObject
) -> None:
    journal = dict(enumerate(_journal(forks), 1))
    canonical = dict(replay(journal.values()))
    seen = dict.fromkeys(block for block, _ in journal.values())
    orphans = [block for block in seen if canonical.get(block[0]) != block[1]]
    whole_file = data.draw(st.booleans())
    if whole_file:
        first = data.draw(st.integers(1, len(journal)))
        holes = list(range(first, data.draw(st.integers(first, len(journal))) + 1))
    else:
        number = data.draw(st.sampled_from(sorted(canonical)))
        holes = [at for at, (block, _) in journal.items() if block[0] >= number]
    left = {at: step for at, step in journal.items() if at not in holes}
    found = lost_steps(left, holes, canonical=canonical, orphans=orphans)
    assert sorted(found) == holes
    again = replay(step for _, step in sorted((left | found).items()))
    # What is put in last may be left to be told after it.
    assert len(again ^ set(canonical.items())) <= len(orphans)
    assert again <= {*canonical.items(), *orphans}


def test_a_reorg_is_told_from_the_old_head_down_and_up_again() -> None:
    old, new = [(n, bytes([1, n])) for n in range(3)], [(n, bytes([2, n])) for n in (1, 2)]
    journal: list[Step] = [(block, 1) for block in old]
    journal += [(old[2], -1), (old[1], -1), *((block, 1) for block in new)]
    canonical = dict([old[0], *new])
    found = lost_steps({}, range(1, 8), canonical=canonical, orphans=old[1:])
    assert [step for _, step in sorted(found.items())] == journal


def test_what_contradicts_itself_is_no_journal() -> None:
    with pytest.raises(ValueError, match="more changes are lost"):
        lost_steps({2: ((5, b"a"), -1)}, [], canonical={}, orphans=[])
