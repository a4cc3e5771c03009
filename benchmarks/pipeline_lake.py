"""A lake whose raw layer is filled, for benchmarks of the decoded layer.

Chains of a thousand made blocks stand side by side, under names of their own, so that a long run
needs no more than a thousand different blocks: every blob is read, decoded, proved and written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from benchmarks.made_blocks import COUNT, FIRST, MadeBlocks
from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.engine.protocol import Engine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.raw import materialize_raw

_RANGE = BlockRange(FIRST, FIRST + COUNT)


def parts_of(blocks: int) -> list[int]:
    """The lengths of the chains that `blocks` blocks stand in."""
    return [COUNT] * (blocks // COUNT) + ([blocks % COUNT] if blocks % COUNT else [])


def fill(folder: Path, sizes: Sequence[int]) -> None:
    """Store the raw layer of all chains that runs of these sizes need."""
    tables = LakeTables(Storage(str(folder)))
    wanted = {_chain(place, blocks).name: blocks for s in sizes for place, blocks in _places(s)}
    for name, blocks in wanted.items():
        chain = replace(_chain(0, blocks), name=name)
        materialize_raw(
            chain,
            _RANGE,
            source=MadeBlocks(blocks),
            tables=tables,
            numbers=range(FIRST, FIRST + blocks),
        )


def decode(folder: Path, blocks: int, engine: Engine) -> int:
    """Make the decoded layer of the first chains, `blocks` blocks in all; the rows written."""
    tables = LakeTables(Storage(str(folder)))
    reports = [
        materialize_decoded(
            _chain(place, own), _RANGE, tables=tables, engine=engine, registry=standard_registry()
        )
        for place, own in _places(blocks)
    ]
    assert sum(report.written for report in reports) == blocks
    assert not any(report.held for report in reports)
    return sum(commit.rows_added for report in reports for commit in report.commits)


def forget_decoded(folder: Path) -> None:
    """Take the decoded rows away, so that the next run finds the lake as this one did. The tables
    stay: they are made once in a lake's life, not for each range."""
    tables = LakeTables(Storage(str(folder)))
    for table in WRITTEN:
        keys = {file["partition.chain"] for file in tables.live_files(table)}
        for chain in keys:
            partition = {"chain": chain, "block_range": _RANGE.key}
            tables.replace_blocks(table, [], partition=partition, numbers=None)
        for file in (folder / table.name).rglob("*.parquet"):
            if "_delta_log" not in file.parts:
                file.unlink()


def _places(blocks: int) -> list[tuple[int, int]]:
    return list(enumerate(parts_of(blocks)))


@cache
def _chain(place: int, blocks: int) -> Chain:
    devnet = load_settings({}).chain("devnet")
    # A shorter chain is one of its own: a run over it must not find the blocks of a longer one.
    name = f"made-{place}" if blocks == COUNT else f"made-{blocks}"
    return replace(devnet, name=name, ranges=(Delimiter(0, COUNT),))
