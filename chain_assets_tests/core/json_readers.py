"""The two readers of block JSON, compared over whatever the kernel takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from chain_assets.core.block_tables import BLOCK_TABLES, BlockTables, RawPayload
from chain_assets.core.json_kernel.batches import decode_plain
from chain_assets.core.json_strict import decode_strict
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets_tests.slow_route.real_blocks import chains_of, read_chain

Json = dict[str, Any]


def compact(document: Json) -> RawPayload:
    """The document as the sources store it: orjson's text, without white space."""
    block = document["block"]
    content = orjson.dumps(document)
    return RawPayload(int(block["number"], 16), bytes.fromhex(block["hash"][2:]), content)


def devnet_payloads(*, transactions: int, blocks: int) -> list[RawPayload]:
    """Blocks of a devnet with about so many transactions each, without the empty genesis."""
    spec = DevnetSpec(transactions_per_block=transactions, blocks=blocks + 1)
    source = DevnetSource(Devnet(spec))
    return [
        RawPayload(block.header.number, block.header.hash, block.payload)
        for block in source.blocks(range(1, blocks + 1))
    ]


def real_payloads(folder: Path) -> list[RawPayload]:
    """Every real block, as the sources would store it."""
    return [
        compact(block.document)
        for chain in chains_of(folder)
        for block in read_chain(folder, chain)
    ]


def shortened(raw: RawPayload, *, transactions: int) -> RawPayload:
    """The block with its first transactions only: no proof holds, but everything is decoded."""
    document = orjson.loads(raw.payload)
    block, receipts = document["block"], document["receipts"]
    block["transactions"] = block["transactions"][:transactions]
    block["withdrawals"] = (block.get("withdrawals") or [])[:2]
    if receipts is not None:
        document["receipts"] = receipts[:transactions]
        for receipt in document["receipts"]:
            receipt["logs"] = receipt["logs"][:2]
    return compact(document)


def tables_of(tables: BlockTables) -> tuple[pa.Table, ...]:
    """In the order of BLOCK_TABLES."""
    return (tables.blocks, tables.transactions, tables.logs, tables.withdrawals)


def differences(payloads: Sequence[RawPayload]) -> list[str]:
    """What the readers disagree on over the blocks that the kernel takes; empty if nothing."""
    plain = decode_plain(payloads)
    taken = [raw for raw, taken in zip(payloads, plain.taken, strict=True) if taken]
    strict = decode_strict(taken, chain="test")
    found = [f"taken although refused: {error}" for error in strict.refused]
    if found:
        return found
    for contract, own, wanted in zip(BLOCK_TABLES, plain.tables, tables_of(strict), strict=True):
        own.validate(full=True)
        if own.schema != wanted.schema:
            found.append(f"{contract.name}: another schema")
        found += [
            f"{contract.name}.{name}"
            for name in wanted.column_names
            if not own[name].equals(wanted[name])
        ]
    if plain.unknown_fields != strict.unknown_fields:
        found.append(f"unknown: {plain.unknown_fields} and {strict.unknown_fields}")
    return found


def taken_of(payloads: Sequence[RawPayload]) -> list[bool]:
    """Which payloads the kernel takes."""
    return list(decode_plain(payloads).taken)
