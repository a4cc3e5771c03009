"""A held block shows in Dagster, blocks nothing, and is gone from the check when it has healed."""

from __future__ import annotations

from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.defs.names import DECODED, ENRICHED
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.lab import Lab


def test_a_block_without_one_of_its_logs_is_held_and_shown_and_heals(lab: Lab) -> None:
    keys = lab.open_ranges()
    liar = max(range(10), key=lambda n: _log_count(lab, n))
    rules = (Fault(kind="missing_log", blocks=frozenset({liar})),)
    lab.devnet.faults = Faults(rules=rules)

    assert lab.run(keys[0], keys[1]).success

    verdicts = lab.verdicts(DECODED, "proofs")
    assert (verdicts[keys[0]], verdicts[keys[1]]) == (False, True)
    assert lab.verdicts(DECODED, "gaps")[keys[0]] is True
    assert keys[0] in lab.materializations(ENRICHED)
    assert lab.materializations(DECODED)[keys[0]].metadata["blocks_held"].value == 1
    assert liar not in lab.numbers(ENRICHED_BLOCKS)

    lab.devnet.faults = Faults()
    assert lab.run(keys[0], keys[1]).success
    assert lab.verdicts(DECODED, "proofs")[keys[0]] is True
    assert liar in lab.numbers(ENRICHED_BLOCKS)


def _log_count(lab: Lab, number: int) -> int:
    block = lab.devnet.canonical_block(number)
    return sum(len(receipt.logs) for receipt in block.receipts) if block else 0
