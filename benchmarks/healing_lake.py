"""A devnet and a lake of it that is written and followed in this process, for bench_healing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chain_assets.assembly import devnet_spec, read_chain_reference
from chain_assets.chains import Chain, DevnetShape
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.following import Bell, follow
from chain_assets.layers.pipeline import Parts, Writer, run_blocks, write_reference
from chain_assets.layers.report import no_progress
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.store import OpsStore, open_store
from chain_assets.sources.devnet import Devnet, DevnetSource

RANGE = 1_000
DENSITY = 50  # transactions a block


@dataclass(frozen=True)
class Bench:
    """A devnet and a lake of it."""

    chain: Chain
    net: Devnet
    tables: LakeTables
    ops: OpsStore

    @classmethod
    def into(cls, folder: Path, chain: Chain) -> Bench:
        """A new devnet, and the lake in `folder`."""
        tables = LakeTables(Storage(str(folder / "lake")))
        ops = open_store(sqlite_url(folder / "ops.db"))
        return cls(chain, Devnet(devnet_spec(chain)), tables, ops)

    def parts(self, *, patient: bool = False) -> Parts:
        """What the layers work with."""
        writer = Writer(self.tables, self.ops, "bench", patient)
        return Parts(DevnetSource(self.net), writer, LocalEngine(), standard_registry())

    def fill(self) -> None:
        """All blocks through all layers."""
        reference = read_chain_reference(load_settings({}), self.chain, head=self.net.head)
        write_reference(self.chain, reference, self.parts().writer)
        span = BlockRange(0, self.net.head + 1)
        run_blocks(self.chain, [span], self.parts(), progress=lambda layer: no_progress)

    def enriched(self, number: int) -> bytes | None:
        """The hash of the enriched block `number`."""
        rows = self.tables.read(ENRICHED_BLOCKS, columns=["number", "hash"])
        hashes = dict(zip(rows["number"].to_pylist(), rows["hash"].to_pylist(), strict=True))
        return hashes.get(number)


def bench_chain(*, blocks: int, density: int = DENSITY) -> Chain:
    """A devnet with ranges of a thousand blocks."""
    return replace(
        load_settings({}).chain("devnet"),
        ranges=(Delimiter(0, RANGE),),
        finality=64,
        block_time_seconds=1.0,
        devnet=DevnetShape(seed=5, blocks=blocks, transactions_per_block=density),
    )


@contextmanager
def followed(bench: Bench) -> Iterator[Bell]:
    """A follower while the block runs."""
    bell = Bell()

    def run() -> None:
        follow(bench.chain, bench.parts(patient=True), bell, pause=lambda: 0.5)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield bell
    finally:
        bell.stop()
        thread.join()


class Watch:
    """Sees when a block is enriched, in a lake that somebody else writes."""

    def __init__(self, bench: Bench) -> None:
        self._bench = replace(bench, tables=LakeTables(bench.tables.storage))

    def seconds_until(self, number: int, *, since: float) -> float:
        """From `since` until block `number`, as the chain has it, is enriched."""
        block = self._bench.net.canonical_block(number)
        assert block is not None
        while self._bench.enriched(number) != block.hash:
            time.sleep(0.005)
        return time.perf_counter() - since
