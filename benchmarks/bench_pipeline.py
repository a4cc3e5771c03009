"""From raw blobs to committed Delta tables: both engines, beside what others do with the blocks.

    python -m benchmarks.bench_pipeline [blocks] [growth]

Times are CPU seconds of this process and all its children (the JVM, Python workers), a block. The
peers do less: ethereum-etl's mappers turn JSON into Python dictionaries and write nothing; Spark's
own from_json with unhex makes typed rows of transactions and logs, and writes nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import peak_memory, show, tree_cpu_seconds
from chain_assets.assembly import spark_session
from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import RawPayload
from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.engine.spark import SparkEngine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.raw import materialize_raw
from chain_assets.sources.protocol import Header, RawBlock, header_of

BLOCKS = 500
GROWTH = (500, 5_000, 20_000)
RANGE = 1_000


@dataclass(frozen=True)
class Given:
    """A source of blocks that are there already."""

    payloads: Sequence[RawPayload]

    def head(self) -> Header:
        """The last block."""
        return self.header(self.payloads[-1].number)

    def finalized(self) -> Header:
        """All are final."""
        return self.head()

    def header(self, number: int) -> Header:
        """Read from the JSON."""
        payload = self.payloads[number - self.payloads[0].number]
        return header_of(json.loads(payload.payload)["block"], chain="devnet")

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The blocks asked for."""
        for number in numbers:
            payload = self.payloads[number - self.payloads[0].number]
            document = json.loads(payload.payload)
            logs = sum(len(receipt["logs"]) for receipt in document["receipts"])
            count = len(document["block"]["transactions"])
            yield RawBlock(self.header(number), payload.payload, "given", count, logs)


def bench_chain() -> Chain:
    """A chain with ranges of a thousand blocks."""
    devnet = load_settings({}).chain("devnet")
    return Chain(**{**vars(devnet), "ranges": (Delimiter(0, RANGE),)})


def filled_lake(folder: str, payloads: Sequence[RawPayload]) -> tuple[LakeTables, list[BlockRange]]:
    """A lake with the raw layer of `payloads`, and its ranges."""
    chain, tables = bench_chain(), LakeTables(Storage(folder))
    numbers = [payload.number for payload in payloads]
    ranges = [
        BlockRange(start, start + RANGE)
        for start in range(numbers[0] // RANGE * RANGE, numbers[-1] + 1, RANGE)
    ]
    for block_range in ranges:
        own = [number for number in numbers if number in block_range]
        materialize_raw(chain, block_range, source=Given(payloads), tables=tables, numbers=own)
    return tables, ranges


def decode_all(tables: LakeTables, ranges: Sequence[BlockRange], engine: Engine) -> None:
    """The decoded layer of all ranges."""
    for block_range in ranges:
        materialize_decoded(
            bench_chain(), block_range, tables=tables, engine=engine, registry=standard_registry()
        )


def engines() -> dict[str, Engine]:
    """Both, with a Spark session that has run a task."""
    settings = load_settings({})
    spark = SparkEngine(lambda: spark_session(settings))
    list(spark.map(len, ["warm"] * spark.parallelism))
    return {"chain_assets, local": LocalEngine(1), "chain_assets, Spark": spark}


def ours(payloads: Sequence[RawPayload]) -> dict[str, float]:
    """CPU milliseconds a block, by engine."""
    taken = {}
    for name, engine in engines().items():
        for measured in (False, True):
            size = len(payloads) if measured else 50
            with tempfile.TemporaryDirectory() as folder:
                tables, ranges = filled_lake(folder, payloads[:size])
                start = tree_cpu_seconds()
                decode_all(tables, ranges, engine)
                taken[name] = 1000 * (tree_cpu_seconds() - start) / size
    return taken


def ethereum_etl(payloads: Sequence[RawPayload]) -> float | None:
    """CPU milliseconds a block of ethereum-etl's mappers; None where it is not installed."""
    try:
        from ethereumetl.mappers.block_mapper import EthBlockMapper
        from ethereumetl.mappers.receipt_mapper import EthReceiptMapper
        from ethereumetl.mappers.token_transfer_mapper import EthTokenTransferMapper
        from ethereumetl.mappers.transaction_mapper import EthTransactionMapper
        from ethereumetl.service.token_transfer_extractor import EthTokenTransferExtractor
    except ImportError:
        return None
    blocks, transactions = EthBlockMapper(), EthTransactionMapper()
    receipts, transfers = EthReceiptMapper(), EthTokenTransferMapper()
    extractor = EthTokenTransferExtractor()

    def run() -> None:
        for payload in payloads:
            document = json.loads(payload.payload)
            block = blocks.json_dict_to_block(document["block"])
            blocks.block_to_dict(block)
            for transaction in block.transactions:
                transactions.transaction_to_dict(transaction)
            for item in document["receipts"]:
                receipt = receipts.json_dict_to_receipt(item)
                receipts.receipt_to_dict(receipt)
                for log in receipt.logs:
                    transfer = extractor.extract_transfer_from_log(log)
                    if transfer is not None:
                        transfers.token_transfer_to_dict(transfer)

    return _per_block(run, len(payloads))


def spark_from_json(payloads: Sequence[RawPayload]) -> float:
    """CPU milliseconds a block of Spark's JVM: lines → from_json → unhex of hashes and data."""
    session = spark_session(load_settings({}))
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "blocks.ndjson"
        lines.write_bytes(b"\n".join(payload.payload for payload in payloads))
        schema = (
            "block struct<number:string,hash:string,transactions:array<struct<hash:string,"
            "`from`:string,`to`:string,value:string,input:string,gas:string,nonce:string>>>,"
            "receipts array<struct<gasUsed:string,status:string,logs:array<struct<address:string,"
            "topics:array<string>,data:string,logIndex:string>>>>"
        )

        def hexed(name: str) -> str:
            return f"unhex(substring({name}, 3))"

        def run() -> None:
            frame = session.read.schema(schema).json(str(lines))
            frame.selectExpr("explode(block.transactions) t").selectExpr(
                hexed("t.hash"),
                hexed("t.`from`"),
                hexed("t.`to`"),
                hexed("t.input"),
                "conv(substring(t.gas, 3), 16, 10)",
                "conv(substring(t.nonce, 3), 16, 10)",
                hexed("t.value"),
            ).write.format("noop").mode("overwrite").save()
            frame.selectExpr("explode(receipts) r").selectExpr("explode(r.logs) l").selectExpr(
                hexed("l.address"),
                hexed("l.data"),
                hexed("get(l.topics, 0)"),
                "conv(substring(l.logIndex, 3), 16, 10)",
            ).write.format("noop").mode("overwrite").save()

        run()
        return _per_block(run, len(payloads))


def _per_block(run: Callable[[], None], blocks: int) -> float:
    start = tree_cpu_seconds()
    run()
    return 1000 * (tree_cpu_seconds() - start) / blocks


def growth(sizes: Sequence[int]) -> list[tuple[object, ...]]:
    """CPU a block and peak memory of the local engine, for ever more blocks of low density."""
    rows: list[tuple[object, ...]] = []
    for size in sizes:
        payloads = mainnet_blocks(size, transactions_per_block=10)
        with tempfile.TemporaryDirectory() as folder:
            tables, ranges = filled_lake(folder, payloads)
            start = tree_cpu_seconds()
            decode_all(tables, ranges, LocalEngine(1))
            taken = 1000 * (tree_cpu_seconds() - start) / size
        rows.append((f"{size:,} blocks", f"{taken:.2f}", f"{peak_memory():,.0f}"))
    return rows


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    blocks = int(arguments[0]) if arguments else BLOCKS
    payloads = mainnet_blocks(blocks)
    etl = ethereum_etl(payloads)
    results = {
        **ours(payloads),
        "ethereum-etl's mappers (dictionaries)": etl,
        "Spark's from_json (typed rows, part of the columns)": spark_from_json(payloads),
    }
    rows = [
        (name, "-", "-", "not installed")
        if taken is None
        else (name, f"{taken:.2f}", f"{1000 / taken:,.0f}", f"{(etl or taken) / taken:.2f}")
        for name, taken in results.items()
    ]
    header = ("from blobs to tables", "CPU ms a block", "blocks/s a core", "times ethereum-etl")
    show(f"The whole path, {blocks} blocks of mainnet density", header, rows)
    sizes = GROWTH if len(arguments) < 2 else tuple(map(int, arguments[1].split(",")))
    show("Growth (10 transactions a block)", ("", "CPU ms a block", "peak MB"), growth(sizes))


if __name__ == "__main__":
    main(sys.argv[1:])
