"""Which rules a chain's blocks are proved by: its family's, and where it leaves them.

A rule may excuse a part of the proof, with its reason: that part is still tried, and counts as
proved when it holds, but where it does not hold it is "not proved" (NULL) and not "wrong". A chain
that is named nowhere here follows its family strictly: a header or a transaction of a form that
its rules do not know fails, and is never passed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from chain_assets.core.errors import ConfigError
from chain_assets.core.proofs.encodings import (
    ARBITRUM_TRANSACTIONS,
    CELO_RECEIPT,
    CELO_TRANSACTIONS,
    DEPOSIT,
    DEPOSIT_RECEIPT,
    ETHEREUM_TRANSACTIONS,
    OP_STACK_TRANSACTIONS,
)

ProofFamily = Literal["ethereum", "op_stack", "arbitrum", "bor"]
Part = Literal[
    "block_hash", "transactions_root", "receipts_root", "withdrawals_root", "logs_bloom", "rows"
]
"""What is proved of a block. `rows` are the checks that no root covers: sequences and sums."""

PARTS: tuple[Part, ...] = get_args(Part)

_FAMILY_TRANSACTIONS: dict[ProofFamily, dict[int, tuple[str, ...]]] = {
    "ethereum": ETHEREUM_TRANSACTIONS,
    "op_stack": ETHEREUM_TRANSACTIONS | OP_STACK_TRANSACTIONS,
    "arbitrum": ETHEREUM_TRANSACTIONS | ARBITRUM_TRANSACTIONS,
    "bor": ETHEREUM_TRANSACTIONS,
}


@dataclass(frozen=True)
class _Opaque:
    """A transaction type whose encoding, or whose receipt's, cannot be rebuilt; and why.

    It exists in blocks from `since` on and before `before` (None: for ever), with `last` as the
    last of its block only: anywhere else it is no excuse, or a node could have a block pass
    unproved by one wrong type.
    """

    why: str
    receipt: bool = False
    since: int = 0
    before: int | None = None
    last: bool = False

    def covers(self, number: int) -> bool:
        """Whether block `number` may have such transactions."""
        return self.since <= number and (self.before is None or number < self.before)


@dataclass(frozen=True)
class _Excuse:
    """Parts of the proof that do not bind blocks before `before` (None: any block)."""

    parts: tuple[Part, ...]
    why: str
    before: int | None = None


# PIP-74, since the fork called Madhugiri.
_STATE_SYNC = _Opaque(
    "is a state-sync transaction, hashed over events of Ethereum", receipt=True, last=True
)
_FAMILY_OPAQUE: dict[ProofFamily, dict[int, _Opaque]] = {
    "ethereum": {},
    "op_stack": {},
    "arbitrum": {},
    "bor": {0x7F: _STATE_SYNC},
}
_NITRO = 22_207_817
# Mainnet, Alfajores, Baklava, Sepolia.
_CELO = (42220, 44787, 62320, 11142220)
_CHAIN_TRANSACTIONS = dict.fromkeys(_CELO, CELO_TRANSACTIONS)
_CHAIN_TAILS = {chain_id: {0x7B: CELO_RECEIPT} for chain_id in _CELO}
_L1_MESSAGE = _Opaque("is a Scroll message from layer 1, hashed over its queue index")
_MANTLE_DEPOSIT = _Opaque("is a Mantle deposit, hashed over ethValue", receipt=True)
_CHAIN_OPAQUE: dict[int, dict[int, _Opaque]] = {
    137: {0x7F: replace(_STATE_SYNC, since=80_084_800)},
    80002: {0x7F: replace(_STATE_SYNC, since=28_899_616)},
    42161: {
        0x78: _Opaque(
            "is a transaction of Arbitrum Classic, whose hash was made before Nitro", before=_NITRO
        )
    },
    5000: {DEPOSIT: _MANTLE_DEPOSIT},
    5003: {DEPOSIT: _MANTLE_DEPOSIT},
    534351: {DEPOSIT: _L1_MESSAGE},
    534352: {DEPOSIT: _L1_MESSAGE},
}

_AVALANCHE = _Excuse(
    ("block_hash",), "an Avalanche header also holds extDataHash, which no column holds"
)
# Frontier's RPC: it divides the timestamp by 1000, and adds the base fee from the runtime.
_MOONBEAM = _Excuse(
    ("block_hash",), "a Moonbeam header holds milliseconds, which nodes do not say, and no base fee"
)
_FANTOM = _Excuse(PARTS, "a Fantom or Sonic block is an event of its consensus, not a header")
_ZKSYNC = _Excuse(PARTS, "a ZKsync block has no tries: its batches are proved on layer 1")
_CELO_LAYER_1 = "Celo was a layer 1 with formats of its own"
_CHAIN_EXCUSES: dict[int, _Excuse] = {
    146: _FANTOM,
    250: _FANTOM,
    300: _ZKSYNC,
    324: _ZKSYNC,
    1284: _MOONBEAM,
    1285: _MOONBEAM,
    1287: _MOONBEAM,
    4002: _FANTOM,
    42161: _Excuse(PARTS, "Arbitrum Classic made blocks by other rules", before=_NITRO),
    42220: _Excuse(PARTS, _CELO_LAYER_1, before=31_056_500),
    44787: _Excuse(PARTS, _CELO_LAYER_1, before=26_384_000),
    62320: _Excuse(PARTS, _CELO_LAYER_1, before=28_308_600),
    43113: _AVALANCHE,
    43114: _AVALANCHE,
}

# Gnosis: the first block after its Merge. Other AuRa chains are told by the seals that they have.
_FIRST_WITHOUT_AURA = {100: 25_349_537}
# The first block whose receipts hold a status and no state root (EIP-658): Byzantium, Atlantis.
_FIRST_STATUS = {1: 4_370_000, 61: 8_772_000}
# Where prices of gas and addresses of contracts follow Ethereum's rules, and from which block on.
# Elsewhere they may not: Arbitrum and ZKsync take no tips, on Celo and Mantle a token has its say,
# and Gnosis let some senders pay less than the base fee.
_ETHEREUM_SINCE = {
    **dict.fromkeys((1, 5, 11155111, 17000, 560048, 61), 0),
    # The OP Stack before Bedrock gave messages from layer 1 the nonces of their queue.
    10: 105_235_063,
    **dict.fromkeys((8453, 84531, 84532, 11155420, 7777777, 34443, 130, 480, 81457), 0),
    **dict.fromkeys((137, 80002, 56, 1337, 1338), 0),
}
# Of chains whose blob schedule is known: from which second on which fraction holds (EIP-7840), and
# from when on it is not known here. Mainnet: Cancun, Prague (EIP-7691), Osaka.
_BLOB_FRACTIONS: dict[int, tuple[tuple[int, int | None], ...]] = {
    1: ((1_710_338_135, 3_338_477), (1_746_612_311, 5_007_716), (1_764_798_551, None)),
}


@dataclass(frozen=True)
class ProofRules:
    """The rules of one chain. Small, comparable and picklable: it crosses to the workers."""

    family: ProofFamily
    chain_id: int

    @property
    def transactions(self) -> Mapping[int, tuple[str, ...]]:
        """The transaction types that can be rebuilt, with the fields of each, in order."""
        known = _FAMILY_TRANSACTIONS[self.family] | _CHAIN_TRANSACTIONS.get(self.chain_id, {})
        opaque = self._opaque
        return {kind: fields for kind, fields in known.items() if kind not in opaque}

    def opaque(self, kind: int, number: int) -> str | None:
        """Why transactions of type `kind`, known to the chain, cannot be rebuilt in block `number`;
        else None."""
        opaque = self._opaque.get(kind)
        return opaque.why if opaque and opaque.covers(number) else None

    def only_last(self, kind: int) -> bool:
        """Whether such a transaction, which cannot be rebuilt, is always the last of its block."""
        return self._opaque[kind].last

    def opaque_receipt(self, kind: int, number: int) -> bool:
        """Whether receipts of type `kind` have a form that is not known here."""
        opaque = self._opaque.get(kind)
        return opaque is not None and opaque.receipt and opaque.covers(number)

    @property
    def receipt_tails(self) -> Mapping[int, tuple[str, ...]]:
        """What receipts of a type end with, where there is the last of it."""
        of_family = {DEPOSIT: DEPOSIT_RECEIPT} if self.family == "op_stack" else {}
        return of_family | _CHAIN_TAILS.get(self.chain_id, {})

    def excuse(self, part: Part, number: int) -> str | None:
        """Why `part` does not bind block `number`; None where it does."""
        excuse = _CHAIN_EXCUSES.get(self.chain_id)
        if excuse is None or part not in excuse.parts:
            return None
        return excuse.why if excuse.before is None or number < excuse.before else None

    @property
    def first_status(self) -> int:
        """The first block whose receipts hold a status instead of a state root (EIP-658).

        Some nodes make up a status for older receipts too. 0 for chains that are younger than
        that; a receipt of theirs that has only a root is still encoded with it.
        """
        return _FIRST_STATUS.get(self.chain_id, 0)

    @property
    def first_without_aura(self) -> int:
        """The block before which every header has an AuRa seal, whether it is supplied or not."""
        return _FIRST_WITHOUT_AURA.get(self.chain_id, 0)

    @property
    def ethereum_since(self) -> int | None:
        """The first block whose receipts say what Ethereum's rules derive; None where it is not
        known to be so (core/proofs/derived_checks.py)."""
        return _ETHEREUM_SINCE.get(self.chain_id)

    def blob_fraction(self, timestamp: int) -> int | None:
        """What excess blob gas was divided by at that second; None where it is not known."""
        reached = [f for since, f in _BLOB_FRACTIONS.get(self.chain_id, ()) if since <= timestamp]
        return reached[-1] if reached else None

    @property
    def _opaque(self) -> dict[int, _Opaque]:
        return _FAMILY_OPAQUE[self.family] | _CHAIN_OPAQUE.get(self.chain_id, {})


def rules_for(family: str, chain_id: int) -> ProofRules:
    """The rules of a chain, by its `proof_rules` in chains.toml and its id. Raises ConfigError."""
    for known in _FAMILY_TRANSACTIONS:
        if family == known:
            return ProofRules(known, chain_id)
    raise ConfigError(
        f"no rules of proof are called {family!r}",
        todo=f"Set proof_rules to one of {', '.join(_FAMILY_TRANSACTIONS)}",
    )
