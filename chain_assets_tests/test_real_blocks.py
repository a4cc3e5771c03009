"""Every real block of every chain: each table, row and column agrees with the slow route."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.decode import decode_tables
from chain_assets.core.enrich import DecodedRows, enrich
from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES
from chain_assets_tests.slow_route.real_blocks import RealBlock, chains_of, read_chain
from chain_assets_tests.slow_route.sample_reference import sample_reference
from chain_assets_tests.slow_route.tables import (
    assert_enriched_tables_agree,
    assert_tables_agree,
)

Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def chains(real_blocks: Path) -> dict[str, tuple[RealBlock, ...]]:
    return {chain: read_chain(real_blocks, chain) for chain in chains_of(real_blocks)}


def kernel_tables(chain: str, blocks: tuple[RealBlock, ...]) -> Tables:
    decoded = decode_blocks([block.payload for block in blocks], chain=chain)
    assert not decoded.refused
    return decode_tables(
        decoded,
        registry=standard_registry(),
        version="test",
        raw_sha256=[bytes(32)] * len(blocks),
    )


def test_there_are_real_blocks_of_several_chains_with_and_without_receipts(
    chains: dict[str, tuple[RealBlock, ...]],
) -> None:
    blocks = [block for own in chains.values() for block in own]
    assert len(chains) > 1
    assert {block.document["receipts"] is None for block in blocks} == {True, False}


def test_every_decoded_table_agrees_with_the_slow_route(
    chains: dict[str, tuple[RealBlock, ...]],
) -> None:
    for chain, blocks in chains.items():
        tables = kernel_tables(chain, blocks)
        assert set(tables) == {table.name for table in DECODED_TABLES}
        assert_tables_agree(chain, blocks, tables.__getitem__)


def test_a_block_decodes_alone_as_it_does_among_others(
    chains: dict[str, tuple[RealBlock, ...]],
) -> None:
    for chain, blocks in chains.items():
        together = kernel_tables(chain, blocks)
        apart = [kernel_tables(chain, (block,)) for block in blocks]
        for name, table in together.items():
            assert table.equals(pa.concat_tables([one[name] for one in apart])), (chain, name)


def test_every_enriched_table_agrees_with_the_slow_route(
    chains: dict[str, tuple[RealBlock, ...]],
) -> None:
    for chain, blocks in chains.items():
        decoded = kernel_tables(chain, blocks)
        reference, reference_tables = sample_reference(blocks)
        tables = enrich(
            DecodedRows(
                blocks=decoded["decoded_blocks"],
                transactions=decoded["decoded_transactions"],
                calls=decoded["decoded_calls"],
                token_transfers=decoded["decoded_token_transfers"],
            ),
            reference_tables,
            native_decimals=reference.native_decimals,
            max_price_age=reference.max_price_age,
        )
        assert set(tables) == {table.name for table in ENRICHED_TABLES}
        assert_enriched_tables_agree(chain, blocks, tables.__getitem__, reference=reference)
