"""The scanner: reads the tables of a range and compares them, block by block. It changes nothing.

    blobs ← raw_blocks ← decoded_blocks ← the decoded tables
                       ↖ block_changes  ↖ enriched_blocks ← the enriched tables

Each layer is compared with the one before, and each table with the block table of its layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich.versions import enricher_versions
from chain_assets.core.proofs import rules_for
from chain_assets.core.quality import counts, duplicates
from chain_assets.core.reorgs import changes_between, linked_spans, replay
from chain_assets.core.schemas import (
    BLOCK_CHANGES,
    BLOCK_PROOFS,
    DECODED_TABLES,
    ENRICHED_TABLES,
    RAW_BLOCKS,
    REORGS,
    Table,
)
from chain_assets.core.schemas.abi import EVENTS
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.core.schemas.enriched import TRANSACTIONS as ENRICHED_TRANSACTIONS
from chain_assets.lake.blobs import blob_folder
from chain_assets.layers.decode_task import decoder_version
from chain_assets.layers.findings import Finding, Kind, LayerName, Scan
from chain_assets.layers.proving import read_held
from chain_assets.layers.raw_index import IndexRow, read_index
from chain_assets.layers.reference import stored_reference


def scan_range(scan: Scan, block_range: BlockRange) -> list[Finding]:
    """All that is wrong with the range. Raises StorageFailed."""
    rows = read_index(scan.tables, chain=scan.chain.name, block_range=block_range.key)
    canonical = {row.number: row for row in rows if row.canonical}
    look = Look(scan, block_range, canonical)
    found = (*look.raw(rows), *look.decoded(), *look.enriched())
    return [finding for finding in found if finding.numbers]


@dataclass(frozen=True)
class Look:
    """One range, looked at layer by layer; each method yields a finding a table and kind, many of
    them without a block."""

    scan: Scan
    block_range: BlockRange
    canonical: dict[int, IndexRow]

    @property
    def _partition(self) -> dict[str, str]:
        return {"chain": self.scan.chain.name, "block_range": self.block_range.key}

    def _read(self, table: Table, *columns: str) -> pa.Table:
        return self.scan.tables.read(table, columns=list(columns), **self._partition)

    def _found(
        self, kind: Kind, layer: LayerName, table: Table, numbers: Collection[int]
    ) -> Finding:
        return Finding(kind, layer, table.name, self.block_range, tuple(sorted(set(numbers))))

    def raw(self, rows: Sequence[IndexRow]) -> Iterator[Finding]:
        """The index, all of whose rows are `rows`, the blobs, and what was told of them."""
        wanted = self.block_range.between(self.scan.chain.start_block, self.scan.top)
        absent = set(wanted) - self.canonical.keys() - self.scan.held_back["raw"]
        yield self._found("missing", "raw", RAW_BLOCKS, absent)
        stored = Counter((row.number, row.hash) for row in rows)
        canonical = Counter(row.number for row in rows if row.canonical)
        twice = [number for (number, _), times in stored.items() if times > 1]
        twice += [number for number, times in canonical.items() if times > 1]
        yield self._found("doubled", "raw", RAW_BLOCKS, twice)
        spans = linked_spans({n: (r.hash, r.parent_hash) for n, r in self.canonical.items()})
        starts = [s.start for s in spans if s.start - 1 in self.canonical]
        yield self._found("unlinked", "raw", RAW_BLOCKS, [n for s in starts for n in (s - 1, s)])
        sizes = self.scan.tables.store.sizes(
            blob_folder(self.scan.chain.name, self.block_range.key)
        )
        lost = [r.number for r in self.canonical.values() if sizes.get(r.uri) != r.size_bytes]
        yield self._found("lost", "raw", RAW_BLOCKS, lost)
        told = self._read(BLOCK_CHANGES, "sequence", "number", "hash", "change")
        reorgs = self._read(REORGS, *REORGS.key, REORGS.number_column)
        for table, rows_told in ((BLOCK_CHANGES, told), (REORGS, reorgs)):
            keys = rows_told[table.key[0]].to_pylist()
            times, numbers = Counter(keys), rows_told[table.number_column].to_pylist()
            doubled = [n for n, key in zip(numbers, keys, strict=True) if times[key] > 1]
            yield self._found("doubled", "raw", table, doubled)
        yield self._found("untold", "raw", BLOCK_CHANGES, self._untold(told))

    def _untold(self, told: pa.Table) -> list[int]:
        by_sequence = {row["sequence"]: row for row in told.to_pylist()}
        steps = [
            ((row["number"], row["hash"]), row["change"]) for _, row in sorted(by_sequence.items())
        ]
        canonical = [(row.number, row.hash) for row in self.canonical.values()]
        try:
            changes = changes_between(replay(steps), canonical)
        except ValueError:
            return [number for (number, _), _ in steps]
        return [number for number, _ in (*changes.removed, *changes.added)]

    def decoded(self) -> Iterator[Finding]:
        """The decoded tables, against the canonical rows of the index."""
        chain = self.scan.chain
        held = read_held(self.scan.tables, self._partition)
        blocks = self._read(
            BLOCKS,
            "number",
            "hash",
            "raw_sha256",
            "decoder_version",
            "transaction_count",
            "log_count",
            "withdrawal_count",
        )
        rows = {row["number"]: row for row in blocks.to_pylist()}
        settled = {
            n
            for n, h in held.items()
            if n in self.canonical and h.block.hash == self.canonical[n].hash
        }
        yield self._found(
            "missing",
            "decoded",
            BLOCKS,
            self.canonical.keys() - rows.keys() - settled - self.scan.held_back["raw"],
        )
        rules = rules_for(chain.proof_rules, chain.chain_id)
        version = decoder_version(self.scan.registry, rules)
        same = {n for n, row in rows.items() if _is_of(self.canonical.get(n), row)}
        stale = {n for n in same if rows[n]["decoder_version"] != version}
        yield self._found("stale", "decoded", BLOCKS, stale)
        yield from self._layer("decoded", DECODED_TABLES, {n: self.canonical[n].hash for n in same})
        proved = self._read(BLOCK_PROOFS, "number", "hash")
        yield self._found("doubled", "decoded", BLOCK_PROOFS, _twice(BLOCK_PROOFS, proved))
        yield self._found(
            "orphaned",
            "decoded",
            BLOCK_PROOFS,
            _foreign(proved, "number", "hash", {n: r.hash for n, r in self.canonical.items()}),
        )
        said = {
            TRANSACTIONS: "transaction_count",
            LOGS: "log_count",
            EVENTS: "log_count",
            WITHDRAWALS: "withdrawal_count",
        }
        for table, column in said.items():
            yield self._torn("decoded", table, {n: rows[n][column] for n in same})

    def enriched(self) -> Iterator[Finding]:
        """The enriched tables, against the decoded ones."""
        decoded = self._read(
            BLOCKS,
            "number",
            "hash",
            "timestamp",
            "raw_sha256",
            "decoder_version",
            "transaction_count",
        )
        wanted = {row["number"]: row for row in decoded.to_pylist()}
        blocks = self._read(
            ENRICHED_BLOCKS, "number", "hash", "raw_sha256", "decoder_version", "enricher_version"
        )
        rows = {row["number"]: row for row in blocks.to_pylist()}
        held = self.scan.held_back["enriched"]
        yield self._found(
            "missing", "enriched", ENRICHED_BLOCKS, wanted.keys() - rows.keys() - held
        )
        same = {n for n, row in rows.items() if n in wanted and _alike(wanted[n], row)}
        versions = enricher_versions(
            decoded["timestamp"].combine_chunks(),
            stored_reference(self.scan.chain.name, self.scan.tables),
            max_price_age=self.scan.chain.max_price_age,
        )
        current = dict(zip(decoded["number"].to_pylist(), versions, strict=True))
        stale = {n for n in same if rows[n]["enricher_version"] != current[n]}
        old = {n for n, row in rows.items() if n in wanted and row["hash"] == wanted[n]["hash"]}
        yield self._found("stale", "enriched", ENRICHED_BLOCKS, stale | (old - same))
        yield from self._layer("enriched", ENRICHED_TABLES, {n: wanted[n]["hash"] for n in old})
        said = {n: wanted[n]["transaction_count"] for n in same}
        yield self._torn("enriched", ENRICHED_TRANSACTIONS, said)

    def _layer(
        self, layer: LayerName, tables: Sequence[Table], hashes: dict[int, bytes]
    ) -> Iterator[Finding]:
        """Rows that stand twice, and rows of no block that the witness table has."""
        for table in tables:
            block_hash = "hash" if table.number_column == "number" else "block_hash"
            columns = dict.fromkeys((*table.key, table.number_column, block_hash))
            rows = self._read(table, *columns)
            yield self._found("doubled", layer, table, _twice(table, rows))
            foreign = _foreign(rows, table.number_column, block_hash, hashes)
            yield self._found("orphaned", layer, table, foreign)

    def _torn(self, layer: LayerName, table: Table, said: dict[int, int | None]) -> Finding:
        numbers = self._read(table, table.number_column)[table.number_column]
        known = {n: count for n, count in said.items() if count is not None}
        wrong = counts(table, numbers, said=known)
        return self._found("torn", layer, table, [violation.block for violation in wrong])


def _is_of(row: IndexRow | None, decoded: dict[str, object]) -> bool:
    return row is not None and (row.hash, row.sha256) == (decoded["hash"], decoded["raw_sha256"])


def _alike(decoded: dict[str, object], enriched: dict[str, object]) -> bool:
    same = ("hash", "raw_sha256", "decoder_version")
    return all(decoded[name] == enriched[name] for name in same)


def _twice(table: Table, rows: pa.Table) -> list[int]:
    return [violation.block for violation in duplicates(table, rows)]


def _foreign(rows: pa.Table, number: str, block_hash: str, hashes: dict[int, bytes]) -> list[int]:
    """Numbers of rows whose block is not the one of that number in `hashes`."""
    found = rows.select([number, block_hash]).group_by([number, block_hash]).aggregate([])
    return [row[number] for row in found.to_pylist() if hashes.get(row[number]) != row[block_hash]]
