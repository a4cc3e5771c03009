"""A run that dies right after the metadata came has left nobody asleep who waited for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chain_assets.core.enrich import ReferenceTables
from chain_assets.layers.pipeline import write_reference
from chain_assets_tests.killing import killed_at
from chain_assets_tests.lake_fixtures import Pipeline, small_chain


def test_blocks_are_woken_though_the_run_that_brought_what_they_missed_was_killed(
    tmp_path: Path,
) -> None:
    chain = replace(small_chain(), requires=("token_metadata",))
    pipeline = Pipeline.on_devnet(tmp_path, chain=chain)
    complete = pipeline.reference()
    nothing = ReferenceTables(complete.labels, complete.tokens.slice(0, 0), complete.prices)
    write_reference(chain, nothing, pipeline.writer())
    pipeline.run(0, 9, reference=False)
    held = pipeline.ops.holds.find(chain.name, stage="enrich")
    assert held
    assert not pipeline.ops.holds.due(chain.name)
    with killed_at("reference written"):
        write_reference(chain, complete, pipeline.writer())
    write_reference(chain, complete, pipeline.writer())
    assert len(pipeline.ops.holds.due(chain.name)) == len(held)
