"""Proofs of blocks against their own headers: hash, three roots, bloom, sums and sequences.

rules.py       which rules a chain follows        encodings.py   what is hashed, field by field
batch.py       rows assigned to their blocks      verify.py      the front door
plain.py       the slow route                     verdict.py, row_checks.py   levels and reasons
compiled.py    the fast route: slices.py, rlp_batch.py, trie_batch.py, bloom.py over kernels
senders.py     who signed, on request             warm_up.py     compiles the kernels beforehand
"""

from chain_assets.core.proofs.rules import ProofRules, rules_for
from chain_assets.core.proofs.verdict import Level
from chain_assets.core.proofs.verify import VERIFIER, prove_blocks
from chain_assets.core.proofs.warm_up import warm_up

__all__ = ["VERIFIER", "Level", "ProofRules", "prove_blocks", "rules_for", "warm_up"]
