"""Compiles the kernels, or loads them from their cache, before the first block needs them.

numba keeps what it compiled beside the sources, by their time stamps and the CPU's features: a new
version of the package, or another kind of machine, compiles anew. Where the package's folder
cannot be written numba uses the user's cache folder.
"""

from __future__ import annotations

from chain_assets.core import block_json
from chain_assets.core.abi import warm_up as abi
from chain_assets.core.proofs import warm_up as warm_up_proofs


def warm_up() -> None:
    """Make all kernels ready. Seconds the first time on a machine, well under one afterwards."""
    block_json.warm_up()
    abi.warm_up()
    warm_up_proofs()
