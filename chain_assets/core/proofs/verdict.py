"""What was recomputed against what the blocks say of themselves: verdicts, levels and reasons.

A part of a block is proved (true), wrong (false), or not proved (NULL): the source did not supply
what it needs, or the chain's rules excuse it. Verdicts are compared for all blocks at once; only a
block that is not proved in full costs Python, for its reason.

    any part wrong, or a row check failed   failed
    else any part not proved                partial
    else                                    full
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from chain_assets.core.proofs.absent import absent_receipt_fields, missing_header_fields
from chain_assets.core.proofs.batch import Bytes, Longs, Mask, ProofBatch, Recomputed
from chain_assets.core.proofs.columns import in_words, same_rows
from chain_assets.core.proofs.encodings import HEADER_START, MAY_BE_ABSENT
from chain_assets.core.proofs.row_checks import first_bad_rows, foreign_transactions
from chain_assets.core.proofs.rules import Part
from chain_assets.core.trie import EMPTY_TRIE_ROOT

Level = Literal["full", "partial", "failed"]
"""How far a block is proved against its own header."""

_NULL = -1  # beside 1 for proved and 0 for wrong
_WHAT: dict[Part, str] = {
    "block_hash": "block hash",
    "transactions_root": "transactions root",
    "receipts_root": "receipts root",
    "withdrawals_root": "withdrawals root",
    "logs_bloom": "logs bloom",
}


@dataclass
class Verdicts:
    """The verdicts on the parts of n blocks, and the reasons collected so far."""

    parts: dict[Part, Longs] = field(default_factory=dict)
    failed: dict[int, list[str]] = field(default_factory=dict)
    lowered: dict[int, list[str]] = field(default_factory=dict)

    def fail(self, block: int, reason: str) -> None:
        """Something of the block is wrong."""
        self.failed.setdefault(block, []).append(reason)

    def lower(self, block: int, reason: str) -> None:
        """Something of the block is not proved."""
        self.lowered.setdefault(block, []).append(reason)

    def level(self, block: int) -> Level:
        """How far the block is proved."""
        return "failed" if block in self.failed else "partial" if block in self.lowered else "full"

    def reason(self, block: int) -> str | None:
        """Why it is not proved in full: what is wrong first, then what is not proved."""
        return "; ".join(self.failed.get(block, []) + self.lowered.get(block, [])) or None


def judge(batch: ProofBatch, recomputed: Recomputed, senders: Mask | None = None) -> Verdicts:
    """Compare. `senders` marks the transactions whose `from_address` did not sign them."""
    verdicts = Verdicts()
    _settle(verdicts, batch, _header(batch, recomputed))
    _settle(verdicts, batch, _transactions(batch, recomputed))
    for claim in _receipts(batch, recomputed):
        _settle(verdicts, batch, claim)
    _settle(verdicts, batch, _withdrawals(batch, recomputed))
    for block in batch.transaction_owners[batch.state_sync].tolist():
        verdicts.lower(block, "the state-sync transaction, its last, stands outside both roots")
    for block, reason in foreign_transactions(batch):
        verdicts.fail(block, reason)
    for block, reason in first_bad_rows(batch, recomputed, senders):
        excuse = batch.rules.excuse("rows", batch.blocks["number"][block].as_py())
        if excuse is None:
            verdicts.fail(block, reason)
        else:
            verdicts.lower(block, f"{reason}: {excuse}")
    return verdicts


@dataclass(frozen=True)
class _Claim:
    """That `ours`, a row a block, is what the blocks' column says; and where it need not be.

    Blocks are keys. `unsupplied` have not all that the part is proved with; `excused` may differ by
    their chain's rules; those `outside` do not have the part.
    """

    part: Part
    column: str
    ours: Bytes
    unsupplied: Mapping[int, str] = field(default_factory=dict)
    excused: Mapping[int, str] = field(default_factory=dict)
    outside: Set[int] = frozenset()


def _header(batch: ProofBatch, recomputed: Recomputed) -> _Claim:
    unsupplied = {
        block: f"the source did not supply {name}"
        for block, name in enumerate(missing_header_fields(batch.blocks, batch.rules))
        if name is not None
    }
    return _Claim("block_hash", "hash", recomputed.block_hashes, unsupplied)


def _transactions(batch: ProofBatch, recomputed: Recomputed) -> _Claim:
    """Blocks with a transaction that cannot be rebuilt have no root to compare."""
    kinds = batch.transactions["type"].to_numpy()
    unsupplied: dict[int, str] = {}
    for row in np.flatnonzero(~(batch.rebuilt | batch.state_sync)).tolist():
        block, kind = int(batch.transaction_owners[row]), int(kinds[row])
        place = row - int(batch.transaction_starts[block])
        number = batch.blocks["number"][block].as_py()
        why = batch.rules.opaque(kind, number) or "is not known to the rules of this chain"
        if row in batch.unsupplied_fields:
            why = f"is hashed over {batch.unsupplied_fields[row]}, which the source did not supply"
        unsupplied.setdefault(block, f"transaction {place}, of type {kind:#x}, {why}")
    return _Claim(
        "transactions_root", "transactions_root", recomputed.transactions_roots, unsupplied
    )


def _receipts(batch: ProofBatch, recomputed: Recomputed) -> tuple[_Claim, _Claim]:
    """The receipts root and the logs bloom."""
    unsupplied = {
        int(block): "the source did not supply the receipts"
        for block in np.flatnonzero(~batch.has_receipts)
    }
    kinds = batch.transactions["type"].to_numpy()
    excused = {
        block: f"receipts of type {kind:#x} have a form of their own"
        for kind in np.unique(kinds).tolist()
        for block in np.unique(batch.transaction_owners[kinds == kind]).tolist()
        if batch.rules.opaque_receipt(kind, batch.blocks["number"][block].as_py())
    }
    for kind, tail in batch.rules.receipt_tails.items():
        if tail[-1] not in MAY_BE_ABSENT:
            rows = (kinds == kind) & ~batch.transactions[tail[-1]].is_valid().to_numpy()
            why = f"receipts of type {kind:#x} end with {tail[-1]}, which the source did not supply"
            excused |= dict.fromkeys(np.unique(batch.transaction_owners[rows]).tolist(), why)
    blooms = _block_blooms(batch, recomputed.receipt_blooms)
    without = _without_a_field(batch) | _without_state_roots(batch) | unsupplied
    return (
        _Claim("receipts_root", "receipts_root", recomputed.receipts_roots, without, excused),
        _Claim("logs_bloom", "logs_bloom", blooms, unsupplied),
    )


def _without_a_field(batch: ProofBatch) -> dict[int, str]:
    """Blocks with a receipt that lacks what it is hashed over."""
    found: dict[int, str] = {}
    for row, name in absent_receipt_fields(batch.transactions, batch.rules).items():
        block = int(batch.transaction_owners[row])
        if not batch.state_sync[row]:
            place = row - int(batch.transaction_starts[block])
            why = f"receipt {place} is hashed over {name}, which the source did not supply"
            found.setdefault(block, why)
    return found


def _without_state_roots(batch: ProofBatch) -> dict[int, str]:
    """Blocks before Byzantium whose receipts have no state root, though they are hashed with it."""
    numbers = batch.blocks["number"].to_numpy()
    if not (numbers < batch.rules.first_status).any():
        return {}
    no_root = ~batch.transactions["root"].is_valid().to_numpy()
    blocks = np.unique(batch.transaction_owners[no_root])
    old = blocks[numbers[blocks] < batch.rules.first_status]
    why = "the source did not supply the state roots of the receipts"
    return dict.fromkeys(old.tolist(), why)


def _block_blooms(batch: ProofBatch, receipt_blooms: Bytes) -> Bytes:
    blooms = np.zeros((batch.blocks.num_rows, 256), np.uint8)
    if batch.state_sync.any():
        receipt_blooms = np.where(batch.state_sync[:, None], np.uint8(0), receipt_blooms)
    parts, bounds = in_words(receipt_blooms), pairwise(batch.transaction_starts.tolist())
    # A block at a time: numpy's reduceat, which takes all at once, is five times slower.
    for bloom, (start, stop) in zip(in_words(blooms), bounds, strict=True):
        np.bitwise_or.reduce(parts[start:stop], axis=0, out=bloom)
    return blooms


def _withdrawals(batch: ProofBatch, recomputed: Recomputed) -> _Claim:
    counts = batch.blocks["withdrawal_count"].to_pylist()
    roots = batch.blocks["withdrawals_root"].to_pylist()
    pairs = list(enumerate(zip(counts, roots, strict=True)))
    excused: dict[int, str] = {}
    if batch.rules.family == "op_stack":
        # Since Isthmus, which also brought the requests hash, it is the storage root of the
        # contract L2ToL1MessagePasser (OP Stack specification, "Isthmus: L2 execution engine").
        isthmus = batch.blocks["requests_hash"].is_valid().to_pylist()
        why = "since Isthmus it is a storage root, which needs the state"
        excused = {block: why for block, (count, _) in pairs if isthmus[block] and not count}
    return _Claim(
        "withdrawals_root",
        "withdrawals_root",
        recomputed.withdrawals_roots,
        unsupplied={
            block: "the source did not supply the withdrawals"
            for block, (count, root) in pairs
            if count is None and root not in (None, EMPTY_TRIE_ROOT) and block not in excused
        },
        excused=excused,
        outside={block for block, (count, root) in pairs if root is None and not count},
    )


def _settle(verdicts: Verdicts, batch: ProofBatch, claim: _Claim) -> None:
    """Set the verdict on a claim, with a reason for every block where it does not hold."""
    equal = same_rows(claim.ours, batch.blocks[claim.column])
    equal[list(claim.unsupplied)] = False
    verdict = equal.astype(np.int64)
    for block in np.flatnonzero(~equal).tolist():
        number, theirs = (batch.blocks[name][block].as_py() for name in ("number", claim.column))
        why = claim.unsupplied.get(block) or claim.excused.get(block)
        why = why or batch.rules.excuse(claim.part, number)
        if theirs is None and claim.column in HEADER_START:
            why = f"the source did not supply {claim.column}"
        if block in claim.outside:
            verdict[block] = _NULL
        elif why is not None:
            verdict[block] = _NULL
            verdicts.lower(block, f"{_WHAT[claim.part]}: {why}")
        else:
            verdicts.fail(block, _difference(claim.part, claim.ours[block].tobytes(), theirs))
    verdicts.parts[claim.part] = verdict


def _difference(part: Part, ours: bytes, theirs: bytes | None) -> str:
    if theirs is None:
        return f"{_WHAT[part]}: the header has none, but the block has what it would cover"
    if part == "logs_bloom":
        return "logs bloom differs: the logs give another one than the header has"
    maker = "header hashes" if part == "block_hash" else f"{part.split('_')[0]} hash"
    return f"{_WHAT[part]} differs: the {maker} to 0x{ours.hex()}, the block says 0x{theirs.hex()}"
