"""What the pipeline lives in: a chain that a node serves, a lake on a small disk, metadata.

All of it belongs to the storm's process, and outlives the processes that are killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.block_range import Delimiter
from chain_assets.core.enrich import ReferenceTables
from chain_assets.lake.reference_files import reference_from_rows
from chain_assets.lake.storage import Storage
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.store import OpsStore, open_store
from chain_assets.sources.devnet import Devnet, DevnetSpec, serve
from chain_assets.sources.devnet.reference import devnet_labels, devnet_prices, devnet_tokens
from chain_assets.sources.devnet.spec import Fork
from chain_assets_tests.lake_fixtures import s3_lake, small_disk

BLOCKS = 96
MAX_REORG_DEPTH = 48
# Prices are made for so many blocks: the chain never grows that long in a storm.
_MOST_BLOCKS = 1_000
_DISK_KIB = 512 * 1024
_HOUR = 3_600


def chaos_chain(*, blocks_per_range: int) -> Chain:
    """A chain of a block an hour, each of which waits for its own price."""
    return replace(
        load_settings({}).chain("devnet"),
        source="rpc",
        ranges=(Delimiter(0, blocks_per_range),),
        block_time_seconds=float(_HOUR),
        finality=80,
        max_reorg_depth=MAX_REORG_DEPTH,
        requires=("native_price", "token_metadata"),
        max_price_age=_HOUR // 2,
        devnet=None,
    )


@dataclass
class Metadata:
    """Labels, tokens and prices, of which some come late, and one never."""

    complete: ReferenceTables
    late_prices: set[int]
    late_tokens: set[bytes]
    never: int
    genesis: int

    @property
    def now(self) -> ReferenceTables:
        """What is there now."""
        missing = [self.genesis + n * _HOUR for n in (*self.late_prices, self.never)]
        hours = pa.array([t - t % _HOUR for t in missing], pa.timestamp("s", "UTC"))
        prices, tokens = self.complete.prices, self.complete.tokens
        late = pc.and_(
            pc.is_null(prices["token_address"]),
            pc.is_in(prices["price_at"], hours.cast(prices["price_at"].type)),
        )
        unknown = pc.is_in(tokens["address"], pa.array(sorted(self.late_tokens), pa.binary()))
        return replace(
            self.complete,
            prices=prices.filter(pc.invert(late)),
            tokens=tokens.filter(pc.invert(unknown)),
        )

    def arrive(self, draws: Random) -> bool:
        """One of what is late comes; False where nothing is left to come."""
        if self.late_tokens:
            self.late_tokens.clear()
        elif self.late_prices:
            self.late_prices.remove(draws.choice(sorted(self.late_prices)))
        else:
            return False
        return True


@dataclass
class World:
    """`disk` is the file system that can be filled, None where none could be mounted. The ops store
    is on it, and the lake where that is not a bucket."""

    chain: Chain
    net: Devnet
    url: str
    lake: Storage
    ops_url: str
    clean_lake: Storage
    folder: Path
    disk: Path | None
    metadata: Metadata
    old_forks: list[Fork] = field(default_factory=list)
    highest: int = 0

    def ops(self) -> OpsStore:
        """The ops store, for the storm's own process."""
        return open_store(self.ops_url, actor="storm")

    @property
    def head(self) -> int:
        """The chain's newest block."""
        return self.net.head


@contextmanager
def open_world(folder: Path, *, seed: int, s3: bool = False) -> Iterator[World]:
    """A new chain, whose node listens until the end of the block, and an empty lake: a folder, or
    with `s3` a bucket."""
    # Fewer ranges are fewer commits, over which a bucket takes its time.
    chain = chaos_chain(blocks_per_range=30 if s3 else 10)
    spec = DevnetSpec(
        seed=seed,
        chain=chain.name,
        chain_id=chain.chain_id,
        transactions_per_block=3,
        withdrawals_per_block=2,
        blocks=BLOCKS,
        block_time_seconds=_HOUR,
        finality_depth=chain.finality or 0,
    )
    net = Devnet(spec)
    with ExitStack() as stack:
        disk = _mount(stack, folder / "disk")
        local = (disk or folder) / "lake"
        local.mkdir(parents=True)
        yield World(
            chain=chain,
            net=net,
            url=stack.enter_context(serve(net)),
            lake=stack.enter_context(s3_lake()) if s3 else Storage(str(local)),
            ops_url=sqlite_url(local / "ops.db"),
            clean_lake=Storage(str(folder / "clean")),
            folder=folder,
            disk=disk,
            metadata=_metadata(chain, net, Random(seed)),
            highest=net.head,
        )


def _mount(stack: ExitStack, folder: Path) -> Path | None:
    try:
        return stack.enter_context(small_disk(folder, kib=_DISK_KIB))
    except pytest.skip.Exception:
        return None


def _metadata(chain: Chain, net: Devnet, draws: Random) -> Metadata:
    spec = net.spec
    complete = reference_from_rows(
        devnet_labels(spec),
        devnet_tokens(spec),
        devnet_prices(spec, spec.timestamp(0), spec.timestamp(_MOST_BLOCKS)),
        chain=chain.name,
        origin="devnet",
    )
    known = set(complete.tokens["address"].to_pylist())
    never, *late = draws.sample(range(BLOCKS), 4)
    return Metadata(complete, set(late), {_rarest(net, known)}, never, spec.genesis_timestamp)


def _rarest(net: Devnet, tokens: set[bytes]) -> bytes:
    """The token that moves in the fewest blocks, but in some: about one in a hundred."""
    blocks: Counter[bytes] = Counter()
    for number in range(net.head + 1):
        block = net.canonical_block(number)
        assert block is not None
        blocks.update({log.address for r in block.receipts for log in r.logs} & tokens)
    return min(blocks, key=lambda token: (blocks[token], token))
