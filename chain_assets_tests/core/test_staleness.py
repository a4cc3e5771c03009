"""How far a layer is behind the head."""

from __future__ import annotations

import pytest

from chain_assets.core.staleness import Lag, Tip, lag_of


@pytest.mark.parametrize(
    ("held", "head", "lag"),
    [
        pytest.param(Tip(10, 120.0), Tip(10, 120.0), Lag(0, 0.0), id="at the head"),
        pytest.param(Tip(4, 48.0), Tip(10, 120.0), Lag(6, 72.0), id="behind"),
        pytest.param(Tip(11, 132.0), Tip(10, 120.0), Lag(0, 0.0), id="above a shorter chain"),
        pytest.param(Tip(9, 120.0), Tip(10, 120.0), Lag(1, 0.0), id="two blocks of one second"),
    ],
)
def test_the_lag_is_blocks_and_seconds_of_chain_time(held: Tip, head: Tip, lag: Lag) -> None:
    assert lag_of(held, head=head) == lag
