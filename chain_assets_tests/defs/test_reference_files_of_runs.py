"""A person's reference files in Dagster: a row of a chain that nobody knows fails the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.schemas.reference import TOKEN_PRICES
from chain_assets_tests.defs.lab import CHAIN, failure_of, lab_settings, open_lab

_PRICES = """chain,token_address,price_at,price_usd,source,as_of
lab-net,,2020-01-01T00:00:00Z,2.5,mine,
{other},,2020-01-01T00:00:00Z,3.5,mine,
"""


@pytest.mark.parametrize(
    ("other", "known"),
    [
        pytest.param("lab-two", True, id="another-chain-of-ours"),
        pytest.param("lab-tow", False, id="misspelt"),
    ],
)
def test_a_misspelt_chain_fails_the_run_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str, known: bool
) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "token_prices.csv").write_text(_PRICES.format(other=other))
    # No block waits for a price: these are of no use to any.
    chain = replace(CHAIN, requires=())
    own = lab_settings(chain, tmp_path / "lake", "local")
    chains = {chain.name: chain, "lab-two": replace(chain, name="lab-two", chain_id=1338)}
    settings = replace(own, chains=chains, reference=folder)
    with open_lab(tmp_path, monkeypatch, chain=chain, settings=settings) as lab:
        result = lab.run(*lab.open_ranges())
        assert result.success == known, failure_of(result)
        if known:
            assert lab.tables.read(TOKEN_PRICES, chain=CHAIN.name).num_rows == 1
        else:
            assert "ReferenceFileError" in failure_of(result)
            assert "token_prices.csv" in failure_of(result)
            assert "lab-tow" in failure_of(result)
