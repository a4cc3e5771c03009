"""What a devnet is made from, and which of its forks a block stands on.

A block is a pure function of (spec, number, fork): the same three give the same bytes in every
process and on every machine.

    trunk         100  101  102  103
    its branch               102' 103' 104'      after a reorg that replaced 102 and 103
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chain_assets.core.errors import ConfigError

_LIMIT = 2**40  # no block number, timestamp or chain id of a real chain is near it


@dataclass(frozen=True, kw_only=True)
class DevnetSpec:
    """A made-up chain.

    `transactions_per_block` is the mean; 200 is Ethereum mainnet's density and brings about 450
    logs. `blocks` is how many blocks there are before anything else happens. Blocks are built
    upward from `first_block`, because each header holds its parent's hash: a chain that is to
    show high numbers starts at a high `first_block`, whose own parent is nowhere. Block 0 holds
    nothing, as a genesis does.

    `genesis_timestamp` is the time of block `first_block`, in Unix seconds.
    """

    seed: int = 1
    chain: str = "devnet"
    chain_id: int = 1337
    transactions_per_block: int = 200
    withdrawals_per_block: int = 16
    first_block: int = 0
    blocks: int = 128
    genesis_timestamp: int = 1_750_000_000
    block_time_seconds: int = 12
    finality_depth: int = 64

    def __post_init__(self) -> None:
        lowest = {
            "seed": 0,
            "chain_id": 1,
            "transactions_per_block": 0,
            "withdrawals_per_block": 0,
            "first_block": 0,
            "blocks": 1,
            "genesis_timestamp": 0,
            "block_time_seconds": 1,
            "finality_depth": 0,
        }
        for field, least in lowest.items():
            value = getattr(self, field)
            if not least <= value < _LIMIT:
                raise ConfigError(
                    f"{field} is {value}",
                    chain=self.chain,
                    todo=f"Give the devnet a {field} of at least {least} and below 2^40",
                )

    def timestamp(self, number: int) -> int:
        """The Unix time of block `number`, on every fork."""
        return self.genesis_timestamp + (number - self.first_block) * self.block_time_seconds

    def number_at(self, time: float) -> int:
        """The newest block at Unix time `time`; `first_block` is there from the beginning."""
        passed = int(time - self.genesis_timestamp) // self.block_time_seconds
        return self.first_block + max(0, passed)


@dataclass(frozen=True)
class Fork:
    """A line of blocks from `start` on; the blocks below are those of its parent.

    `name` sets its blocks apart from those of all other lines. It stands for the whole lineage,
    so that two lines of one name have the same blocks, whoever made them.
    """

    name: str
    start: int
    parent: Fork | None = None

    def holder(self, number: int) -> Fork:
        """The fork that block `number` of this line was made on."""
        fork = self
        while number < fork.start and fork.parent is not None:
            fork = fork.parent
        return fork

    def branch(self, start: int, *, purpose: str) -> Fork:
        """A new line that leaves this one below block `start`."""
        lineage = f"{self.name} {purpose} {start}".encode()
        return Fork(hashlib.sha256(lineage).hexdigest()[:16], start, self)
