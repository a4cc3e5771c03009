"""Documents proved: decoded by the product, by the rules of the chain that they are of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from chain_assets.config import load_settings
from chain_assets.core.block_tables import BlockTables, RawPayload
from chain_assets.core.json_strict import decode_strict
from chain_assets.core.proofs import ProofRules, prove_blocks, rules_for
from chain_assets_tests.slow_route.real_blocks import read_chain

Json = dict[str, Any]

DEVNET = rules_for("ethereum", 1337)


@cache
def rules_of(chain: str) -> ProofRules:
    """The rules of a chain by chains.toml."""
    known = load_settings({}).chain(chain)
    return rules_for(known.proof_rules, known.chain_id)


def real_documents(folder: Path, chain: str) -> list[Json]:
    """Every real block of `chain`."""
    return [block.document for block in read_chain(folder, chain)]


def real_document(folder: Path, chain: str, number: int) -> Json:
    """The real block `number` of `chain`; the first of its file names where there are two."""
    return next(b.document for b in read_chain(folder, chain) if b.number == number)


def decode_one(document: Json) -> BlockTables:
    """The document decoded; its error is in `refused` where it cannot be."""
    block = document["block"]
    raw = RawPayload(
        int(block["number"], 16), bytes.fromhex(block["hash"][2:]), orjson.dumps(document)
    )
    return decode_strict([raw], chain="testchain")


def merge(decoded: Sequence[BlockTables]) -> BlockTables:
    """The blocks of many decodes as if of one."""
    tables = {
        field.name: pa.concat_tables([getattr(each, field.name) for each in decoded])
        for field in fields(BlockTables)
        if field.name not in ("unknown_fields", "refused")
    }
    return BlockTables(**tables, unknown_fields=Counter(), refused=())


def prove(documents: Iterable[Json], rules: ProofRules, **options: Any) -> list[Json]:
    """One proof a document. Asserts that all of them can be decoded."""
    decoded = [decode_one(document) for document in documents]
    assert not any(each.refused for each in decoded), [each.refused for each in decoded]
    rows: list[Json] = prove_blocks(merge(decoded), rules=rules, **options).to_pylist()
    return rows


def verdicts(proof: Json) -> dict[str, bool | None]:
    """What was found out part by part, without the suffix `_ok`."""
    return {name[:-3]: value for name, value in proof.items() if name.endswith("_ok")}
