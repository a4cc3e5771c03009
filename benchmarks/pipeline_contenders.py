"""Who turns blocks into tables: this package on both engines, and two who do less.

Each is made in a process of its own, on some number of cores, and then runs again and again.
ethereum-etl's mappers turn JSON into Python dictionaries; Spark's from_json and unhex make typed
rows of a part of the columns. Neither proves anything, or writes anything.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from benchmarks.made_blocks import mainnet_blocks
from benchmarks.pipeline_lake import decode, forget_decoded
from chain_assets.assembly import spark_session
from chain_assets.config import load_settings
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.engine.spark import SparkEngine

# What our engines warm up with: kernels are loaded, and the JVM has run a task on each core.
WARM_BLOCKS = 100


@dataclass(frozen=True)
class Task:
    """A lake whose raw layer is filled, how many of its blocks, and on how many cores."""

    lake: Path
    blocks: int
    cores: int


class Contender(Protocol):
    """Takes all blocks of its task, again and again."""

    def run(self) -> int | None:
        """How many rows were made; None where that is not counted."""
        ...

    def tidy(self) -> None:
        """Undo what `run` left behind; nobody looks at the clock."""
        ...

    def warm_up(self) -> None:
        """Be ready for the first `run` that counts."""
        ...

    def close(self) -> None:
        """End what was started: a process does not end before its own processes have."""
        ...


class Ours:
    """Blobs to committed Delta tables, proofs included."""

    def __init__(self, task: Task, engine: Engine) -> None:
        self._task, self._engine = task, engine

    def run(self) -> int:
        return decode(self._task.lake, self._task.blocks, self._engine)

    def tidy(self) -> None:
        forget_decoded(self._task.lake)

    def warm_up(self) -> None:
        # Not all blocks: a long run's peak memory would be that of its warm-up.
        decode(self._task.lake, WARM_BLOCKS, self._engine)
        self.tidy()

    def close(self) -> None:
        if isinstance(self._engine, SparkEngine):
            self._engine.session.stop()


def local(task: Task) -> Contender:
    """In threads of this process."""
    return Ours(task, LocalEngine(task.cores))


def spark(task: Task) -> Contender:
    """On Spark."""
    settings = load_settings({"CHAIN_ASSETS_SPARK_MASTER": f"local[{task.cores}]"})
    return Ours(task, SparkEngine(lambda: spark_session(settings)))


class EthereumEtl:
    """ethereum-etl's mappers, in as many processes as there are cores. Raises ImportError."""

    def __init__(self, task: Task) -> None:
        # Here, where it is told that it is not installed; the processes below import it anew.
        import_module("ethereumetl.mappers.block_mapper")
        self._pools = [
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) for _ in range(task.cores)
        ]
        for core, pool in enumerate(self._pools):
            pool.submit(_load_payloads, task.blocks, core, task.cores).result()

    def run(self) -> int:
        return sum(future.result() for future in [p.submit(_map_payloads) for p in self._pools])

    def tidy(self) -> None:
        pass

    def warm_up(self) -> None:
        self.run()

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()


_payloads: list[bytes] = []


def _load_payloads(blocks: int, core: int, cores: int) -> None:
    # It warns of each token transfer that it cannot read: printing would be part of its time.
    logging.disable(logging.WARNING)
    _payloads[:] = [raw.payload for raw in mainnet_blocks(blocks)[core::cores]]


def _map_payloads() -> int:
    from ethereumetl.mappers.block_mapper import EthBlockMapper
    from ethereumetl.mappers.receipt_log_mapper import EthReceiptLogMapper
    from ethereumetl.mappers.receipt_mapper import EthReceiptMapper
    from ethereumetl.mappers.token_transfer_mapper import EthTokenTransferMapper
    from ethereumetl.mappers.transaction_mapper import EthTransactionMapper
    from ethereumetl.service.token_transfer_extractor import EthTokenTransferExtractor

    blocks, transactions = EthBlockMapper(), EthTransactionMapper()
    receipts, logs, transfers = EthReceiptMapper(), EthReceiptLogMapper(), EthTokenTransferMapper()
    extractor = EthTokenTransferExtractor()
    rows = 0
    for payload in _payloads:
        document = json.loads(payload)
        block = blocks.json_dict_to_block(document["block"])
        made = [blocks.block_to_dict(block)]
        made += [transactions.transaction_to_dict(one) for one in block.transactions]
        for item in document["receipts"]:
            receipt = receipts.json_dict_to_receipt(item)
            made.append(receipts.receipt_to_dict(receipt))
            made += [logs.receipt_log_to_dict(log) for log in receipt.logs]
            found = [extractor.extract_transfer_from_log(log) for log in receipt.logs]
            made += [transfers.token_transfer_to_dict(one) for one in found if one is not None]
        rows += len(made)
    return rows


class FromJson:
    """Spark's own: lines → from_json → unhex and conv of some columns, to nowhere."""

    _SCHEMA = (
        "block struct<number:string,hash:string,transactions:array<struct<hash:string,"
        "`from`:string,`to`:string,value:string,input:string,gas:string,nonce:string>>>,"
        "receipts array<struct<gasUsed:string,status:string,logs:array<struct<address:string,"
        "topics:array<string>,data:string,logIndex:string>>>>"
    )

    def __init__(self, task: Task) -> None:
        settings = load_settings({"CHAIN_ASSETS_SPARK_MASTER": f"local[{task.cores}]"})
        self._session = spark_session(settings)
        # A file a core, at least: Spark's splits of one file may leave a core without work.
        self._lines = task.lake.with_name(f"{task.lake.name}-lines-{task.cores}")
        self._lines.mkdir(exist_ok=True)
        payloads = [raw.payload for raw in mainnet_blocks(task.blocks)]
        for core in range(task.cores):
            lines = b"\n".join(payloads[core :: task.cores])
            (self._lines / f"{core}.ndjson").write_bytes(lines)

    def run(self) -> None:
        frame = self._session.read.schema(self._SCHEMA).json(str(self._lines))
        transactions = frame.selectExpr("explode(block.transactions) t").selectExpr(
            *map(_unhex, ("t.hash", "t.`from`", "t.`to`", "t.input", "t.value")),
            "conv(substring(t.gas, 3), 16, 10)",
            "conv(substring(t.nonce, 3), 16, 10)",
        )
        receipts = frame.selectExpr("explode(receipts) r")
        logs = receipts.selectExpr("explode(r.logs) l").selectExpr(
            *map(_unhex, ("l.address", "l.data", "get(l.topics, 0)")),
            "conv(substring(l.logIndex, 3), 16, 10)",
        )
        for rows in (transactions, logs):
            rows.write.format("noop").mode("overwrite").save()

    def tidy(self) -> None:
        pass

    def warm_up(self) -> None:
        self.run()

    def close(self) -> None:
        self._session.stop()


def _unhex(name: str) -> str:
    return f"unhex(substring({name}, 3))"


CONTENDERS: dict[str, Callable[[Task], Contender]] = {
    "chain_assets, local": local,
    "chain_assets, Spark": spark,
    "ethereum-etl's mappers": EthereumEtl,
    "Spark's from_json": FromJson,
}
