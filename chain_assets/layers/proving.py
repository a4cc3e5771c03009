"""The proof of blocks on their way into the decoded tables, and what is held back by it.

    decoded ─→ prove_blocks ─┬─ full, partial ─→ decoded tables, with their level
    refused ────────────────→└─ failed ────────→ block_proofs alone: held, with the reason

A block that is held is tried again when its blob, the decoder or the verifier has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.block_tables import BlockTables, without_blocks
from chain_assets.core.proofs import VERIFIER, ProofRules, prove_blocks
from chain_assets.core.schemas import BLOCK_PROOFS
from chain_assets.lake.blobs import BlobRef
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.report import HeldBlock

_FAILED = "failed"
_REFUSED = "cannot be decoded: "


@dataclass(frozen=True)
class Proved:
    """The blocks that may go on, their levels in the same order, and the rows of block_proofs."""

    blocks: BlockTables
    levels: list[str]
    proofs: pa.Table
    held: tuple[HeldBlock, ...]


def prove(
    decoded: BlockTables,
    blobs: Sequence[BlobRef],
    *,
    rules: ProofRules,
    decoder_version: str,
    verified_at: datetime,
) -> Proved:
    """Prove the blocks decoded from `blobs`; those refused by the decoder count as failed."""
    verdicts = prove_blocks(decoded, rules=rules).to_pylist()
    kept = without_blocks(decoded, {v["number"] for v in verdicts if v["level"] == _FAILED})
    hashes = {blob.number: blob.hash for blob in blobs}
    refused = [
        {
            "number": error.block,
            "hash": hashes[error.block],
            "level": _FAILED,
            "reason": f"{_REFUSED}{error.what}",
            "verifier_version": VERIFIER,
        }
        for error in decoded.refused
        if error.block is not None
    ]
    made = {"decoder_version": decoder_version, "verified_at": verified_at}
    digests = {blob.number: blob.sha256 for blob in blobs}
    rows = [{**row, **made, "raw_sha256": digests[row["number"]]} for row in (*verdicts, *refused)]
    return Proved(
        blocks=kept,
        levels=[v["level"] for v in verdicts if v["level"] != _FAILED],
        proofs=pa.Table.from_pylist(rows, schema=BLOCK_PROOFS.file_schema).sort_by("number"),
        held=tuple(
            held_block(row["number"], row["hash"], row["reason"])
            for row in rows
            if row["level"] == _FAILED
        ),
    )


def held_block(number: int, block_hash: bytes, reason: str) -> HeldBlock:
    """A block of block_proofs that is held. What refused it, the decoder or a proof, is the stage.

    Another provider, or the same one later, may answer it whole.
    """
    stage: Literal["decode", "prove"] = "decode" if reason.startswith(_REFUSED) else "prove"
    return HeldBlock(number, block_hash, reason, stage=stage, missing=("provider",))


@dataclass(frozen=True)
class Held:
    """A block held back, with what its verdict was about: `identity` as in decoded_blocks."""

    block: HeldBlock
    identity: tuple[bytes, bytes, str]


def read_held(tables: LakeTables, partition: Mapping[str, str]) -> dict[int, Held]:
    """The blocks of a range that are held back, by number."""
    columns = ["number", "hash", "level", "reason", "raw_sha256", "decoder_version"]
    rows = tables.read(BLOCK_PROOFS, columns=columns, **partition)
    failed = rows.filter(pc.equal(rows["level"], _FAILED)).to_pylist()
    return {
        row["number"]: Held(
            held_block(row["number"], row["hash"], row["reason"]),
            (row["hash"], row["raw_sha256"], row["decoder_version"]),
        )
        for row in failed
    }
