"""The folder of real blocks: `<chain>/<blocks or blocks-txonly>/<number>-<hash8>.json.gz`."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chain_assets.core.block_json import RawPayload
from chain_assets_tests.slow_route.readers import Json


@dataclass(frozen=True, eq=False)
class RealBlock:
    """One file of the folder, read by plain `json`; `receipts` is None where there are none.

    It is equal to itself only, so that what was made of it can be kept by it.
    """

    path: Path
    document: Json

    @property
    def number(self) -> int:
        return int(self.document["block"]["number"], 16)

    @property
    def hash(self) -> bytes:
        return bytes.fromhex(self.document["block"]["hash"][2:])

    @property
    def payload(self) -> RawPayload:
        """What the decoder is given."""
        return RawPayload(self.number, self.hash, json.dumps(self.document).encode())


def chains_of(folder: Path) -> list[str]:
    """The names of the chains that have blocks in `folder`."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


@cache
def read_chain(folder: Path, chain: str) -> tuple[RealBlock, ...]:
    """Every block of `chain`, with and without receipts, by number."""
    blocks = []
    for path in (folder / chain).glob("*/*.json.gz"):
        content = json.loads(gzip.decompress(path.read_bytes()))
        document = {"block": content["block"], "receipts": content["receipts"]}
        blocks.append(RealBlock(path, document))
    return tuple(sorted(blocks, key=lambda block: block.number))
