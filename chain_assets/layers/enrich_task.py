"""What a worker does for enriched_*: decoded rows of some blocks → joined rows → Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.chains import Chain
from chain_assets.core.enrich import DecodedRows, ReferenceTables, decoded_columns, enrich
from chain_assets.core.errors import CommitConflict
from chain_assets.core.key_order import in_key_order
from chain_assets.core.schemas import ENRICHED_TABLES, Table
from chain_assets.core.schemas.abi import CALLS, TOKEN_TRANSFERS
from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets.lake.data_files import DataFile, open_data_file, read_columns
from chain_assets.lake.storage import ObjectStore, Storage, open_store
from chain_assets.layers.young_blocks import write_rows

INPUTS = (BLOCKS, TRANSACTIONS, CALLS, TOKEN_TRANSFERS)


@dataclass(frozen=True)
class InputFile:
    """A live file of a decoded table, its size in bytes, and its bounds, where they are known."""

    path: str
    size: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class EnrichContext:
    """What all tasks of a range share; it crosses to the workers.

    `files` are the live files of the decoded tables, by table. Blocks from `young` on may yet be
    replaced.
    """

    chain: Chain
    block_range: str
    storage: Storage
    reference: ReferenceTables
    files: Mapping[str, tuple[InputFile, ...]]
    young: int = 0

    @property
    def partition(self) -> dict[str, str]:
        """The Delta partition of all files read and written."""
        return {"chain": self.chain.name, "block_range": self.block_range}


@dataclass(frozen=True)
class BlockToEnrich:
    """A block, and about how many bytes its rows take."""

    number: int
    size_bytes: int


@dataclass(frozen=True)
class EnrichResult:
    """What a task wrote."""

    files: tuple[DataFile, ...]
    blocks: int
    bytes_read: int


def enrich_task(context: EnrichContext, blocks: Sequence[BlockToEnrich]) -> EnrichResult:
    """Read, enrich and write the blocks of one task. Runs on a worker.

    Raises StorageFailed, and CommitConflict where another run is changing the decoded tables.
    """
    store = open_store(context.storage)
    numbers = pa.array([block.number for block in blocks], pa.int64())
    inputs = {table.name: _read(store, context, table, numbers) for table in INPUTS}
    _check_whole(context, blocks, inputs)
    rows = DecodedRows(
        blocks=inputs[BLOCKS.name],
        transactions=inputs[TRANSACTIONS.name],
        calls=inputs[CALLS.name],
        token_transfers=inputs[TOKEN_TRANSFERS.name],
    )
    enriched = enrich(
        rows,
        context.reference,
        native_decimals=context.chain.native_decimals,
        max_price_age=context.chain.max_price_age,
    )
    files: list[DataFile] = []
    for table in ENRICHED_TABLES:
        rows = enriched[table.name]
        files += write_rows(store, table, rows, partition=context.partition, young=context.young)
    return EnrichResult(tuple(files), len(blocks), sum(t.nbytes for t in inputs.values()))


def _check_whole(
    context: EnrichContext, blocks: Sequence[BlockToEnrich], inputs: Mapping[str, pa.Table]
) -> None:
    """Tables are read one after another: refuse what a commit in between has torn apart."""
    decoded = inputs[BLOCKS.name]
    hashes = decoded["hash"].combine_chunks()
    whole = (
        len(decoded) == len(blocks)
        and pc.sum(decoded["transaction_count"]).as_py() == len(inputs[TRANSACTIONS.name])
        and all(
            pc.all(pc.is_in(inputs[table.name]["block_hash"], hashes), min_count=0).as_py()
            for table in INPUTS[1:]
        )
    )
    if not whole:
        raise CommitConflict(
            f"{context.block_range} was changed while it was read",
            chain=context.chain.name,
            table=BLOCKS.name,
            todo="Run it again when the other run is done",
        )


def _read(store: ObjectStore, context: EnrichContext, table: Table, numbers: pa.Array) -> pa.Table:
    """Of the rows of blocks `numbers` what enriched rows are made of, in the order of their key."""
    names = decoded_columns(table)
    empty = table.schema_of(names).empty_table()
    bounds = pc.min_max(numbers).as_py()
    first, last = bounds["min"], bounds["max"]
    # So that rows are mostly in order as they come.
    files = sorted(context.files[table.name], key=lambda file: file.first or 0)
    parts = [
        _read_file(store, table, file, numbers, names, (first, last))
        for file in files
        if file.first is None or file.last is None or (file.first <= last and file.last >= first)
    ]
    return in_key_order(pa.concat_tables([empty, *parts]), table).combine_chunks()


def _read_file(
    store: ObjectStore,
    table: Table,
    file: InputFile,
    numbers: pa.Array,
    names: Sequence[str],
    bounds: tuple[int, int],
) -> pa.Table:
    opened = open_data_file(store, table, file.path, size=file.size)
    number = table.number_column
    # First only the numbers: a large file may lie around a block that is in a small one.
    found = read_columns(opened, table, file.path, [number], blocks=bounds)
    mine = pc.is_in(found[number], numbers)
    if not pc.any(mine, min_count=0).as_py():
        return table.schema_of(names).empty_table()
    return read_columns(opened, table, file.path, names, blocks=bounds).filter(mine)
