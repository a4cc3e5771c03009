"""Compiles the kernels, or loads them from their cache, before the first block needs them.

numba keeps what it compiled beside the sources, by their time stamps and the CPU's features: a new
version of the package, or another kind of machine, compiles anew. Where the package's folder
cannot be written numba uses the user's cache folder.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from chain_assets.core import block_json
from chain_assets.core.abi import warm_up as abi
from chain_assets.core.proofs import warm_up as warm_up_proofs


def warm_up() -> None:
    """Make all kernels ready. Seconds the first time on a machine, well under one afterwards."""
    forget_older(Path(__file__).parent)
    block_json.warm_up()
    abi.warm_up()
    warm_up_proofs()


def forget_older(folder: Path) -> None:
    """Remove what numba compiled of other sources than those that lie below `folder` now.

    numba looks at the file of a kernel alone, but has compiled into it what it calls in other
    files: after an update of these it would go on with their old code.
    """
    digest = sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    note = folder / "__pycache__" / "kernels.sha256"
    # Where nothing can be written here numba has kept nothing here.
    with suppress(OSError):
        if note.exists() and note.read_text() == digest.hexdigest():
            return
        for kept in folder.rglob("__pycache__/*.nb[ic]"):
            kept.unlink(missing_ok=True)
        note.parent.mkdir(exist_ok=True)
        note.write_text(digest.hexdigest())
