"""Proofs of blocks, ours beside rlp + py-trie, on one core: `python benchmarks/bench_proofs.py`.

Ours starts from the decoded columns and does everything: block hash, transaction hashes, three
roots, all blooms, sums and sequences. The peer (rlp and trie.HexaryTrie, from which Python tools
prove roots) starts from lists of bytes and integers, made beforehand, and does only the
transactions root, the receipts root and the block hash, with no blooms and no checks. CPU time
counts what threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import rlp  # type: ignore[import-untyped]

from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, show
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.keccak import keccak256
from chain_assets.core.proofs import prove_blocks, rules_for, warm_up
from chain_assets.core.proofs.batch import ProofBatch, make_batch
from chain_assets.core.proofs.encodings import HEADER_FORKS, HEADER_START, SEAL
from chain_assets.core.proofs.plain import row_items

BLOCKS = 100
PEER_BLOCKS = 10  # of the same blocks: the peer takes long
RULES = rules_for("ethereum", 1337)
BATCHES = (1, 10, 50, 100)


@dataclass(frozen=True)
class Items:
    """What the peer encodes for one block: a list and its EIP-2718 type for each row."""

    transactions: list[tuple[int, list[Any]]]
    receipts: list[tuple[int, list[Any]]]
    header: list[Any]
    roots: tuple[bytes, bytes, bytes]


def peer_items(batch: ProofBatch) -> list[Items]:
    """The lists of every block of the batch."""
    transactions, logs = batch.transactions.to_pylist(), batch.logs.to_pylist()
    blooms = batch.transactions["logs_bloom"].to_pylist()
    items = []
    for index, block in enumerate(batch.blocks.to_pylist()):
        start, stop = batch.transaction_starts[index : index + 2].tolist()
        rows = transactions[start:stop]
        receipts = [
            (
                row["type"],
                [
                    row["status"],
                    row["cumulative_gas_used"],
                    blooms[start + place],
                    [log_items(log) for log in _logs_of(batch, logs, start + place)],
                ],
            )
            for place, row in enumerate(rows)
        ]
        roots = block["transactions_root"], block["receipts_root"], block["hash"]
        items.append(
            Items(
                [(row["type"], row_items(row, RULES.transactions[row["type"]])) for row in rows],
                receipts,
                row_items(block, [*HEADER_START, *SEAL, *HEADER_FORKS]),
                roots,
            )
        )
    return items


def _logs_of(batch: ProofBatch, logs: Sequence[Any], transaction: int) -> Sequence[Any]:
    start, stop = batch.log_starts[transaction : transaction + 2].tolist()
    return logs[start:stop]


def log_items(log: dict[str, Any]) -> list[Any]:
    """The RLP list of a log."""
    topics = [log[f"topic{place}"] for place in range(4)]
    return [log["address"], [topic for topic in topics if topic is not None], log["data"]]


def prove_by_peer(items: Sequence[Items]) -> None:
    """rlp and py-trie. Raises AssertionError where a root differs."""
    hexary_trie: Any = import_module("trie").HexaryTrie
    for block in items:
        roots = []
        for rows in (block.transactions, block.receipts):
            trie = hexary_trie({}, prune=True)
            for index, (kind, row) in enumerate(rows):
                prefix = bytes([kind]) if kind else b""
                trie[rlp.encode(index)] = prefix + rlp.encode(row)
            roots.append(trie.root_hash)
        assert (*roots, keccak256(rlp.encode(block.header))) == block.roots


def main() -> None:
    """Make the blocks, measure, print."""
    payloads = mainnet_blocks(BLOCKS)
    decoded = decode_blocks(payloads, chain="devnet")
    batch = make_batch(decoded, rules=RULES)
    warm_up()
    timings: dict[str, float | str] = {}
    for size in BATCHES:
        part = decode_blocks(payloads[:size], chain="devnet")

        def prove(part: Any = part) -> None:
            levels = prove_blocks(part, rules=RULES)["level"].unique().to_pylist()
            assert levels == ["full"]

        timings[f"ours, batches of {size}"] = cpu_seconds(prove) / size
    few = decode_blocks(payloads[:PEER_BLOCKS], chain="devnet")
    timings["ours, without numba"] = (
        cpu_seconds(lambda: prove_blocks(few, rules=RULES, route="plain")) / PEER_BLOCKS
    )
    items = peer_items(batch)[:PEER_BLOCKS]
    timings["rlp + py-trie"] = _peer(lambda: prove_by_peer(items))
    base = timings["rlp + py-trie"]
    rows = [_row(name, seconds, base) for name, seconds in timings.items()]
    transactions = len(decoded.transactions) / BLOCKS
    logs = len(decoded.logs) / BLOCKS
    title = f"Proofs: {transactions:.0f} transactions, {logs:.0f} logs a block; one core"
    show(title, ("prover", "ms a block", "blocks/s", "ratio"), rows)


def _peer(run: Callable[[], None]) -> float | str:
    try:
        return cpu_seconds(run) / PEER_BLOCKS
    except ImportError as error:
        return f"{error.name} is not installed"


def _row(name: str, seconds: float | str, base: float | str) -> Sequence[object]:
    if isinstance(seconds, str):
        return (name, seconds, "", "")
    ratio = "" if isinstance(base, str) else f"{base / seconds:.1f}"
    return (name, f"{1000 * seconds:.3f}", f"{1 / seconds:.0f}", ratio)


if __name__ == "__main__":
    main()
