"""The front door: routes, warm-up, tables that do not belong together."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from chain_assets.core import keccak_batch
from chain_assets.core.proofs import (
    bloom,
    log_kernel,
    prove_blocks,
    rlp_kernel,
    rules_for,
    trie_kernel,
    trie_shape,
    warm_up,
)
from chain_assets.core.proofs.warm_up import one_of_everything
from chain_assets.core.schemas.proofs import BLOCK_PROOFS
from chain_assets_tests.core.proof_cases import DEVNET, decode_one, merge, prove
from chain_assets_tests.sources.devnet_chains import sparse_documents

ETHEREUM = rules_for("ethereum", 1)
_WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
from chain_assets.core.proofs import prove_blocks, rules_for, warm_up
from chain_assets.core.proofs.warm_up import one_of_everything
warm_up()
(row,) = prove_blocks(one_of_everything(), rules=rules_for("ethereum", 1)).to_pylist()
assert row["level"] == "failed", row
"""


def test_rows_are_those_of_the_tables_contract() -> None:
    rows = prove_blocks(one_of_everything(), rules=ETHEREUM)
    promised = BLOCK_PROOFS.file_schema
    assert {field.name: field for field in rows.schema}.items() <= {
        field.name: field for field in promised
    }.items()


def test_a_block_of_made_up_rows_fails_in_everything_alike_on_both_routes() -> None:
    compiled = prove_blocks(one_of_everything(), rules=ETHEREUM, route="compiled")
    assert compiled.equals(prove_blocks(one_of_everything(), rules=ETHEREUM, route="plain"))
    (row,) = compiled.to_pylist()
    assert row["level"] == "failed"
    assert not any(value for name, value in row.items() if name.endswith("_ok"))


def test_blocks_are_proved_without_numba() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_NUMBA], check=True, timeout=120)


def test_after_the_warm_up_nothing_is_compiled_for_a_real_batch() -> None:
    warm_up()

    def signatures() -> dict[str, int]:
        modules: tuple[Any, ...] = (
            *(bloom, keccak_batch, log_kernel),
            *(rlp_kernel, trie_kernel, trie_shape),
        )
        return {
            f"{module.__name__}.{name}": len(value.signatures)
            for module in modules
            for name, value in vars(module).items()
            if hasattr(value, "signatures")
        }

    before = signatures()
    assert before
    prove(sparse_documents()[:20], DEVNET, route="compiled")
    assert signatures() == before


@pytest.mark.parametrize("table", ["transactions", "logs", "withdrawals"])
def test_tables_of_different_decodes_are_refused(table: str) -> None:
    decoded = merge([decode_one(document) for document in sparse_documents()[1:4]])
    lost = dataclasses.replace(decoded, **{table: getattr(decoded, table).slice(1)})
    with pytest.raises(ValueError, match=f"rows of {table} for a count of"):
        prove_blocks(lost, rules=DEVNET)


def test_an_unknown_route_is_refused() -> None:
    with pytest.raises(ValueError, match="no such route: 'fast'"):
        prove_blocks(one_of_everything(), rules=ETHEREUM, route="fast")  # type: ignore[arg-type]
